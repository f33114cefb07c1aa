"""Hooks whose client answers what a test says, and refuses a request that AWS's own model of the API refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from tests.unit.config.conftest import PLATFORMS, TENANT
from tests.unit.stacks.examples import REGION

Stubbed = Callable[[type[Any], str], tuple[Any, Stubber]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A configuration of one tenant."""
    (tmp_path / "platforms.yaml").write_text(PLATFORMS)
    (tmp_path / "tenants").mkdir()
    (tmp_path / "tenants" / "xy-0146.yaml").write_text(TENANT)
    return tmp_path


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubbed]:
    """Make a hook and the script of its client's answers, all of which have to be asked for."""
    with ExitStack() as scripts:

        def make(hook: type[Any], service: str) -> tuple[Any, Stubber]:
            client: Any = boto3.client(  # type: ignore[call-overload]
                service, region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x"
            )
            monkeypatch.setattr(hook, "get_conn", lambda self: client)
            script = scripts.enter_context(Stubber(client))
            scripts.callback(script.assert_no_pending_responses)
            return hook(aws_conn_id=None, region_name=REGION), script

        yield make


def client_error(code: str, message: str = "as AWS says", status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Operation")

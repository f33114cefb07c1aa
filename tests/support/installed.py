"""A laptop's AWS with a small tenant's namespaces on it, reached by this process's hooks as they reach AWS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

from snaplift.config.tenant import Tenant
from tests.support.installation import ENVIRONMENTS, REGION, Installation, provisioned
from tests.support.laptop import start_laptop

# States are passed through so fast that they are rarely seen; tests that need to see one set its delay.
_FAST: Final = {"*": 0.0, "ecs.steady": 0.2, "ecs.start": 0.1, "ecs.health_interval": 0.2, "elb.health_interval": 0.2}


@contextmanager
def installed(
    folder: Path, of: Tenant | None = None, environments: Sequence[str] = ENVIRONMENTS
) -> Iterator[Installation]:
    """Start one in a folder; leaving ends it. The product's hooks find it by the environment alone.

    :param of: the tenant, where it is another than usual.
    """
    with pytest.MonkeyPatch.context() as patch, start_laptop(folder / "laptop", delays=_FAST) as laptop:
        for name, value in laptop.environment().items():
            patch.setenv(name, value)
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        make_sessions_cheap(patch)
        with provisioned(laptop, folder / "images", environments, of) as made:
            yield made


def make_sessions_cheap(patch: pytest.MonkeyPatch) -> None:
    """Share what costs most of these tests' time.

    Airflow's hooks make a session for each client, with AWS's models read from disk again, and look through the whole
    stack (a test's is deep) for the operator's name.
    """
    make = AwsGenericHook.get_session
    sessions: dict[tuple[str | None, str | None], Any] = {}

    def get_session(self: Any, region_name: str | None = None, **given: Any) -> Any:
        place = (self.aws_conn_id, region_name)
        if place not in sessions:
            sessions[place] = make(self, region_name, **given)
        return sessions[place]

    patch.setattr(AwsGenericHook, "get_session", get_session)
    patch.setattr(AwsGenericHook, "_get_caller", lambda *_: "Test")

"""Probes ask an endpoint whether it behaves like AWS: the laptop's AWS, or the one SNAPLIFT_PROBE_ENDPOINT names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from tests.support.compute import Site
from tests.support.laptop import aws_client, start_laptop
from tests.support.sample_image import push_image

Clients = Callable[[str], Any]


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if given := os.environ.get("SNAPLIFT_PROBE_ENDPOINT"):
        yield given
        return
    with start_laptop(tmp_path_factory.mktemp("laptop"), delays={"*": 0.05}) as laptop:
        yield laptop.endpoint_url


@pytest.fixture(scope="session")
def aws(endpoint: str) -> Clients:
    """A client of a service, one each: `aws("rds")`."""

    @cache
    def client(service: str) -> Any:
        return aws_client(service, endpoint)

    return client


@pytest.fixture(scope="session")
def cloudformation(aws: Clients) -> Any:
    return aws("cloudformation")


@pytest.fixture(scope="session")
def image(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small program that serves and tells what it sees, as a task definition names it."""
    return push_image(endpoint, tmp_path_factory.mktemp("image"))


@pytest.fixture
def site(aws: Clients, image: str) -> Iterator[Site]:
    """A cluster and a load balancer of the test's own."""
    made = Site(aws, image)
    yield made
    made.close()

"""A laptop's AWS with a small tenant's namespaces on it, for the tests that drive promotions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.installation import Installation
from tests.support.installed import installed


@pytest.fixture(scope="package")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One for all tests that drive promotions; each leaves its environments unlocked and serving, or as they were."""
    with installed(tmp_path_factory.mktemp("installation")) as made:
        yield made


@pytest.fixture(scope="module")
def fresh_installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One for a file whose tests look at everything that stands, or change what the others rely on."""
    with installed(tmp_path_factory.mktemp("fresh_installation")) as made:
        yield made

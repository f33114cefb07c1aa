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

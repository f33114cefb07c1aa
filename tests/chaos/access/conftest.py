"""One laptop's AWS for all measurements, which are printed at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.access.visiting import CONTROL, ENVIRONMENT, Ground, visited_tenant
from tests.support.figures import Note
from tests.support.installation import Installation
from tests.support.installed import installed


@pytest.fixture(scope="package")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """With a release active in the environment that is visited."""
    folder = tmp_path_factory.mktemp("access")
    with installed(folder, visited_tenant(), (CONTROL, ENVIRONMENT)) as made:
        made.driver(ENVIRONMENT, visited_tenant()).promote("new")
        yield made


@pytest.fixture
def ground(installation: Installation, note: Note) -> Ground:
    return Ground(installation, note)

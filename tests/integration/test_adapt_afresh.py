"""What may not be repeated, and was interrupted, begins again with a fresh copy: as exactly one promotion does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from snaplift.aws.hooks import mysql
from snaplift.aws.steps import adapt, database
from snaplift.aws.steps.applying import Interrupted
from snaplift.aws.steps.finish import Aborted
from snaplift.aws.steps.promotion import find_lock
from tests.integration.test_aborts import begin
from tests.support.driving import PROMOTE, Driver
from tests.support.installation import Installation, tenant

ONCE: Final = [
    {"sql": ["UPDATE place SET name = %(environment)s"]},
    {"sql": ["INSERT INTO notes VALUES ('adapted')", "ALTER TABLE notes ADD COLUMN mine INT"]},
]
"""The second group cannot be done twice: it would fail, or be there twice."""


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def driver(installation: Installation) -> Iterator[Driver]:
    if installation.pointer("qa")[0].active is None:
        installation.driver("qa").promote("new")
    found = installation.driver("qa", tenant(adapt=ONCE))
    begin(found)
    for step in PROMOTE[: PROMOTE.index("adapt")]:
        found.step(step)
    yield found
    if installation.lock_phase("qa") not in {None, "free"}:
        with pytest.raises(Aborted):
            found.finish()


def instance_id(installation: Installation, driver: Driver) -> str:
    found = find_lock(driver.platforms, driver.namespace, driver.run)
    assert found is not None
    name = found.lock.record.plan.database
    [instance] = installation.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    return str(instance["DbiResourceId"])


def killed_in(driver: Driver, monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    """The worker dies when a statement of adapt has just been applied; a table's change cannot be rolled back."""
    run = mysql.run

    def dying(server: Any, master: Any, statements: Any, *given: Any, **more: Any) -> Any:
        if statement in statements:
            run(server, master, statements, *given, **more)
            raise Killed
        return run(server, master, statements, *given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(mysql, "run", dying)
        with pytest.raises(Killed):
            driver.step("adapt")


def rest_of(driver: Driver) -> None:
    for step in PROMOTE[PROMOTE.index("adapt") + 1 :]:
        driver.step(step)
    driver.finish()


def test_s18_what_may_not_be_repeated_begins_again_with_a_fresh_copy(
    installation: Installation, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = instance_id(installation, driver)
    killed_in(driver, monkeypatch, ONCE[1]["sql"][1])
    assert driver.step("adapt").result == {"applied": 2}
    assert instance_id(installation, driver) != first
    rest_of(driver)
    standing = installation.standing("qa")
    assert standing.pointer.active is not None
    assert standing.pointer.active.database is not None
    assert list(standing.databases) == [standing.pointer.active.database.name]
    assert len(standing.secrets) == 1
    assert installation.sql("qa", "SELECT COUNT(*) FROM notes WHERE text = 'adapted'") == [(1,)]
    assert installation.sql("qa", "SELECT name FROM place") == [("qa",)]
    assert installation.answer("qa") is not None


@pytest.mark.parametrize("moment", ["before it goes", "when it has gone", "while it comes"])
def test_s18_a_worker_that_dies_while_the_fresh_copy_is_made_is_followed_by_one_that_ends_it(
    installation: Installation, driver: Driver, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    killed_in(driver, monkeypatch, ONCE[1]["sql"][1])

    def dies(*_: Any, **__: Any) -> Any:
        raise Killed

    made = database.advance

    def dies_later(promotion: Any) -> Any:
        made(promotion)
        raise Killed

    where, what = {
        "before it goes": ((adapt, "remove_database"), dies),
        "when it has gone": ((database, "advance"), dies),
        "while it comes": ((database, "advance"), dies_later),
    }[moment]
    with monkeypatch.context() as patch:
        patch.setattr(*where, what)
        with pytest.raises(Killed):
            driver.step("adapt")
    assert driver.step("adapt").result == {"applied": 2}
    with pytest.raises(Aborted):  # and what it made goes like any candidate
        driver.finish()
    assert len(installation.standing("qa").databases) == 1


def test_what_is_interrupted_again_and_again_is_given_up(
    installation: Installation, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapt, "MOST", 1)
    for _ in range(2):
        killed_in(driver, monkeypatch, ONCE[1]["sql"][1])
    with pytest.raises(Interrupted, match="statement group 1 of adapt was interrupted and may not be repeated"):
        driver.step("adapt")
    with pytest.raises(Aborted):
        driver.finish()
    assert len(installation.standing("qa").databases) == 1

"""A revision that stands already serves again; however that fails, everything is as it was, its database too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from snaplift.aws.errors import StepFailed
from snaplift.aws.steps.finish import Aborted
from snaplift.promotion.choosing import PlanRefused
from snaplift.promotion.describe import describe
from snaplift.promotion.pointer import Pointer, Revision
from tests.integration.test_aborts import begin
from tests.integration.test_promotion import counts
from tests.support.driving import PROMOTE, Driver
from tests.support.installation import TENANT, Installation, Standing, tenant
from tests.support.installed import installed

VISITED = "INSERT INTO notes VALUES ('a visitor was here')"
KEPT, RETIRED = {"keep_previous": "7d"}, {"keep_previous": "0s"}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One of its own: databases are kept beside those that serve."""
    with installed(tmp_path_factory.mktemp("rollback"), tenant(retention=KEPT), ("dev", "qa")) as made:
        yield made


def driver(installation: Installation, **changes: Any) -> Driver:
    return installation.driver("qa", tenant(**{"retention": KEPT, **changes}))


def promote(installation: Installation, release: str = "new", build: str = "", **changes: Any) -> Revision:
    """Promote to qa, each a second later than the one before: releases have different names. Says what is active."""
    time.sleep(1.1 if release == "new" else 0)
    driver(installation, **changes).promote(release, build)
    return active(installation)


def active(installation: Installation) -> Revision:
    found = installation.pointer("qa")[0].active
    assert found is not None
    return found


def previous(installation: Installation) -> Revision:
    found = installation.pointer("qa")[0].previous
    assert found is not None
    return found


def name(revision: Revision) -> str:
    assert revision.database is not None
    return revision.database.name


def visitors(installation: Installation) -> int:
    [[number]] = installation.sql("qa", "SELECT COUNT(*) FROM notes WHERE text = 'a visitor was here'")
    return int(number)


@dataclass
class Three:
    """Three promotions, of which each but the first left its database standing."""

    first: Revision
    second: Revision
    third: Revision
    before: Standing


@pytest.fixture(scope="module")
def three(installation: Installation) -> Three:
    first = promote(installation)
    second = promote(installation)
    installation.sql("qa", VISITED)  # to the second one, which will be the previous
    third = promote(installation)
    return Three(first, second, third, installation.standing("qa"))


@dataclass
class Back:
    """A rollback to the previous revision, every step done twice."""

    first: dict[str, Any]
    again: dict[str, Any]
    made: dict[str, int]
    told: str
    standing: Standing
    visitors: int


@pytest.fixture(scope="module")
def back(installation: Installation, three: Three) -> Back:
    before, run = counts(installation), driver(installation)
    plan = begin(run, "previous")
    first, again = {}, {}
    for step in PROMOTE:
        first[step] = run.step(step)
        again[step] = run.step(step)
    run.finish()
    made = {what: number - before[what] for what, number in counts(installation).items()}
    return Back(first, again, made, describe(plan), installation.standing("qa"), visitors(installation))


# -- however it fails, before it was ever done --------------------------------------------------------------------


STOPS = ("lock", "database", "register", "smoke", "deploy", "confirm")


@pytest.mark.parametrize("last", STOPS)
def test_s41_a_rollback_that_is_stopped_after_any_step_leaves_both_databases_standing(
    installation: Installation, three: Three, last: str
) -> None:
    run = driver(installation)
    begin(run, "previous")
    for step in () if last == "lock" else PROMOTE[: PROMOTE.index(last) + 1]:
        run.step(step)
    with pytest.raises(Aborted, match=f"aborted, {TENANT}-qa still serves {three.third.release}"):
        run.finish()
    assert installation.standing("qa") == three.before
    assert [task["group"] for task in installation.tasks("qa")] == [f"service:{TENANT}-qa"]
    with pytest.raises(Aborted):  # once more, by Airflow or a clear
        run.finish()


def test_a_rollback_whose_smoke_fails_is_undone(installation: Installation, three: Three) -> None:
    question = "SELECT COUNT(*) FROM notes WHERE text = 'none'"
    smoke = [{"path": "/", "contains": "${site_url}"}, {"sql": question}]
    with pytest.raises(Aborted, match="smoke: smoke check"):
        driver(installation, smoke=smoke).promote("previous")
    assert installation.standing("qa") == three.before


def test_s03_a_rollback_to_a_build_that_does_not_come_up_is_undone(installation: Installation, three: Three) -> None:
    smoke = [{"sql": "SELECT COUNT(*) FROM notes"}]
    with pytest.raises(Aborted, match="confirm: the deployment ended ROLLBACK_"):
        driver(installation, smoke=smoke).promote("previous", "crash")
    assert installation.standing("qa") == three.before


def test_s09_what_was_written_since_the_previous_one_was_active_is_not_lost_unsaid(
    installation: Installation, three: Three
) -> None:
    environments = {
        "dev": {"platform": "platform-nonprod"},
        "qa": {"platform": "platform-nonprod", "from": "dev", "target_writes": "refuse"},
    }
    installation.sql("qa", VISITED)
    try:
        with pytest.raises(PlanRefused, match=r"which would be lost: notes: 1 row more\. "):
            driver(installation, environments=environments).plan("previous")
        plan = driver(installation).plan("previous")
        assert "notes: 1 row more; it is discarded (target_writes: allow)" in describe(plan)
    finally:
        installation.sql("qa", "DELETE FROM notes WHERE text = 'a visitor was here'")
    late = driver(installation, environments=environments)
    begin(late, "previous")
    for step in PROMOTE[: PROMOTE.index("deploy")]:
        late.step(step)
    installation.sql("qa", VISITED)
    try:
        with pytest.raises(StepFailed, match="writes have come since the plan: notes: 1 row more"):
            late.step("deploy")
        with pytest.raises(Aborted):
            late.finish()
    finally:
        installation.sql("qa", "DELETE FROM notes WHERE text = 'a visitor was here'")
    assert installation.standing("qa") == three.before


def test_s54_a_namesake_of_the_previous_database_is_refused(installation: Installation, three: Three) -> None:
    pointer, _ = installation.pointer("qa")
    database = three.second.database
    assert database is not None
    other = three.second.model_copy(update={"database": database.model_copy(update={"resource_id": "db-OTHER"})})
    write_pointer(installation, pointer.model_copy(update={"previous": other}))
    try:
        with pytest.raises(PlanRefused, match=f"{database.name} is {database.resource_id}, and the pointer names db-O"):
            driver(installation).plan("previous")
    finally:
        write_pointer(installation, pointer)


def write_pointer(installation: Installation, pointer: Pointer) -> None:
    name = f"/snaplift/{TENANT}/qa/pointer"
    installation.client("ssm").put_parameter(Name=name, Value=pointer.format(), Type="String", Overwrite=True)


# -- back, on the database that stands ------------------------------------------------------------------------------


def test_the_previous_revision_serves_again_on_its_own_database(three: Three, back: Back) -> None:
    now = back.standing.pointer
    assert now.active is not None
    assert now.active.database is not None
    assert three.second.database is not None
    assert now.active.database.resource_id == three.second.database.resource_id
    assert (now.active.release, now.active.build) == (three.second.release, three.second.build)
    assert now.active.task_definition == three.second.task_definition  # the same content: adopted
    assert now.active.made_by == three.second.run
    assert now.active.snapshot == three.second.snapshot
    assert (now.previous, now.candidate) == (three.third, None)
    assert back.standing.service == (three.second.task_definition, 1, 1)
    assert not back.standing.locked


def test_what_visitors_wrote_to_it_is_there_and_both_databases_are_protected(three: Three, back: Back) -> None:
    assert back.visitors == 1
    assert back.standing.databases == three.before.databases
    assert back.standing.databases[name(three.second)][1]
    assert back.standing.databases[name(three.third)][1]


@pytest.mark.parametrize("step", ["snapshot", "database", "credentials", "adapt"])
def test_nothing_is_restored_and_the_plan_says_why(back: Back, step: str) -> None:
    assert back.first[step].skipped
    assert f"| No {step} | " in back.told


def test_the_plan_says_in_words_what_happens(three: Three, back: Back) -> None:
    assert back.told.startswith(
        f"**Release {three.second.release} serves again in {TENANT}-qa: its database still stands**"
    )
    assert f"older than {three.third.release}, which serves: as was asked for" in back.told


def test_s40_every_step_done_twice_makes_nothing_but_a_deployment(back: Back) -> None:
    assert {what: number for what, number in back.made.items() if number} == {"deployments": 1}


def test_its_checks_are_made_again_although_it_passed_them_once(back: Back) -> None:
    assert back.first["smoke"].result == {"checks": 2}


def test_s08_a_rollback_that_is_cleared_after_its_end_does_not_go_forward_again(
    installation: Installation, back: Back
) -> None:
    again = driver(installation)
    again.run = run_of(installation, active(installation).run)
    with pytest.raises(PlanRefused, match=f"this run made what is active in {TENANT}-qa already"):
        again.plan("previous")


def run_of(installation: Installation, wanted: str) -> Any:
    """The run with a hash: they are numbered."""
    probe = driver(installation).run
    runs = (probe.model_copy(update={"run_id": f"run-{number}"}) for number in range(installation.runs))
    return next(run for run in runs if run.hash == wanted)


def test_there_and_back(installation: Installation, three: Three, back: Back) -> None:
    found = promote(installation, "previous")
    assert found.database is not None
    assert three.third.database is not None
    assert found.database.resource_id == three.third.database.resource_id
    assert found.task_definition == three.third.task_definition
    assert previous(installation) == back.standing.pointer.active
    assert installation.standing("qa").databases == three.before.databases


def test_a_timestamp_whose_database_stands_is_the_same(installation: Installation, three: Three, back: Back) -> None:
    wanted = previous(installation)
    plan = driver(installation).plan(str(wanted.release))
    assert (plan.mode, plan.database) == ("again", name(wanted))


def test_a_standing_database_without_protection_gets_it_when_it_serves(
    installation: Installation, three: Three, back: Back
) -> None:
    wanted = previous(installation)
    installation.client("rds").modify_db_instance(DBInstanceIdentifier=name(wanted), DeletionProtection=False)
    promote(installation, "previous")
    assert installation.standing("qa").databases[name(wanted)][1]


def test_after_a_rollback_the_one_that_served_is_retired_by_the_same_rules(
    installation: Installation, three: Three, back: Back
) -> None:
    was, wanted = active(installation), previous(installation)
    final = f"{TENANT}-qa-final-{was.release}-{was.made_by}"
    promote(installation, "previous", retention=RETIRED)
    now = installation.standing("qa")
    assert name(was) not in now.databases
    assert name(wanted) in now.databases
    assert now.pointer.previous is not None
    assert now.pointer.previous.database is None
    assert now.pointer.previous.final is not None
    assert now.pointer.previous.final.name == final
    [kept] = installation.client("rds").describe_db_snapshots(DBSnapshotIdentifier=final)["DBSnapshots"]
    assert kept["DbiResourceId"] == now.pointer.previous.final.resource_id


# -- back, from the final snapshot ----------------------------------------------------------------------------------


@dataclass
class Restored:
    """A rollback to a revision whose database went after visitors had written to it."""

    gone: Revision
    """As the pointer named it before."""
    plan: Any
    first: dict[str, Any]
    standing: Standing
    visitors: int
    place: str


@pytest.fixture(scope="module")
def restored(installation: Installation, back: Back) -> Restored:
    """One database stands, and visitors write to it before it goes."""
    promote(installation, retention=RETIRED)
    installation.sql("qa", "DELETE FROM notes WHERE text = 'a visitor was here'", VISITED)
    promote(installation, retention=RETIRED)
    gone = previous(installation)
    assert gone.database is None
    run = driver(installation, retention=RETIRED)
    plan = begin(run, "previous")
    first = {step: run.step(step) for step in PROMOTE}
    run.finish()
    [[place]] = installation.sql("qa", "SELECT name FROM place")
    return Restored(gone, plan, first, installation.standing("qa"), visitors(installation), place)


def test_s12_a_previous_database_that_went_is_restored_as_it_was_when_it_went(restored: Restored) -> None:
    now = restored.standing.pointer.active
    assert now is not None
    assert now.database is not None
    assert (now.release, now.build, now.snapshot) == (
        restored.gone.release,
        restored.gone.build,
        restored.gone.snapshot,
    )
    assert restored.gone.final is not None
    assert now.database.resource_id != restored.gone.final.resource_id  # another incarnation
    assert now.run == now.made_by
    assert restored.visitors == 1
    assert restored.place == "qa"
    assert restored.standing.databases[now.database.name] == (now.database.resource_id, True)


@pytest.mark.parametrize("last", ["database", "smoke", "confirm"])
def test_s41_a_restored_rollback_that_is_stopped_is_undone(
    installation: Installation, restored: Restored, last: str
) -> None:
    before, snapshots = installation.standing("qa"), counts(installation)["snapshots"]
    run = driver(installation, retention=RETIRED)
    assert begin(run, "previous").mode == "restored"
    for step in PROMOTE[: PROMOTE.index(last) + 1]:
        run.step(step)
    with pytest.raises(Aborted) as aborted:
        run.finish()
    assert "What visitors wrote" not in str(aborted.value)
    assert installation.standing("qa") == before
    assert counts(installation)["snapshots"] == snapshots


def test_it_gets_credentials_of_its_own_and_is_not_adapted_again(restored: Restored) -> None:
    assert restored.plan.snapshot == restored.gone.final.name if restored.gone.final else False
    assert restored.first["credentials"].result["dropped"] == [f"xy0146_{restored.gone.run}"]
    assert restored.first["adapt"].skipped == "it is this environment's own data, as it was when its database went"
    assert "its database is restored from its final snapshot" in describe(restored.plan)


def test_s09_what_visitors_wrote_before_it_went_counts_once_it_serves_again(
    installation: Installation, restored: Restored
) -> None:
    assert str(driver(installation).plan("new").writes) == "notes: 1 row more"


def test_s45_a_snapshot_of_another_incarnation_is_not_taken_for_the_final_one(
    installation: Installation, restored: Restored
) -> None:
    pointer, _ = installation.pointer("qa")
    was = previous(installation)
    assert was.final is not None
    other = was.model_copy(update={"final": was.final.model_copy(update={"resource_id": "db-OTHER"})})
    write_pointer(installation, pointer.model_copy(update={"previous": other}))
    try:
        with pytest.raises(
            PlanRefused, match=f"snapshot {was.final.name} is of {was.final.resource_id}, and the point"
        ):
            driver(installation).plan("previous")
    finally:
        write_pointer(installation, pointer)


def test_s38_a_final_snapshot_that_is_gone_is_refused_with_what_there_is(
    installation: Installation, restored: Restored
) -> None:
    pointer, _ = installation.pointer("qa")
    was = previous(installation)
    assert was.final is not None
    other = was.model_copy(update={"final": was.final.model_copy(update={"name": f"{was.final.name[:-8]}00000000"})})
    write_pointer(installation, pointer.model_copy(update={"previous": other}))
    try:
        with pytest.raises(PlanRefused) as refused:
            driver(installation).plan("previous")
    finally:
        write_pointer(installation, pointer)
    [reason] = refused.value.reasons
    assert reason.startswith(f"release {was.release} has no snapshot {other.final.name if other.final else ''}; ")
    assert f"active: {active(installation).release}; previous: {was.release} (kept in " in reason


def test_a_release_that_is_none_is_refused_with_what_there_is(installation: Installation, restored: Restored) -> None:
    with pytest.raises(PlanRefused) as refused:
        driver(installation).plan("newest")
    assert f"active: {active(installation).release}; previous: {previous(installation).release}" in str(refused.value)
    assert f"Releases with a snapshot: {'20'}" in str(refused.value)


# -- another build on the database that serves ------------------------------------------------------------------------


@pytest.fixture
def serves(installation: Installation, restored: Restored) -> Standing:
    return installation.standing("qa")


def test_another_build_serves_on_the_same_database_and_nothing_is_lost(
    installation: Installation, serves: Standing
) -> None:
    was, before = active(installation), counts(installation)
    installation.sql("qa", VISITED)
    there = visitors(installation)
    run = driver(installation, retention=RETIRED)
    plan = begin(run, "active", "next")
    told = {step: run.step(step) for step in PROMOTE}
    again = {step: run.step(step) for step in PROMOTE}
    run.finish()
    now = installation.standing("qa")
    assert (plan.writes, visitors(installation)) == (None, there)
    assert now.databases == serves.databases
    assert now.stacks == serves.stacks
    kept = serves.pointer.previous.final if serves.pointer.previous else None
    assert kept is not None  # of the database before, which is what a rollback went back to
    assert now.pointer.previous == was.model_copy(update={"final": kept})
    assert now.pointer.active is not None
    assert now.pointer.active.build != was.build
    assert now.pointer.active.made_by == was.made_by
    assert now.answer is not None
    assert " next " in now.answer
    assert told["retire"].skipped == again["retire"].skipped == f"{name(was)} goes on serving"
    made = {what: number - before[what] for what, number in counts(installation).items()}
    assert {what: number for what, number in made.items() if number} == {"revisions": 1, "deployments": 1}


def test_where_nothing_would_differ_there_is_nothing_to_do(installation: Installation, serves: Standing) -> None:
    build = "next" if serves.answer and " next " in serves.answer else "stable"
    with pytest.raises(PlanRefused, match=f"nothing to do: {TENANT}-qa runs this build with this configuration"):
        driver(installation).plan("active", build)


def test_a_changed_configuration_alone_is_something_to_do(installation: Installation, serves: Standing) -> None:
    build = "next" if serves.answer and " next " in serves.answer else "stable"
    service = tenant().service.model_dump(mode="json", by_alias=True)
    service["containers"]["web"]["environment"]["MORE"] = "yes"
    assert driver(installation, service=service).plan("active", build).mode == "active"


@pytest.mark.parametrize("last", ["lock", "smoke", "deploy", "confirm"])
def test_s41_a_build_that_is_stopped_after_any_step_is_undone(
    installation: Installation, serves: Standing, last: str
) -> None:
    other = "stable" if serves.answer and " next " in serves.answer else "next"
    run = driver(installation)
    begin(run, "active", other)
    for step in () if last == "lock" else PROMOTE[: PROMOTE.index(last) + 1]:
        run.step(step)
    with pytest.raises(Aborted):
        run.finish()
    assert installation.standing("qa") == serves


@pytest.mark.parametrize("smoke", [[{"sql": "SELECT COUNT(*) FROM notes"}], [{"path": "/", "timeout": "3s"}]])
def test_s03_a_build_that_does_not_come_up_is_undone(
    installation: Installation, serves: Standing, smoke: list[Any]
) -> None:
    with pytest.raises(Aborted):
        driver(installation, smoke=smoke).promote("active", "crash")
    assert installation.standing("qa") == serves


def test_back_from_a_build_is_the_build_before_on_the_same_database(
    installation: Installation, serves: Standing
) -> None:
    was = previous(installation)
    plan = driver(installation).plan("previous")
    assert (plan.mode, plan.writes) == ("active", None)
    found = promote(installation, "previous")
    assert (found.build, found.task_definition, found.database and found.database.name) == (
        was.build,
        was.task_definition,
        name(was),
    )
    assert installation.standing("qa").databases == serves.databases


def test_i3_a_promotion_after_it_retires_the_database_that_both_revisions_used_once(
    installation: Installation, serves: Standing
) -> None:
    was = active(installation)
    assert name(previous(installation)) == name(was)
    promote(installation, retention=RETIRED)
    now = installation.standing("qa")
    assert name(was) not in now.databases
    assert name(active(installation)) in now.databases
    assert now.pointer.previous is not None
    assert now.pointer.previous.final is not None
    assert now.pointer.previous.final.name == f"{TENANT}-qa-final-{was.release}-{was.made_by}"


def test_where_a_tag_is_resolved_again_and_still_is_what_runs_there_is_nothing_to_do(
    installation: Installation, serves: Standing
) -> None:
    with pytest.raises(PlanRefused, match="Name another build"):
        driver(installation).plan("active")

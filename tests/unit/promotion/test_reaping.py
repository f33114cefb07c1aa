"""What goes and what stays: exactly the orphans, after their grace, and nothing that anything refers to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snaplift import naming
from snaplift.config.retention import Retention
from snaplift.promotion.estate import SeenLock, SeenPointer, Thing
from snaplift.promotion.pointer import FinalSnapshot, Pointer
from snaplift.promotion.reaping import Action, Verdict, decide, mark_of, stale_marks, within
from tests.unit.promotion.estates import NOW, OURS, Estate, fleet, made_by, release, serving
from tests.unit.stacks.examples import TENANT

DEV, QA, PROD = (naming.Namespace.parse(f"xy-0146-{name}") for name in ("dev", "qa", "prod"))
RUN = "11112222"
OLD = release(9)
GRACE = Retention().grace

Add = Callable[[Estate], Thing]


def judged(made: Estate, thing: Thing | None = None, **configuration: object) -> Verdict:
    wanted = thing or made.things[-1]
    verdicts = decide([made.survey()], configuration.get("fleet") or fleet(), NOW)  # type: ignore[arg-type]
    [found] = [each for each in verdicts if each.thing is wanted or each.thing == wanted]
    return found


def marked(made: Estate, thing: Thing, ago: timedelta = GRACE) -> None:
    made.marks[mark_of(thing)] = NOW - ago


def retaining(**retention: object) -> object:
    environments = {name: each.model_copy(update={"retention": None}) for name, each in TENANT.environments.items()}
    wanted = Retention.model_validate(retention)
    return fleet(TENANT.model_copy(update={"retention": wanted, "environments": environments}))


def test_what_serves_and_what_a_rollback_goes_back_to_stays() -> None:
    made = serving()
    assert {each.action for each in decide([made.survey()], fleet(), NOW)} == {Action.KEEP}


# -- orphans -----------------------------------------------------------------------------------------------------

ORPHANS: dict[str, Add] = {
    "a candidate that an abort left": lambda made: made.instance(QA, OLD, RUN),
    "a database that retire left": lambda made: made.instance(QA, OLD, RUN, protected=True),
    "a stack whose database is gone": lambda made: made.stack(QA, OLD, RUN),
    "a stack that could not be deleted": lambda made: made.stack(QA, OLD, RUN, state="DELETE_FAILED"),
    "a stack whose creation failed": lambda made: made.stack(QA, OLD, RUN, state="ROLLBACK_COMPLETE"),
    "a secret whose stack is gone": lambda made: made.secret(QA, OLD, RUN),
    "a generated value of a stack that was made again": lambda made: made.add(
        "secret", f"{QA.environment_secrets}{made_by('an earlier stack')}/SALT", made.tags(QA)
    ),
    "a revision whose database is gone": lambda made: made.revision(QA, 2, OLD, RUN),
}


@pytest.mark.parametrize("add", ORPHANS.values(), ids=ORPHANS)
def test_an_orphan_is_marked_then_waited_for_then_removed(add: Add) -> None:
    made = serving()
    orphan = add(made)
    assert judged(made, orphan).action is Action.MARK
    marked(made, orphan, GRACE - timedelta(minutes=1))
    assert judged(made, orphan).action is Action.WAIT
    marked(made, orphan)
    found = decide([made.survey()], fleet(), NOW)
    assert [each.thing for each in found if each.action is not Action.KEEP] == [orphan]
    assert judged(made, orphan).action is Action.REMOVE


def test_a_log_group_whose_namespace_is_gone_goes() -> None:
    made = serving()
    bare = fleet(TENANT.model_copy(update={"environments": {
        **TENANT.environments, "bare": TENANT.environments["qa"]}}))  # fmt: skip
    name = naming.Namespace.parse("xy-0146-bare")
    made.pointers.append(SeenPointer(namespace=str(name), version=1, pointer=Pointer()))
    group = made.add("log_group", name.log_group, made.tags(name))
    marked(made, group)
    assert judged(made, group, fleet=bare).action is Action.REMOVE


def test_a_stack_goes_with_its_instance() -> None:
    made = serving()
    stack, instance = made.stack(QA, OLD, RUN), made.instance(QA, OLD, RUN)
    marked(made, instance)
    marked(made, stack)
    assert judged(made, instance).action is Action.REMOVE
    assert judged(made, stack).why == "it goes with its instance"


# -- near-orphans ------------------------------------------------------------------------------------------------


def orphan(made: Estate) -> Thing:
    """One that would go, but for what a test adds."""
    found = made.instance(QA, OLD, RUN)
    marked(made, found)
    assert judged(made, found).action is Action.REMOVE
    return found


def test_s34_a_tenant_that_left_the_configuration_is_quarantined() -> None:
    made = serving()
    found = orphan(made)
    other = fleet(TENANT.model_copy(update={"tenant": "ab-0200"}))
    verdicts = decide([made.survey()], other, NOW)
    assert {each.action for each in verdicts} == {Action.QUARANTINE}
    assert judged(made, found, fleet=other).why == "xy-0146 is not in the configuration"
    assert stale_marks([made.survey()], verdicts) == set()


def test_s37_a_tenant_whose_file_is_broken_is_quarantined() -> None:
    made = serving()
    found = orphan(made)
    broken = fleet(TENANT.model_copy(update={"tenant": "ab-0200"}), broken=frozenset({"xy-0146"}))
    assert judged(made, found, fleet=broken).why == "the file of xy-0146 cannot be read"


def test_s34_an_environment_that_left_the_configuration_is_quarantined() -> None:
    made = serving()
    found = orphan(made)
    less = {name: each for name, each in TENANT.environments.items() if name == "dev"}
    without = fleet(TENANT.model_copy(update={"environments": less}))
    assert judged(made, found, fleet=without).action is Action.QUARANTINE


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"team": "crm"},
        naming.tags("other", QA, release=OLD, run=RUN),
        {naming.NAMESPACE_TAG: str(QA)},
        {**naming.tags(OURS, QA), naming.INSTALLATION_TAG: OURS.upper()},
    ],
)
def test_what_has_not_our_installations_tag_is_never_touched(tags: dict[str, str]) -> None:
    made = serving()
    found = made.add("instance", QA.database(OLD), tags, resource_id="db-X", state="available")
    made.marks[QA.mark("db-X")] = NOW - GRACE
    assert judged(made, found).action is Action.KEEP


def test_s13_another_namespaces_namesake_is_told_by_its_own_pointer() -> None:
    """xy-0146-qa's pointer says nothing about xy-0146-qa2, whose name begins like it."""
    made = serving()
    other = naming.Namespace.parse("xy-0146-qa2")
    environments = {**TENANT.environments, "qa2": TENANT.environments["qa"]}
    both = fleet(TENANT.model_copy(update={"environments": environments}))
    active = made.database(other, OLD, RUN, 1)
    made.namespace(other, Pointer(active=active))
    left = made.instance(QA, OLD, RUN)
    marked(made, left)
    verdicts = {each.thing.name: each for each in decide([made.survey()], both, NOW)}
    assert verdicts[left.name].action is Action.REMOVE
    assert verdicts[other.database(OLD)].why == "active in xy-0146-qa2"


def test_a_thing_whose_name_and_tags_disagree_is_for_a_person() -> None:
    made = serving()
    found = made.add("instance", PROD.database(OLD), made.tags(QA, OLD, RUN), resource_id="db-X", state="available")
    marked(made, found)
    assert judged(made, found).why == "its tags say xy-0146-qa, and its name does not"


def test_s15_an_unreadable_pointer_keeps_everything_of_its_namespace() -> None:
    made = serving()
    found = orphan(made)
    made.pointers = [
        each if each.namespace != str(QA) else SeenPointer(namespace=str(QA), version=9, pointer=None, why="broken")
        for each in made.pointers
    ]
    assert judged(made, found).why == "the pointer of xy-0146-qa cannot be read"


def test_s15_a_missing_pointer_keeps_everything_of_its_namespace() -> None:
    made = serving()
    found = orphan(made)
    made.pointers = [each for each in made.pointers if each.namespace != str(QA)]
    assert judged(made, found).action is Action.KEEP


def test_s15_a_pointer_that_cannot_be_read_anywhere_keeps_every_snapshot_of_its_tenant() -> None:
    made = serving()
    found = made.snapshot(DEV, release(40))
    marked(made, found)
    assert judged(made, found, fleet=retaining(snapshots_min=0)).action is Action.REMOVE
    made.pointers = [each for each in made.pointers if each.namespace != str(PROD)]
    assert judged(made, found, fleet=retaining(snapshots_min=0)).action is Action.KEEP


def test_a_candidate_in_flight_stays() -> None:
    made = serving()
    found = orphan(made)
    made.locks.append(SeenLock(namespace=str(QA), why="xy-0146-qa is locked by run x"))
    assert judged(made, found).why.startswith("a run is under way")


def test_s38_a_snapshot_stays_while_any_environment_of_its_tenant_is_promoted() -> None:
    made = serving()
    found = made.snapshot(DEV, release(40))
    marked(made, found)
    made.locks.append(SeenLock(namespace=str(PROD), why="xy-0146-prod is locked by run x"))
    assert judged(made, found, fleet=retaining(snapshots_min=0)).action is Action.KEEP


@pytest.mark.parametrize("status", ["RUNNING", "DEACTIVATING", "STOPPING", "PROVISIONING"])
def test_s07_a_database_that_a_task_still_uses_stays_with_all_that_the_task_needs(status: str) -> None:
    made = serving()
    found, secret = orphan(made), made.secret(QA, OLD, RUN)
    revision = made.revision(QA, 2, OLD, RUN, secret.arn)
    for each in (secret, revision):
        marked(made, each)
    made.task(revision.arn, status)
    for each in (found, secret, revision):
        assert status in judged(made, each).why


def test_s06_a_database_that_another_deployment_of_the_service_uses_stays() -> None:
    made = serving()
    found = orphan(made)
    made.service(QA, made.revision(QA, 2, OLD, RUN).arn)
    assert judged(made, found).why == "service xy-0146-qa runs it"


def test_s54_another_incarnation_than_the_pointers_stays_for_a_person_to_look_at() -> None:
    made = serving()
    made.things = [
        each.model_copy(update={"resource_id": "db-OTHER"})
        if each.kind == "instance" and each.name == QA.database(release(1))
        else each
        for each in made.things
    ]
    [found] = [each for each in made.things if each.resource_id == "db-OTHER"]
    marked(made, found)
    assert judged(made, found).action is Action.KEEP


def test_s54_a_mark_of_an_earlier_incarnation_says_nothing_of_the_next() -> None:
    made = serving()
    made.marks[QA.mark("db-EARLIER")] = NOW - GRACE
    found = made.instance(QA, OLD, RUN)
    assert judged(made, found).action is Action.MARK
    assert stale_marks([made.survey()], decide([made.survey()], fleet(), NOW)) >= {
        ("platform-new", QA.mark("db-EARLIER"))
    }


def test_s04_the_newest_revision_and_one_whose_database_stands_stay() -> None:
    made = serving()
    newest = made.revision(QA, 70, OLD, RUN)
    standing = made.revision(QA, 8, release(1), "bbbbbbbb")
    for each in (newest, standing):
        marked(made, each)
        assert judged(made, each).action is Action.KEEP


def test_s12_what_a_rollback_would_restore_stays_however_old() -> None:
    made = serving()
    [kept] = [each for each in made.things if each.name == QA.final_snapshot(release(2), "cccccccc")]
    marked(made, kept, timedelta(days=900))
    assert judged(made, kept, fleet=retaining(final_snapshots=0, snapshots_min=0)).why == "previous in xy-0146-qa"


def test_s12_the_final_snapshot_that_the_pointer_names_stays_whoever_made_the_database() -> None:
    """A rollback took another run's database up; its final snapshot bears that run's name."""
    made = serving()
    final = FinalSnapshot(name=QA.final_snapshot(release(2), "99998888"), resource_id="db-X")
    [qa] = [each for each in made.pointers if each.namespace == str(QA)]
    assert qa.pointer is not None
    assert qa.pointer.previous is not None
    previous = qa.pointer.previous.model_copy(update={"final": final})
    made.pointers.remove(qa)
    made.pointers.append(qa.model_copy(update={"pointer": qa.pointer.model_copy(update={"previous": previous})}))
    kept = made.final(QA, release(2), "99998888")
    marked(made, kept, timedelta(days=900))
    assert judged(made, kept, fleet=retaining(final_snapshots=0, snapshots_min=0)).why == "previous in xy-0146-qa"


# -- previews, removals, changes ---------------------------------------------------------------------------------

PREVIEW = naming.Namespace.parse("xy-0146-pr42")


def test_a_previews_things_are_no_orphans_while_its_pointer_stands_and_its_release_stays() -> None:
    """No environment of the configuration is called so."""
    made = serving()
    before = len(made.things)
    shown = made.database(PREVIEW, OLD, RUN, 1)
    left = made.instance(PREVIEW, release(8), "33334444")  # of a promotion that died
    made.namespace(PREVIEW, Pointer(active=shown))
    snapshot = made.snapshot(DEV, OLD)
    for each in made.things[before:]:
        marked(made, each, timedelta(days=900))
    everything_goes = retaining(snapshots_for="0s", snapshots_min=0, final_snapshots=0)
    assert {judged(made, each, fleet=everything_goes).action for each in made.things[before:]} == {Action.KEEP}
    assert judged(made, left).why == "it is a preview's, which goes when its time is up"
    assert judged(made, snapshot, fleet=everything_goes).why == "active in xy-0146-pr42"


def test_what_a_preview_left_whose_pointer_is_gone_is_for_a_person() -> None:
    made = serving()
    left = made.revision(PREVIEW, 1, OLD, RUN)
    marked(made, left)
    assert judged(made, left).action is Action.QUARANTINE


def test_a_namespace_that_is_being_removed_is_left_alone() -> None:
    """Its pointer says that nothing is active, and its lock is held by the removal."""
    made = serving()
    found = orphan(made)
    made.locks.append(SeenLock(namespace=str(QA), why="xy-0146-qa is locked by run fleet.offboard r1"))
    assert judged(made, found).why == "a run is under way: xy-0146-qa is locked by run fleet.offboard r1"


def test_a_platform_that_is_being_changed_keeps_no_tenants_orphan() -> None:
    made = serving()
    found = orphan(made)
    made.locks.append(SeenLock(namespace="platform-new", why="platform-new is locked by run platform.change r1"))
    assert judged(made, found).action is Action.REMOVE


def test_where_data_is_authored_a_protected_database_is_for_a_person() -> None:
    made = Estate()
    made.namespace(DEV)
    found = made.instance(DEV, None, RUN, protected=True)
    marked(made, found)
    assert judged(made, found).why.endswith("a person decides")


def test_a_thing_that_the_configuration_has_on_another_platform_stays() -> None:
    made = serving()
    found = orphan(made)
    survey = made.survey().model_copy(update={"places": made.survey().places[-1:]})
    [verdict] = [each for each in decide([survey], fleet(), NOW) if each.thing == found]
    assert verdict.why == "the configuration has xy-0146-qa elsewhere"


def test_a_thing_on_a_platform_whose_stack_does_not_stand_stays() -> None:
    made = serving()
    found = orphan(made)
    survey = made.survey().model_copy(update={"standing": frozenset()})
    [verdict] = [each for each in decide([survey], fleet(), NOW) if each.thing == found]
    assert verdict.action is Action.KEEP


# -- retention ---------------------------------------------------------------------------------------------------


def with_previous(written_days_ago: float, activated_days_ago: float | None = None) -> tuple[Estate, Thing]:
    """qa's previous database still stands.

    :param activated_days_ago: None: the pointer is an earlier version's, which does not tell.
    """
    at = None if activated_days_ago is None else NOW - timedelta(days=activated_days_ago)
    made = serving()
    previous = made.database(QA, OLD, RUN, 5)
    [pointer] = [each for each in made.pointers if each.namespace == str(QA)]
    assert pointer.pointer is not None
    made.pointers.remove(pointer)
    made.pointers.append(
        pointer.model_copy(
            update={
                "pointer": pointer.pointer.model_copy(update={"previous": previous, "activated_at": at}),
                "written_at": NOW - timedelta(days=written_days_ago),
            }
        )
    )
    [instance] = [each for each in made.things if each.kind == "instance" and each.name == QA.database(OLD)]
    return made, instance


def test_s12_the_previous_database_stands_for_its_time_and_then_goes() -> None:
    made, previous = with_previous(written_days_ago=6)
    marked(made, previous)
    assert judged(made, previous, fleet=retaining(keep_previous="7d")).why == "previous in xy-0146-qa"
    made, previous = with_previous(written_days_ago=8)
    assert judged(made, previous, fleet=retaining(keep_previous="7d")).action is Action.MARK
    marked(made, previous)
    assert judged(made, previous, fleet=retaining(keep_previous="7d")).action is Action.REMOVE


def test_s12_a_promotion_that_was_aborted_since_gives_the_previous_database_no_more_time() -> None:
    """It wrote its candidate into the pointer, and took it out again."""
    made, previous = with_previous(written_days_ago=0.1, activated_days_ago=8)
    assert judged(made, previous, fleet=retaining(keep_previous="7d")).action is Action.MARK
    made, previous = with_previous(written_days_ago=0.1, activated_days_ago=6)
    assert judged(made, previous, fleet=retaining(keep_previous="7d")).why == "previous in xy-0146-qa"


def test_s46_of_a_previous_revision_whose_database_goes_the_rest_stays() -> None:
    made, _ = with_previous(written_days_ago=8)
    kept = [made.snapshot(DEV, OLD), next(each for each in made.things if each.name == f"{QA}:5")]
    for each in kept:
        marked(made, each)
        assert judged(made, each, fleet=retaining(keep_previous="7d", snapshots_min=0)).action is Action.KEEP


def test_earlier_databases_stand_up_to_their_number_and_time() -> None:
    made, _ = with_previous(written_days_ago=1)
    ages = {release(1): 1, OLD: 2, release(20): 3, release(30): 4}
    for of in list(ages)[2:]:
        made.instance(QA, of, RUN, protected=True)
    made.things = [
        each.model_copy(update={"created_at": NOW - timedelta(days=ages[each.release])})
        if each.kind == "instance" and each.namespace == QA and each.release
        else each
        for each in made.things
    ]
    stand = {
        each.thing.name
        for each in decide([made.survey()], retaining(keep_previous="7d", keep_databases=2), NOW)  # type: ignore[arg-type]
        if each.thing.kind == "instance" and each.thing.namespace == QA and not each.is_orphan
    }
    assert stand == {QA.database(each) for each in (release(1), OLD, release(20))}


def test_releases_snapshots_are_kept_by_number_age_and_least() -> None:
    made = serving()
    spare = [made.snapshot(DEV, release(days)) for days in (5, 10, 20, 40)]
    for each in spare:
        marked(made, each)

    def going(**retention: object) -> list[int]:
        wanted = retaining(**retention)
        verdicts = {each.thing.name: each.action for each in decide([made.survey()], wanted, NOW)}  # type: ignore[arg-type]
        return [index for index, each in enumerate(spare) if verdicts[each.name] is Action.REMOVE]

    assert going(snapshots=3) == [3]
    assert going(snapshots=30, snapshots_for="15d") == [2, 3]
    assert going(snapshots=30, snapshots_for="1d", snapshots_min=2) == [2, 3]
    assert going(snapshots=1, snapshots_for="1d", snapshots_min=0) == [0, 1, 2, 3]


def test_s24_a_snapshot_that_was_taken_to_be_masked_is_no_release_that_is_kept() -> None:
    made = serving()
    left = made.snapshot(DEV, release(5))
    left = left.model_copy(update={"tags": {**left.tags, naming.REFRESH_TAG: "xy-0146-qa"}})
    made.things[-1] = left
    marked(made, left)
    verdicts = decide([made.survey()], retaining(snapshots=9, snapshots_for="90d", snapshots_min=9), NOW)  # type: ignore[arg-type]
    assert {each.thing.name: each.action for each in verdicts}[left.name] is Action.REMOVE


def test_final_snapshots_are_kept_by_number_and_age_beside_the_rollbacks() -> None:
    made = serving()
    spare = [made.final(QA, release(days), RUN) for days in (5, 10, 20)]
    for each in spare:
        marked(made, each)
    verdicts = decide([made.survey()], retaining(final_snapshots=2, final_snapshots_for="8d"), NOW)  # type: ignore[arg-type]
    found = {each.thing.name: each.action for each in verdicts}
    assert [found[each.name] for each in spare] == [Action.WAIT, Action.REMOVE, Action.REMOVE]


def test_s11_the_last_state_of_what_served_and_was_taken_away_is_kept_for_its_time_by_default() -> None:
    made = serving()
    spare = [made.final(QA, release(days), RUN) for days in (5, 10, 40)]
    left = [
        made.final(QA, release(days), "33334444", tags={**made.tags(QA, release(days)), naming.WRITES_TAG: "untold"})
        for days in (6, 11, 41)
    ]
    for each in (*spare, *left):
        marked(made, each)

    def going(**retention: object) -> list[Thing]:
        verdicts = decide([made.survey()], retaining(**retention), NOW)  # type: ignore[arg-type]
        return [each.thing for each in verdicts if each.action is Action.REMOVE]

    assert set(map(str, going())) == set(map(str, [*spare, *left[1:]]))
    assert set(map(str, going(final_snapshots=9))) == {str(spare[2]), str(left[2])}
    assert set(map(str, going(final_snapshots_for="1d"))) == set(map(str, [*spare, *left]))


def test_a_snapshot_is_marked_while_it_is_kept_so_that_its_grace_runs() -> None:
    made = serving()
    assert judged(made, made.snapshot(DEV, release(5))).action is Action.MARK


@pytest.mark.parametrize("state", ["failed", "creating"])
def test_s12_a_snapshot_that_failed_or_is_being_taken_takes_no_good_ones_place(state: str) -> None:
    made = serving()
    good = [made.snapshot(DEV, release(5)), made.final(QA, release(9), RUN)]
    bad = [made.snapshot(DEV, release(3), state=state), made.final(QA, release(4), RUN, state=state)]
    for each in (*good, *bad):
        marked(made, each)
    of = retaining(snapshots=1, final_snapshots=1)
    assert [judged(made, each, fleet=of).action for each in good] == [Action.WAIT, Action.WAIT]
    of_the_bad = Action.REMOVE if state == "failed" else Action.KEEP
    assert {judged(made, each, fleet=of).action for each in bad} == {of_the_bad}


@pytest.mark.parametrize("state", ["creating", "copying", ""])
def test_a_snapshot_that_is_being_taken_stays(state: str) -> None:
    made = serving()
    found = made.snapshot(DEV, release(90), state=state)
    marked(made, found)
    assert judged(made, found, fleet=retaining(snapshots_min=0)).action is Action.KEEP


# -- all of it -------------------------------------------------------------------------------------------------


def test_no_more_goes_in_a_run_than_its_cap() -> None:
    made = serving()
    found = [made.instance(QA, release(10 + number), RUN) for number in range(7)]
    for each in found:
        marked(made, each)
    going, rest = within(decide([made.survey()], fleet(), NOW), 5)
    assert (len(going), len(rest)) == (5, 2)


def test_what_is_referred_to_again_loses_its_mark() -> None:
    made = serving()
    active = next(each for each in made.things if each.name == QA.database(release(1)))
    marked(made, active)
    assert ("platform-new", mark_of(active)) in stale_marks([made.survey()], decide([made.survey()], fleet(), NOW))


@st.composite
def estates(draw: st.DrawFn) -> Estate:
    """Whatever is left over, marked, or refers to whatever."""
    made = serving()
    for name in sorted(ORPHANS):
        ORPHANS[name](made)
    for number in draw(st.lists(st.integers(3, 60), max_size=3, unique=True)):
        made.snapshot(DEV, release(number))
    # One thing that refers to another is enough.
    if draw(st.booleans()):
        made.services.clear()
        made.tasks.clear()
    # What is left over is as likely to be run as what serves.
    left = [each for each in of_kind(made, "revision") if each.run == RUN]
    for revision in draw(st.lists(st.sampled_from([*left, *of_kind(made, "revision")]), max_size=2)):
        made.task(revision.arn, draw(st.sampled_from(["RUNNING", "STOPPING"])))
    if draw(st.booleans()):
        made.service(QA, draw(st.sampled_from(left)).arn)
    for each in draw(st.lists(st.sampled_from(of_kind(made, "instance")), max_size=1)):
        made.locks.append(SeenLock(namespace=str(each.namespace), why="locked", names=frozenset({each.name})))
    if draw(st.booleans()):
        made.pointers.pop(draw(st.integers(0, len(made.pointers) - 1)))
    unmarked = draw(st.sets(st.integers(0, len(made.things) - 1), max_size=4))
    for index, each in enumerate(made.things):
        if index not in unmarked:
            marked(made, each, timedelta(days=draw(st.sampled_from([0, 30]))))
    return made


def of_kind(made: Estate, kind: str) -> list[Thing]:
    return [each for each in made.things if each.kind == kind]


def referred_to(made: Estate) -> set[str]:
    """Names and ARNs, worked out another way than the product does."""
    pointers = [each.pointer for each in made.pointers if each.pointer]
    revisions = [r for each in pointers for r in (each.active, each.previous, each.candidate) if r is not None]
    found = {r.task_definition for r in revisions} | {str(r.snapshot) for r in revisions}
    found |= {each.active.database.name for each in pointers if each.active and each.active.database}
    found |= {each.active.database.secret for each in pointers if each.active and each.active.database}
    running = {each.revision for each in made.tasks} | {r for each in made.services for r in each.revisions}
    for thing in of_kind(made, "revision"):
        if thing.arn in running and thing.namespace is not None:
            found |= {thing.arn, thing.namespace.database(thing.release), *thing.needs}
    return found


@settings(max_examples=100, deadline=None)
@given(estates(), st.sampled_from(["0s", "7d"]))
def test_nothing_that_is_referred_to_is_ever_removed(made: Estate, keep: str) -> None:
    """Whatever is left over, marked, or refers to whatever (I3)."""
    verdicts = decide([made.survey()], retaining(keep_previous=keep, snapshots_min=0), NOW)  # type: ignore[arg-type]
    removed = [each.thing for each in verdicts if each.action is Action.REMOVE]
    assert not {name for each in removed for name in (each.name, each.arn)} & referred_to(made)
    pointed, locked = ({each.namespace for each in seen} for seen in (made.pointers, made.locks))
    assert {str(each.namespace) for each in removed} <= pointed - locked
    assert {mark_of(each) for each in removed} <= set(made.marks)

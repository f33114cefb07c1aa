"""How far a candidate has come, written on its instance: so it holds for this incarnation, and whoever paints tasks."""

from __future__ import annotations

from typing import Final, NamedTuple

from snaplift import naming
from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.rds import FoundInstance
from snaplift.aws.steps.promotion import Promotion
from snaplift.promotion.pointer import Revision

CREDENTIALS: Final = f"{naming.TAG_PREFIX}credentials"
"""The application's account that was made, and tried."""
ADAPT: Final = f"{naming.TAG_PREFIX}adapt"
"""``<number>-begun`` or ``<number>-done``, of the last item; where data is authored, of its setup."""
GIVEN_UP: Final = f"{naming.TAG_PREFIX}given-up"
"""The step in the middle of which a copy was given up: a fresh one is made in its place."""
SMOKE: Final = f"{naming.TAG_PREFIX}smoke"
"""The revision that passed, and the run that tried it: one that was tried before may serve again."""
ACTIVE: Final = f"{naming.TAG_PREFIX}active"
"""That it was active once: the revision that it last served with, and the run that made that active; of masked data
also the environment that they are of. Its snapshots inherit it. Protection does not last: it is lifted first."""
WRITES: Final = naming.WRITES_TAG
"""Of one that is discarded with a final snapshot, which inherits it: whether it is known that visitors wrote to it."""
TOLD, UNTOLD = "told", "untold"
"""What it says."""


def candidate(promotion: Promotion) -> FoundInstance:
    """Look at the candidate's instance.

    :raises StepFailed: it is gone, or another one has its name.
    """
    found = promotion.aws.databases.instance(promotion.plan.database)
    if found is None or found.resource_id != promotion.database().resource_id:
        raise StepFailed(f"instance {promotion.plan.database} is gone: promote again")
    return found


def is_past(mark: str, number: int) -> bool:
    """Say whether an item of adapt has been done."""
    at, _, state = mark.partition("-")
    return bool(at) and (int(at) > number or (int(at) == number and state == "done"))


def check_prepared(promotion: Promotion, instance: FoundInstance) -> None:
    """Be sure that the copy is this environment's own: a person may have marked the task that makes it so.

    :raises StepFailed: names the step that was not done.
    """
    check_masked(promotion, instance)
    items = promotion.plan.items_of_adapt
    adapted = not items or is_past(instance.tags.get(ADAPT, ""), items - 1)
    for step, done in (("credentials", CREDENTIALS in instance.tags), ("adapt", adapted)):
        if not done:
            raise StepFailed(
                f"{instance.identifier} has not been through '{step}', whatever its colour: clear that task"
            )


def masked(promotion: Promotion) -> str:
    """That this run has masked the copy, as a tag's value."""
    return f"{promotion.plan.run.hash}/{naming.MASKED}"


def is_masked(promotion: Promotion, instance: FoundInstance) -> bool:
    """Say whether this run has masked the copy, and its checks have passed."""
    return instance.tags.get(naming.MASK_TAG) == masked(promotion)


def check_masked(promotion: Promotion, instance: FoundInstance) -> None:
    """Be sure that data that have to be masked are: nothing may be done with them before.

    :raises StepFailed: they are not.
    """
    if promotion.plan.masking and not is_masked(promotion, instance):
        raise StepFailed(f"{instance.identifier} has not been through 'mask', whatever its colour: clear that task")


def check_passed(promotion: Promotion, revision: str) -> None:
    """Be sure that the checks of smoke have passed for this revision.

    :param revision: its ARN.
    :raises StepFailed: they have not.
    """
    instance = candidate(promotion)
    check_masked(promotion, instance)
    if instance.tags.get(SMOKE) != passed(promotion, revision):
        raise StepFailed(f"{instance.identifier} has not been through 'smoke', whatever its colour: clear that task")


class WasActive(NamedTuple):
    """What :data:`ACTIVE` says."""

    revision: str
    """``family:number``."""
    run: str
    masked_from: str | None

    @classmethod
    def read(cls, tags: dict[str, str]) -> WasActive | None:
        """Read it off an instance's or a snapshot's tags. None: they do not say that it was active."""
        revision, _, rest = tags.get(ACTIVE, "").partition(" ")
        run, _, masked_from = rest.partition(" ")
        return cls(revision.replace("/", ":"), run, masked_from or None) if revision else None


def activated(active: Revision) -> dict[str, str]:
    """The tag that says what a database is active with."""
    revision = active.task_definition.rpartition("/")[2].replace(":", "/")
    return {ACTIVE: " ".join(filter(None, (revision, active.run, active.masked_from)))}


def was_active(instance: FoundInstance) -> bool:
    """Say whether a database was active once: nothing of it is a leftover."""
    return ACTIVE in instance.tags or instance.protected


def passed(promotion: Promotion, revision: str) -> str:
    """That a revision has passed in this run, as a tag's value: ``xy-0146-qa/37 0a1b2c3d``.

    :param revision: its ARN.
    """
    return f"{revision.rpartition('/')[2].replace(':', '/')} {promotion.plan.run.hash}"

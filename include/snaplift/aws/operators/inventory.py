"""The operators that look at the whole fleet and change nothing: the inventory, and drift."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.sdk import Variable

from snaplift.aws.operators.base import AdvancingOperator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import Context

    from snaplift.aws.steps.promotion import Done
    from snaplift.promotion.inventory import Holding

PREFIX: Final = "snaplift_inventory_"
"""In front of a namespace: the Airflow variable with what it has, as JSON."""
MOST: Final = 200
"""Namespaces that one run reports: Airflow maps a task over 1,024 things at most."""


def keep(holding: Holding) -> None:
    """Write down what a namespace has, where people's requests find it without waiting for AWS."""
    words = f"What {holding.namespace} has; kept by fleet.inventory and by promotions"
    Variable.set(f"{PREFIX}{holding.namespace}", holding.model_dump(mode="json"), words, serialize_json=True)


def forget(namespace: str) -> None:
    """Forget what a namespace had that has been taken away."""
    Variable.delete(f"{PREFIX}{namespace}")


def kept() -> list[str]:
    """Name the namespaces of which is written down what they have."""
    return sorted(key.removeprefix(PREFIX) for key in Variable.keys(prefix=PREFIX))


def forget_vanished(found: Iterable[Holding], since: datetime) -> None:
    """Forget what is not there any more: taken away by hand, or by an Airflow that could not say so.

    :param since: when the look at what is there began. What was written down later has come meanwhile.
    """
    there = {holding.namespace for holding in found}
    for namespace in kept():
        if namespace in there:
            continue
        said = Variable.get(f"{PREFIX}{namespace}", default=None, deserialize_json=True)
        as_of = said.get("as_of") if isinstance(said, dict) else None
        if as_of is None or datetime.fromisoformat(str(as_of)) < since:
            forget(namespace)


class _LookingOperator(AdvancingOperator):
    """Looks at the whole fleet. Before anything was ever there, that nothing is there is no failure."""

    nothing: ClassVar[dict[str, Any]] = {}
    """The result then."""

    def advance(self, context: Context) -> Done:  # noqa: ARG002  # the operators' signature
        from snaplift.aws.steps.promotion import Done
        from snaplift.aws.steps.survey import NothingStands

        try:
            return self.look()
        except NothingStands as error:
            if kept():  # there was something: another region, another account's connection
                raise
            return Done({**self.nothing}, skipped=str(error))

    def look(self) -> Done:
        """Do the work."""
        raise NotImplementedError


class CollectInventoryOperator(_LookingOperator):
    """Survey what stands, and write down what each namespace has; what is gone is forgotten."""

    def look(self) -> Done:
        from snaplift.aws.steps.inventory import collect
        from snaplift.aws.steps.promotion import Done, utc_now

        began = utc_now()
        found = collect(Path(self.configuration))
        for holding in found:
            keep(holding)
        forget_vanished(found, began)
        costs: dict[str, float] = {}
        for holding in found:
            if holding.monthly is not None and holding.currency:
                costs[holding.currency] = round(costs.get(holding.currency, 0.0) + holding.monthly, 2)
        return Done({"namespaces": len(found), "a_month": costs})


class FindDriftOperator(_LookingOperator):
    """Compare what stands with pointers and configuration; a list of namespaces is the task's XCom."""

    nothing: ClassVar[dict[str, Any]] = {"namespaces": []}

    def execute(self, context: Context, event: dict[str, str] | None = None) -> Any:
        return super().execute(context, event)["namespaces"]

    def look(self) -> Done:
        from snaplift.aws.steps.drift import find_drift
        from snaplift.aws.steps.promotion import Done

        found: dict[str, list[str]] = {}
        for each in find_drift(Path(self.configuration)):
            found.setdefault(each.namespace, []).append(str(each))
        if len(found) > MOST:
            self.log.warning("%d namespaces are not as they should be: the first %d are told", len(found), MOST)
        return Done({"namespaces": [{"namespace": name, "said": found[name]} for name in sorted(found)[:MOST]]})


class ReportDriftOperator(AdvancingOperator):
    """Say of one namespace what is not as it should be: it fails, so that it is seen. Nothing is mended.

    :param drift: one of what :class:`FindDriftOperator` found.
    """

    def __init__(self, *, drift: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.drift = drift

    def advance(self, context: Context) -> Done:  # noqa: ARG002  # the operators' signature
        from snaplift.aws.errors import StepFailed

        said = "\n".join(f"  - {each}" for each in self.drift["said"])
        raise StepFailed(f"{self.drift['namespace']} is not as it should be:\n{said}")

"""The operators that look at the whole fleet and change nothing: the inventory, and drift."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import Variable

from snaplift.aws.operators.base import AdvancingOperator

if TYPE_CHECKING:
    from collections.abc import Mapping

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


class CollectInventoryOperator(AdvancingOperator):
    """Survey what stands, and write down what each namespace has."""

    def advance(self, context: Context) -> Done:  # noqa: ARG002  # the operators' signature
        from snaplift.aws.steps.inventory import collect
        from snaplift.aws.steps.promotion import Done

        found = collect(Path(self.configuration))
        for holding in found:
            keep(holding)
        costs: dict[str, float] = {}
        for holding in found:
            if holding.monthly is not None and holding.currency:
                costs[holding.currency] = round(costs.get(holding.currency, 0.0) + holding.monthly, 2)
        return Done({"namespaces": len(found), "a_month": costs})


class FindDriftOperator(AdvancingOperator):
    """Compare what stands with pointers and configuration; a list of namespaces is the task's XCom."""

    def execute(self, context: Context, event: dict[str, str] | None = None) -> Any:
        return super().execute(context, event)["namespaces"]

    def advance(self, context: Context) -> Done:  # noqa: ARG002  # the operators' signature
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

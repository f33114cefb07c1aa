"""Which data run where, and how they got there: what Airflow's assets are told when a release has become active."""

from __future__ import annotations

from typing import Any

from snaplift import naming
from snaplift.promotion.plan import Plan


def taken_from(plan: Plan) -> naming.Namespace | None:
    """The namespace whose data are promoted; none: they are authored here.

    A tested release is taken from where it was tested, though its snapshot is of where the data are authored.
    """
    if plan.mode == "tested" and plan.settings.promoted_from:
        return naming.Namespace(plan.name.tenant, plan.settings.promoted_from)
    return plan.source_name


def event(plan: Plan) -> dict[str, Any]:
    """What an asset's event says of the release that it is about; no secrets, no addresses of databases."""
    source = taken_from(plan)
    return {
        "release": plan.release,
        "build": plan.images,
        "source": str(source) if source else None,
        "snapshot": plan.snapshot,
        "database": plan.database,
        "mode": plan.mode,
        "run": plan.run.run_id,
    }

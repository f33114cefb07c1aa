"""Which data run where, and how they got there: what Airflow's assets are told when a release has become active."""

from __future__ import annotations

from typing import Any

from snaplift import naming
from snaplift.promotion.plan import Plan
from snaplift.promotion.revision import began_as, masked_from


def taken_from(plan: Plan) -> naming.Namespace | None:
    """The namespace whose data are promoted; none: they are authored here.

    A tested release is taken from where it was tested, though its snapshot is of where the data are authored. What
    serves again, or goes on serving, is the namespace's own: it has what was written to it there.
    """
    if plan.mode == "tested" and plan.settings.promoted_from:
        return naming.Namespace(plan.name.tenant, plan.settings.promoted_from)
    return plan.name if plan.earlier else plan.source_name


def began_in(plan: Plan) -> naming.Namespace | None:
    """The namespace of which the data are a snapshot in the end; none: they are authored here, or it is not known.

    Masked data are those of the environment above that they were brought down from.
    """
    if above := masked_from(plan):
        return naming.Namespace(plan.name.tenant, above) if above in plan.tenant.environments else None
    snapshot = began_as(plan)
    if snapshot is None:
        return None
    try:
        return naming.SnapshotName.parse(snapshot).namespace
    except naming.InvalidName:
        return None  # imported: it was made somewhere else


def event(plan: Plan) -> dict[str, Any]:
    """What an asset's event says of the release that it is about; no secrets, no addresses of databases."""
    source, first = taken_from(plan), began_in(plan)
    return {
        "release": plan.release,
        "build": plan.images,
        "source": str(source) if source else None,
        "began_in": str(first) if first else None,
        "snapshot": plan.snapshot or began_as(plan),
        "database": plan.database,
        "mode": plan.mode,
        "run": plan.run.run_id,
    }

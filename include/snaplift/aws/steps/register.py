"""register: the revision, one immutable task definition with the database's endpoint and secrets pinned in it."""

from __future__ import annotations

from snaplift.aws.steps.job import ensure_revision
from snaplift.aws.steps.promotion import Done, Promotion


def advance(promotion: Promotion) -> Done:
    """Register it, or adopt the one with the same content."""
    return Done({"task_definition": ensure_revision(promotion), "images": promotion.plan.images})

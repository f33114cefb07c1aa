"""The fence: no mutating call without the lock, in the phase that allows it, or from a process that lost its parent."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from snaplift.promotion.lock import LockLost, Phase

if TYPE_CHECKING:
    from snaplift.aws.hooks.dynamodb import LockHook

READS: Final = re.compile(r"(Describe|List|Get|BatchGet|Lookup|Search|Scan|Query)([A-Z].*)?")
"""AWS's operations that change nothing; any other is taken for one that does."""


def parent() -> int:
    """Say which process was this one's parent when it was first asked for, which a task does before anything else."""
    return _parent_of(os.getpid())


@cache
def _parent_of(_: int) -> int:
    return os.getppid()


@dataclass(frozen=True)
class Fence:
    """Refuse to write when the lock is not ours.

    A run that was marked failed goes on for some seconds beside the one that undoes it, and a task outlives a
    supervisor that was killed: neither may write. Only the lock tells, so it is read, consistently, before each write.

    :param fence: the lock's fencing number when it was found to be ours; it grows with every holder.
    """

    locks: LockHook
    table: str
    namespace: str
    token: str
    fence: int
    phase: Phase
    parent: int = field(default_factory=parent)

    def check(self, what: str) -> None:
        """Be sure that we may write.

        :param what: the write, for the message.
        :raises LockLost: we may not.
        """
        if os.getppid() != self.parent:
            raise LockLost(f"{what} is not done: this process has lost its parent, and another may have taken over")
        lock = self.locks.find(self.table, self.namespace)
        if lock is None or not lock.held_by(self.token) or lock.fence != self.fence or lock.phase is not self.phase:
            now = f"{lock.phase}, held by {lock.token}" if lock else "gone"
            raise LockLost(f"{what} is not done: the lock of {self.namespace} is no longer ours ({now})")

    def before_call(self, model: Any, **_: Any) -> None:
        """Botocore's ``before-call`` handler."""
        if not READS.fullmatch(model.name):
            self.check(f"{model.service_model.service_name}:{model.name}")

"""The folder in which one server keeps what the next run has to know, and the files of its databases."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from local.aws import processes

_SCRATCH_PREFIX = "snaplift-aws-"
_SCRATCH_PARENT = Path("/var/tmp")  # noqa: S108 - every folder in it is made by mkdtemp


class InUse(RuntimeError):
    """Another server works in this state folder."""


class StateDir:
    """One server's state folder, held under a lock from start to end.

    Every start is a fresh one: what an earlier run has left is ended and removed first.
    """

    def __init__(self, path: Path) -> None:
        """Take the folder over.

        :raises InUse: another server has it
        """
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(path)
        self.swept = _sweep(path)
        self.processes = path / "processes"
        self.logs = path / "logs"
        self.logs.mkdir(exist_ok=True)
        # Not below the state folder: a database server that runs as another user has to reach it, whatever
        # the folders above allow, and the path of a Unix socket holds no more than 107 bytes.
        self.scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH_PREFIX, dir=_SCRATCH_PARENT))
        self.scratch.chmod(0o711)
        self._scratch_lock = _hold(self.scratch)
        (path / "scratch").write_text(str(self.scratch))

    def close(self) -> None:
        """Remove the databases' files and let go of the folder."""
        _remove(self.scratch)
        (self.path / "scratch").unlink(missing_ok=True)
        os.close(self._scratch_lock)
        os.close(self._lock)


def sweep(path: Path) -> int:
    """End and remove what a run that was killed has left. Returns the number of processes ended.

    :raises InUse: a server is still running there
    """
    if not path.is_dir():
        return 0
    lock = _lock(path)
    try:
        return _sweep(path)
    finally:
        os.close(lock)


def _sweep(path: Path) -> int:
    ended = processes.sweep(path / "processes")
    _remove_abandoned()
    (path / "scratch").unlink(missing_ok=True)
    return ended


def _hold(scratch: Path) -> int:
    # Locked before it has the name by which others look for it: no moment at which it looks abandoned.
    new = scratch / "lock.new"
    descriptor = os.open(new, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    new.rename(scratch / "lock")
    return descriptor


def _remove(scratch: Path) -> None:
    # The lock goes last, so that what cannot be removed now is found by the next sweep.
    for entry in scratch.iterdir():
        if entry.name != "lock":
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        if [entry.name for entry in scratch.iterdir()] == ["lock"]:
            shutil.rmtree(scratch)


def _remove_abandoned() -> None:
    """Remove this user's scratch folders that no living server holds, whatever state folder they were of."""
    for folder in _SCRATCH_PARENT.glob(f"{_SCRATCH_PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.lstat().st_uid != os.geteuid():
                continue
            descriptor = os.open(folder / "lock", os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
            finally:
                os.close(descriptor)


def _lock(path: Path) -> int:
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 20, 0).decode() or "unknown"
        os.close(descriptor)
        raise InUse(f"{path} is in use by another server (process {holder}): stop it first") from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor

"""Who listens on a port, told so that a newcomer can act on it."""

import contextlib
import os
import socket
from pathlib import Path

_LISTEN = "0A"


def listen(address: str, port: int) -> socket.socket:
    """A socket that already takes connections on ``address:port``.

    :raises OSError: it is taken (the message says by what) or not allowed
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {address}:{port} ({error.strerror}): {holder(port)}") from error
    return listener


def holder(port: int) -> str:
    """A sentence on who listens on ``port``, as far as this user may know."""
    inodes = _listening_inodes(port)
    if not inodes:
        return f"nothing seems to listen on port {port}"
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and _has_socket(Path(entry.path), inodes):
            return f"port {port} is taken by process {entry.name} ({_name(Path(entry.path))})"
    return f"port {port} is taken by a process of another user"


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    return inodes


def _has_socket(process: Path, inodes: set[str]) -> bool:
    with contextlib.suppress(OSError):
        for descriptor in os.scandir(process / "fd"):
            with contextlib.suppress(OSError):
                if os.readlink(descriptor.path) in inodes:
                    return True
    return False


def _name(process: Path) -> str:
    with contextlib.suppress(OSError):
        return (process / "comm").read_text().strip()
    return "unknown"

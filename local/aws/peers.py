"""Who is at the other end of a connection, and how to cut it: by the socket, whatever serves it."""

import contextlib
import os
import re
import signal
import socket
from pathlib import Path

Address = tuple[str, int]
_SOCKET = re.compile(r"socket:\[(?P<inode>\d+)\]")


def cut(peer: Address) -> bool:
    """Shut this process's connection to ``peer`` in both directions. False: there is none."""
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if not os.readlink(entry).startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(entry.name))) as found:
                if found.family == socket.AF_INET and found.getpeername() == peer:
                    found.shutdown(socket.SHUT_RDWR)
                    return True
    return False


def process_at(address: Address) -> int | None:
    """The process of this machine whose connection has this address at its end; None: there is none."""
    inode = _inode_of(address)
    if inode is None:
        return None
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _has_socket(entry, inode):
            return int(entry.name)
    return None


def kill(address: Address) -> int | None:
    """Kill the process at the other end. Returns its id; None: there is none, or it is this one."""
    pid = process_at(address)
    if pid is None or pid == os.getpid():
        return None
    os.kill(pid, signal.SIGKILL)
    return pid


def _inode_of(address: Address) -> str | None:
    host, port = address
    wanted = f"{socket.inet_aton(host)[::-1].hex().upper()}:{port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == wanted and fields[9] != "0":  # 0: nobody has it open any more
            return fields[9]
    return None


def _has_socket(process: Path, inode: str) -> bool:
    try:
        for entry in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                found = _SOCKET.fullmatch(os.readlink(entry))
                if found and found["inode"] == inode:
                    return True
    except OSError:  # another user's, or it has ended
        return False
    return False

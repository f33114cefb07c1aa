"""Loopback addresses, one for each database and each task, so that every one keeps its usual port.

All of 127.0.0.0/8 is this machine's own and needs no set-up on Linux. Several servers may run at once
(another user, a test run beside a demo): each holds one *block*, 127.<block>.x.y, by the name of an
abstract socket, which the kernel gives back when the process ends, however it ends.
"""

import socket
import threading

_BLOCKS = 100
_LAST_HOST = 254


class NoAddress(RuntimeError):
    """No loopback address is free."""


class AddressBlock:
    """The 127.<block>.0.0/16 that this server alone hands out."""

    def __init__(self) -> None:
        self._held, self.number = _hold_a_block()

    def pool(self, subnet: int) -> "AddressPool":
        """The addresses 127.<block>.<subnet>.1 to .254."""
        return AddressPool(f"127.{self.number}.{subnet}")

    def release(self) -> None:
        """Give the block back."""
        self._held.close()


class AddressPool:
    """Hands out the addresses of one subnet in turn, so that a name just freed is not taken at once."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._taken: set[str] = set()
        self._last = 0
        self._lock = threading.Lock()

    def claim(self, *ports: int) -> str:
        """Take an address on which every one of ``ports`` can be listened on now.

        :raises NoAddress: all are taken, or something listens on these ports on every address
        """
        with self._lock:
            for step in range(_LAST_HOST):
                host = (self._last + step) % _LAST_HOST + 1
                address = f"{self._prefix}.{host}"
                if address not in self._taken and all(is_free(address, port) for port in ports):
                    self._taken.add(address)
                    self._last = host
                    return address
        raise NoAddress(
            f"no address of {self._prefix}.1-{_LAST_HOST} is free for {list(ports)}: "
            "something may listen on such a port on all addresses (0.0.0.0); see `ss -ltnp`"
        )

    def release(self, address: str) -> None:
        """Give an address back; one that was not taken is left alone."""
        with self._lock:
            self._taken.discard(address)


def is_free(address: str, port: int) -> bool:
    """Whether ``address:port`` can be listened on at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _hold_a_block() -> tuple[socket.socket, int]:
    for number in range(_BLOCKS):
        held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            held.bind(f"\0snaplift-local-aws-block-{number}")
        except OSError:
            held.close()
        else:
            return held, number
    raise NoAddress(f"{_BLOCKS} servers already hold a block of loopback addresses on this machine")

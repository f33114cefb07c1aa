"""Where a site is, and where to connect to reach it: loopback only."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

import httpx


@dataclass(frozen=True)
class Target:
    """A site by its own address, and the loopback address that answers for it.

    :param site: the site's address, like `http://xy-0146-qa.localhost:8088`.
    :param connect_to: `address:port` to connect to; else `*.localhost` is 127.0.0.1, which Python's own
        resolver does not know, and a loopback address is itself.
    :raises ValueError: not http, or it would not stay on this machine.
    """

    site: str
    connect_to: str | None = None
    host: str = field(init=False)  # the Host header
    _connection: str = field(init=False)

    def __post_init__(self) -> None:
        url = httpx.URL(self.site)
        if url.scheme != "http" or not url.host:
            raise ValueError(f"{self.site}: expected http://, a host and perhaps a port")
        at = httpx.URL(f"http://{self.connect_to}") if self.connect_to else url
        address = _loopback(at.host)
        object.__setattr__(self, "host", url.netloc.decode())
        object.__setattr__(self, "_connection", f"http://{address}:{at.port or 80}")

    def url(self, path: str) -> str:
        """Return the URL to connect to for a path of the site."""
        return f"{self._connection}/{path.removeprefix('/')}"


def _loopback(host: str) -> str:
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise ValueError(f"{host} is not on this machine: expected localhost, *.localhost or 127.*")
    return f"[{address}]" if address.version == 6 else str(address)

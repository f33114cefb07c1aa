"""What has to be on the machine, told by what is there and not by a package manager's word."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from local.setup.machine import Machine

THEMES = "usr/share/wordpress/wp-content/themes/*/style.css"


@dataclass(frozen=True)
class Need:
    """A thing, Debian's packages that bring it, and how to see that it is there.

    `{php}` in a package's name is the distribution's PHP with its version, `{theme}` WordPress's theme.
    """

    name: str
    packages: tuple[str, ...]
    there: Callable[[Machine], bool]


NEEDS = (
    # The environments are made by the Python that runs this; Debian has that part of it in a package of its own.
    Need("Python's venv", (f"python3.{sys.version_info.minor}-venv",), lambda _: find_spec("ensurepip") is not None),
    # The images' entrypoint runs by it; the Python of the environments may be another.
    Need("python3", ("python3",), lambda m: m.has_program("python3")),
    Need("nginx", ("nginx",), lambda m: m.has_program("nginx")),
    # `php` and its FPM in one: `php` alone, or WordPress alone, would bring Apache.
    Need("PHP", ("php", "{php}-fpm"), lambda m: m.has_program("php") and m.has("usr/sbin/php-fpm[0-9]*")),
    Need("PHP's MySQL driver", ("php-mysql",), lambda m: m.has("etc/php/*/fpm/conf.d/*mysqli.ini")),
    Need("WordPress", ("wordpress",), lambda m: m.has("usr/share/wordpress/wp-load.php")),
    Need("a theme for WordPress", ("{theme}",), lambda m: m.has(THEMES)),
    Need(
        "MariaDB's server",
        ("mariadb-server",),
        lambda m: m.has_program("mariadbd") and m.has_program("mariadb-install-db"),
    ),
    Need("mariadb-backup", ("mariadb-backup",), lambda m: m.has_program("mariadb-backup")),
    Need("HAProxy", ("haproxy",), lambda m: m.has_program("haproxy")),
)

FOR_CHAOS = (Need("PostgreSQL's server", ("postgresql",), lambda m: m.has("usr/lib/postgresql/*/bin/initdb")),)
"""What nothing but `make chaos` needs."""


def missing(machine: Machine, *, chaos: bool = False) -> list[Need]:
    """Return what is not there."""
    return [need for need in (*NEEDS, *(FOR_CHAOS if chaos else ())) if not need.there(machine)]

"""Install Debian's packages and start none of their services."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.setup.machine import Machine, say
from local.setup.needs import Need

POLICY = "usr/sbin/policy-rc.d"
SAVED = "usr/sbin/policy-rc.d.before-snaplift"
MARK = "# snaplift: no service is started while packages are installed"
INSTALL = (
    *("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "--no-upgrade"),
    *("-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0", "-o", "Dpkg::Options::=--force-confold"),
)
UNIT = re.compile(r"^(?:/usr)?/lib/systemd/system/([^/@]+\.(?:service|socket|timer|path))$", re.MULTILINE)
LINES_SHOWN = 15


class InstallError(Exception):
    """Packages that were not installed; the message says why and what to do."""


@dataclass(frozen=True)
class Changes:
    """What apt-get would do."""

    new: tuple[str, ...]
    upgraded: tuple[str, ...]
    removed: tuple[str, ...]


def install(machine: Machine, needs: Iterable[Need]) -> None:
    """Install what brings the needs. Raises InstallError, with nothing done or with apt-get's words."""
    needs = list(needs)
    try:
        changes = simulate(machine, package_names(machine, needs))
    except InstallError:
        update(machine)
        changes = simulate(machine, package_names(machine, needs))
    refuse_harm(machine, changes)
    names = package_names(machine, needs)
    say(f"{len(changes.new)} to install, for {', '.join(need.name for need in needs)}")
    with services_kept_from_starting(machine):
        done = machine.run_long(*INSTALL, *names)
        if done.status != 0 and re.search(r"404|Unable to fetch|Failed to fetch", done.output):
            update(machine)
            done = machine.run_long(*INSTALL, *names)
        leave_disabled(machine, changes.new)
    if done.status != 0:
        raise InstallError(f"apt-get install ended with {done.status}:\n{_tail(done.output)}")
    say("installed; no service was started")


def package_names(machine: Machine, needs: Iterable[Need]) -> list[str]:
    """Return the packages of the needs, as this release of the distribution calls them."""
    php = re.search(r"Depends: (php[\d.]+)-fpm", machine.run("apt-cache", "depends", "php-fpm").output)
    depends = machine.run("apt-cache", "depends", "wordpress").output
    theme = re.search(r"Recommends: (wordpress-theme-\S+)", depends)
    values = {
        "php": php[1] if php else "php",
        "theme": theme[1] if theme else "wordpress-theme-twentytwentythree",
    }
    return [name.format_map(values) for need in needs for name in need.packages]


def update(machine: Machine) -> None:
    """Fetch the lists of packages. Raises InstallError."""
    say("fetching the lists of packages")
    done = machine.run_long("apt-get", "update", "--quiet", "-o", "DPkg::Lock::Timeout=300")
    if done.status != 0:
        raise InstallError(f"apt-get update ended with {done.status}:\n{_tail(done.output)}")


def simulate(machine: Machine, names: Iterable[str]) -> Changes:
    """Ask apt-get what it would do. Raises InstallError when it could not."""
    done = machine.run(*INSTALL, "--simulate", *names)
    if done.status != 0:
        raise InstallError(f"apt-get cannot install {', '.join(names)}:\n{_tail(done.output)}")
    planned = re.findall(r"^Inst (\S+)( \[[^]]*\])?", done.output, re.MULTILINE)
    return Changes(
        new=tuple(name for name, old in planned if not old),
        upgraded=tuple(name for name, old in planned if old),
        removed=tuple(re.findall(r"^(?:Remv|Purg) (\S+)", done.output, re.MULTILINE)),
    )


def refuse_harm(machine: Machine, changes: Changes) -> None:
    """Raise InstallError where installing would bring Apache, or touch a service that the machine has."""
    if apache := [name for name in changes.new if re.match(r"(lib)?apache2", name)]:
        raise InstallError(
            f"apt-get would bring Apache ({', '.join(apache)}), which WordPress's package takes where nginx or"
            " php-fpm is not from a package: install those two from packages first"
        )
    if changes.removed:
        raise InstallError(f"apt-get would remove {', '.join(changes.removed)}: that is yours to decide")
    if touched := [name for name in changes.upgraded if units_of(machine, [name])]:
        raise InstallError(f"apt-get would upgrade {', '.join(touched)} and its service: upgrade it first")


@contextmanager
def services_kept_from_starting(machine: Machine) -> Iterator[None]:
    """Answer 101, "not allowed", to packages that ask whether to start or restart a service.

    What was there before comes back in every case; after a kill, at the next time.
    """
    policy, saved = machine.root / POLICY, machine.root / SAVED
    if not saved.exists() and not _ours(policy) and policy.exists():
        policy.rename(saved)
    try:
        policy.unlink(missing_ok=True)
        policy.write_text(f"#!/bin/sh\n{MARK}\nexit 101\n")
        policy.chmod(0o755)
        yield
    finally:
        policy.unlink(missing_ok=True)
        if saved.exists():
            saved.rename(policy)


def _ours(policy: Path) -> bool:
    return policy.is_file() and MARK in policy.read_text(errors="replace")


def leave_disabled(machine: Machine, packages: Iterable[str]) -> None:
    """See to it that the services of new packages do not start at the next boot either."""
    if machine.has_program("systemctl") and (units := units_of(machine, packages)):
        machine.run("systemctl", "disable", "--quiet", *units)
    elif machine.has_program("update-rc.d"):
        for script in _scripts_of(machine, packages):
            machine.run("update-rc.d", script, "disable")


def units_of(machine: Machine, packages: Iterable[str]) -> list[str]:
    """Return the systemd units that packages installed."""
    return sorted({unit for name in packages for unit in UNIT.findall(machine.run("dpkg", "-L", name).output)})


def _scripts_of(machine: Machine, packages: Iterable[str]) -> list[str]:
    listed = "\n".join(machine.run("dpkg", "-L", name).output for name in packages)
    return re.findall(r"^/etc/init\.d/(\S+)$", listed, re.MULTILINE)


def _tail(output: str) -> str:
    return "\n".join(output.rstrip().splitlines()[-LINES_SHOWN:])

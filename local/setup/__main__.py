"""`python -m local.setup`: install the system packages that are missing; `--check`: only say which; `--chaos`: also
those that nothing but `make chaos` needs.

As root, or by sudo. Status 0: all is there; 1: installing failed; 3: something is missing and this user
cannot install it.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from local.setup import apt
from local.setup.machine import Machine, say
from local.setup.needs import Need, missing

REPOSITORY = Path(__file__).parents[2]
MODULE = "local.setup"
FAILED = 1
MISSING = 3


def main(argv: Sequence[str] | None = None, machine: Machine | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("--chaos", action="store_true", help="also what nothing but `make chaos` needs")
    arguments = parser.parse_args(argv)
    machine, chaos = machine or Machine(), arguments.chaos
    if not (needs := missing(machine, chaos=chaos)):
        say("all there")
        return 0
    if arguments.check or not machine.has_program("apt-get"):
        return explain(machine, needs, chaos=chaos)
    if not machine.is_root():
        return install_by_sudo(machine, needs, chaos=chaos)
    return install(machine, needs)


def install(machine: Machine, needs: Sequence[Need]) -> int:
    """Install as root; the exit status."""
    try:
        apt.install(machine, needs)
    except apt.InstallError as error:
        print(f"packages: {error}", file=sys.stderr)
        return FAILED
    if left := [need for need in needs if not need.there(machine)]:
        names = ", ".join(need.name for need in left)
        print(f"packages: apt-get installed all and {names} is still not there", file=sys.stderr)
        return FAILED
    return 0


def install_by_sudo(machine: Machine, needs: Sequence[Need], *, chaos: bool = False) -> int:
    """Do the same by sudo, if it lets this user without a password or there is somebody to type it."""
    # -B: no files of root's in a user's folder
    command = [sys.executable, "-B", "-m", MODULE, *(["--chaos"] if chaos else [])]
    if not machine.has_program("sudo"):
        return explain(machine, needs, chaos=chaos)
    if machine.run("sudo", "-n", "true").status == 0:
        return machine.become("sudo", "-n", "--", *command)
    if machine.can_ask():
        say(f"sudo may ask for your password, to install {', '.join(need.name for need in needs)}")
        return machine.become("sudo", "--", *command)
    return explain(machine, needs, chaos=chaos)


def explain(machine: Machine, needs: Sequence[Need], *, chaos: bool = False) -> int:
    """Say in one message what is missing and how to install it; the exit status."""
    lines = [f"missing on this machine: {', '.join(need.name for need in needs)}."]
    if machine.has_program("apt-get"):
        sudo = "" if machine.is_root() else "sudo "
        names = " ".join(apt.package_names(machine, needs))
        lines += [
            "Install it, without starting any service, with",
            f"    cd {shlex.quote(str(REPOSITORY))} && {sudo}{sys.executable} -m {MODULE}{' --chaos' if chaos else ''}",
            "or by yourself, where Debian's packages start their services, with",
            f"    {sudo}apt-get install --no-install-recommends {names}",
        ]
    else:
        lines.append("There is no apt-get here: the laptop's AWS runs on Debian and Ubuntu.")
    print("packages: " + "\n".join(lines), file=sys.stderr)
    return MISSING


def _stop(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)  # an exception, so that what was changed for a time is put back


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    sys.exit(main())

"""The machine as seen from here: its files, and the programs that are run on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")
SIGN_OF_LIFE = 10.0  # seconds between two lines of a long step
# needrestart would restart services that run; a question would wait for ever.
ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "NEEDRESTART_SUSPEND": "1",
    "LC_ALL": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}


@dataclass(frozen=True)
class Done:
    """A program that ended: its status, and all that it printed."""

    status: int
    output: str


class Machine:
    """This machine, or in a test one below another root."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def has(self, pattern: str) -> bool:
        """Is there a file of this pattern, from the root?"""
        return any(self.root.glob(pattern))

    def has_program(self, name: str) -> bool:
        """Is there a program, also where only root's PATH looks?"""
        return any((self.root / folder / name).exists() for folder in FOLDERS)

    def is_root(self) -> bool:
        """Does this process run as root?"""
        return os.geteuid() == 0

    def can_ask(self) -> bool:
        """Is there somebody to type a password?"""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def run(self, *command: str) -> Done:
        """Run a program that answers soon."""
        program = shutil.which(command[0], path=ENVIRONMENT["PATH"])
        if program is None:
            return Done(127, f"{command[0]}: not found")
        done = subprocess.run(
            [program, *command[1:]],
            env=os.environ | ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        return Done(done.returncode, done.stdout)

    def run_long(self, *command: str) -> Done:
        """Run a program that takes its time, with a sign of life now and then.

        It is never interrupted, as a package manager must not be: an interrupt is raised when it has ended.
        """
        interrupted: BaseException | None = None
        began = time.monotonic()
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            process = subprocess.Popen(
                command,
                env=os.environ | ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            while process.returncode is None:
                try:
                    process.wait(SIGN_OF_LIFE)
                except subprocess.TimeoutExpired:
                    say(f"{command[0]} is at work, {time.monotonic() - began:.0f} s")
                except (KeyboardInterrupt, SystemExit) as error:
                    say(f"stopping as soon as {command[0]} has ended what it does")
                    interrupted = error
            if interrupted is not None:
                raise interrupted
            output.seek(0)
            return Done(process.returncode, output.read())

    def become(self, *command: str) -> int:
        """Run a program with this terminal; its status."""
        return subprocess.run(command).returncode


def say(line: str) -> None:
    """Print a line of progress."""
    print(f"packages: {line}", flush=True)

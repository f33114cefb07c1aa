"""``python -m local.demo up | down``."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from local.airflow.client import AirflowError
from local.airflow.server import NotReady
from local.airflow.settings import REPOSITORY
from local.demo import ports
from local.demo.installation import Installation
from local.demo.progress import Progress
from local.demo.story import Story, StoryEnded
from local.load import SiteError
from local.programs import ProgramDied

ROOT = REPOSITORY / ".demo"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when all went well and every line of the report is true."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument("command", choices=("up", "down"))
    parser.add_argument("--root", type=Path, default=ROOT, help="the folder for state and logs (default: .demo)")
    options = parser.parse_args(arguments)
    return up(options.root) if options.command == "up" else down(options.root)


def up(root: Path) -> int:
    """Start everything, tell the story, leave it up."""
    progress = Progress()
    with progress.stage("start AWS and Airflow on this machine"):
        if stopped := Installation(root).stop():
            progress.tell(f"stopped {stopped} programs of an earlier demo")
        shutil.rmtree(root, ignore_errors=True)
        try:
            installation = Installation(root, ports.choose(ports.Ports(), progress.tell), progress.tell)
            installation.start()
        except (NotReady, ProgramDied, ports.NoPort, OSError, RuntimeError) as error:
            return _failed(progress, error, root)
    try:
        report = Story(installation, progress).tell()
    except (StoryEnded, SiteError, AirflowError, ProgramDied) as error:
        return _failed(progress, error, root)
    except Exception as error:
        progress.console.print_exception()  # nothing that was thought of: where it came from is worth seeing
        return _failed(progress, error, root)
    report.write(root / "report.json")
    progress.console.print()
    for line in report.lines(installation.settings.password):
        progress.console.print(line, markup=False)
    progress.console.print("All of it is still up to look at: make down ends it.")
    return 0 if report.all_true else 1


def down(root: Path) -> int:
    """Stop what ``up`` started, or what is left of it."""
    stopped = Installation(root).stop()
    print(f"stopped {stopped} programs" if stopped else "nothing of the demo was running")
    return 0


def _failed(progress: Progress, error: Exception, root: Path) -> int:
    progress.tell(f"{error}", style="red")
    progress.tell(f"the logs are in {root / 'logs'}; what has started is still up: make down ends it")
    return 1


if __name__ == "__main__":
    sys.exit(main())

"""What all commands have in common: the folder they read, and how they speak."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Never

import typer
from rich.console import Console

from snaplift.config.errors import ConfigError

OUTPUT = Console(highlight=False)
ERRORS = Console(stderr=True, highlight=False)

ConfigFolder = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="DIR",
        help="The folder with platforms.yaml; without it $SNAPLIFT_CONFIG, else config in the current folder.",
    ),
]


def fail(*errors: ConfigError | str) -> Never:
    """Say what is wrong, one thing a line, and end with 1."""
    for error in errors:
        ERRORS.print(str(error), style="red", markup=False, soft_wrap=True)
    raise typer.Exit(1)

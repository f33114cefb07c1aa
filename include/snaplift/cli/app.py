"""The commands."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

import snaplift
from snaplift.cli import lock, status
from snaplift.cli.output import OUTPUT, ConfigFolder, fail
from snaplift.config.errors import InvalidConfiguration
from snaplift.config.loading import Configuration, find_configuration, load_configuration

app = typer.Typer(
    name="snaplift",
    help="Promote a tenant's database and its data through environments as one artifact.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(lock.app)
app.command()(status.status)

OutFolder = Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write to; made if need be.")]


def _print_version(wanted: bool) -> None:  # noqa: FBT001  # typer calls it so
    if wanted:
        typer.echo(f"snaplift {snaplift.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[  # its callback does the work
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say the version and exit.")
    ] = False,
) -> None:
    """Promote a tenant's database and its data through environments as one artifact."""


@app.command()
def validate(config: ConfigFolder = None) -> None:
    """Check the configuration; exit with 1 if anything is wrong in it."""
    found = _load(config)
    if found.tenants:
        OUTPUT.print(_tenants_table(found))
    counts = [
        _count(len(found.platforms.platforms), "platform"),
        _count(len(found.tenants), "tenant"),
        _count(sum(len(tenant.environments) for tenant in found.tenants.values()), "environment"),
        _count(len(found.errors), "error"),
    ]
    OUTPUT.print(", ".join(counts))
    if found.errors:
        fail(*found.errors)


@app.command()
def render(out: OutFolder, config: ConfigFolder = None) -> None:
    """Write every CloudFormation template and the orchestrator's policy, for a reviewer to read."""
    from snaplift.stacks.render import render as render_stacks  # troposphere takes its time, other commands need none

    found = _load(config)
    if found.errors:
        fail(*found.errors)
    _write(out, render_stacks(found.platforms, found.tenants.values()))


@app.command()
def schema(out: OutFolder) -> None:
    """Write the JSON schemas of the configuration's files, for editors, and their reference."""
    _write(out, reference_files())


def reference_files() -> dict[str, str]:
    """Write what ``docs/reference/`` holds, by file name."""
    from snaplift.config.reference import configuration_reference
    from snaplift.config.schema import platforms_schema, tenant_schema

    return {
        "platforms.schema.json": json.dumps(platforms_schema(), indent=2, ensure_ascii=False) + "\n",
        "tenant.schema.json": json.dumps(tenant_schema(), indent=2, ensure_ascii=False) + "\n",
        "configuration.md": configuration_reference(),
    }


def _load(folder: Path | None) -> Configuration:
    try:
        return load_configuration(folder or find_configuration(None, os.environ))
    except InvalidConfiguration as error:
        fail(*error.errors)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in sorted(files.items()):
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            fail(f"{path}: cannot be written: {error.strerror}")
    OUTPUT.print(f"{_count(len(files), 'file')} written to {folder}", markup=False, soft_wrap=True)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _tenants_table(found: Configuration) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("tenant", "owner", "environments", "nightly"):
        table.add_column(heading, overflow="fold")
    for name, tenant in found.tenants.items():
        stages = [
            f"{environment} from {settings.promoted_from}" if settings.promoted_from else environment
            for environment, settings in tenant.environments.items()
        ]
        nightly = tenant.nightly
        when = f"{nightly.schedule} {nightly.timezone}: {', '.join(nightly.environments)}" if nightly else ""
        table.add_row(name, tenant.owner, ", ".join(stages), when)
    return table

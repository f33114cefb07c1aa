"""``snaplift lock``: who holds a namespace's lock, and breaking it where its run is gone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from snaplift import naming
from snaplift.cli.output import OUTPUT, ConfigFolder, fail
from snaplift.config.errors import InvalidConfiguration
from snaplift.config.loading import find_configuration, load_platforms
from snaplift.config.platform import Platforms

if TYPE_CHECKING:
    from snaplift.aws.steps.promotion import HeldLock
    from snaplift.promotion.lock import Lock

app = typer.Typer(name="lock", help="See the locks of namespaces, and break one.", no_args_is_help=True)

NamespaceName = Annotated[str, typer.Argument(metavar="NAMESPACE", help="Like xy-0146-qa; or a platform.")]


@app.command()
def show(
    namespace: Annotated[
        str | None, typer.Argument(metavar="[NAMESPACE]", help="Without it: all that are held.")
    ] = None,
    config: ConfigFolder = None,
) -> None:
    """Say who holds the lock of a namespace, or which locks are held."""
    platforms = _platforms(config)
    found, errors = _held(platforms, _checked(platforms, namespace) if namespace else None)
    if found:
        OUTPUT.print(_table([held.lock for held in found]))
    if errors:
        fail(*errors)
    if not found:
        OUTPUT.print(f"nobody holds the lock of {namespace}" if namespace else "no lock is held", markup=False)


@app.command(name="break")
def break_lock(
    namespace: NamespaceName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigFolder = None,
) -> None:
    """End what the lock's run began, as its 'finish' would, and give the lock back; exit with 1 if that failed."""
    platforms = _platforms(config)
    found, errors = _held(platforms, _checked(platforms, namespace))
    if not found and errors:
        fail(*errors)
    if not found:
        OUTPUT.print(f"nobody holds the lock of {namespace}: there is nothing to break", markup=False)
        return
    held = found[0]
    run = held.lock.record.run
    if run.installation != platforms.installation:
        fail(f"{held.lock}, of installation {run.installation}, not {platforms.installation}: break it from there")
    _announce(held)
    if not yes and typer.prompt(f"Type {namespace} to do so", default="", show_default=False) != namespace:
        fail("nothing was done")
    _end(held)


def _platforms(config: Path | None) -> Platforms:
    """Read no tenant's file: a lock's record has all that is needed."""
    try:
        return load_platforms(config or find_configuration(None, os.environ))
    except InvalidConfiguration as error:
        fail(*error.errors)


def _checked(platforms: Platforms, namespace: str) -> str:
    if namespace in platforms.platforms:  # its own stack is changed under its own lock
        return namespace
    try:
        return str(naming.Namespace.parse(namespace))
    except naming.InvalidName as error:
        fail(str(error))


def _held(platforms: Platforms, namespace: str | None) -> tuple[list[HeldLock], list[str]]:
    """Find locks that are held, a namespace's or all; and say which could not be read."""
    # Airflow logs to standard output from its import on, between a command's own words; those say what is wrong.
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")
    # boto3 and Airflow take seconds, other commands need neither.
    from snaplift.aws.steps.promotion import HeldLock, locks_of
    from snaplift.promotion.plan import Place

    found, errors = [], []
    for name, platform in platforms.platforms.items():
        place = Place.of(name, platform)
        try:
            locks = locks_of(place)
            names = [namespace] if namespace else locks.held(place.lock_table)
        except Exception as error:
            errors.append(f"the locks of {name} cannot be listed: {error}")
            continue
        for each in names:
            try:
                lock = locks.find(place.lock_table, each)
            except Exception as error:
                errors.append(f"{name}: {error}")
            else:
                found += [HeldLock(lock, place, locks)] if lock is not None and lock.held else []
    return found, errors


def _table(locks: list[Lock]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("namespace", "run", "Airflow", "phase", "since (UTC)", "lease until (UTC)", "failure"):
        table.add_column(heading, overflow="fold")
    for lock in locks:
        since, until = (f"{moment:%Y-%m-%d %H:%M}" for moment in (lock.record.acquired_at, lock.lease_until))
        run = str(lock.record.run)
        table.add_row(lock.namespace, run, lock.airflow[:8], lock.phase, since, until, lock.failure)
    return table


def _announce(held: HeldLock) -> None:
    """Say exactly what is about to be done."""
    from snaplift.aws.steps.outlook import outlook
    from snaplift.aws.steps.promotion import Promotion

    OUTPUT.print(f"{held.lock}.", markup=False, soft_wrap=True)
    OUTPUT.print(
        "Be sure that this run does not go on: end it in Airflow first. From here on it can write nothing more.",
        "What is going to be done, by its record:",
        sep="\n",
        soft_wrap=True,
    )
    for said in outlook(Promotion(held.lock, held.place, held.locks)):
        OUTPUT.print(f"  - {said}", markup=False, soft_wrap=True)


def _end(held: HeldLock) -> None:
    """Drive the ending of what the lock is held for to its end."""
    from snaplift.aws.driving import drive
    from snaplift.aws.errors import sentence
    from snaplift.aws.steps.ending import take_over

    try:
        done = drive(
            lambda: take_over(held),
            tell=lambda wait: OUTPUT.print(f"waiting for {wait}", markup=False, soft_wrap=True),
        )
    except Exception as error:
        fail(sentence(error))
    if done.skipped:  # by somebody else, while this waited for an answer
        OUTPUT.print(done.skipped, markup=False, soft_wrap=True)
        return
    OUTPUT.print(done.result["ended"], f"the lock of {held.lock.namespace} is free", sep="\n", markup=False,
                 soft_wrap=True)  # fmt: skip

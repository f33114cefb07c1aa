"""``snaplift status``: what stands where, read from AWS now."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from snaplift.cli.output import OUTPUT, ConfigFolder, fail
from snaplift.config.errors import InvalidConfiguration
from snaplift.config.loading import find_configuration

if TYPE_CHECKING:
    from snaplift.promotion.inventory import Holding


def status(
    name: Annotated[
        str | None, typer.Argument(metavar="[TENANT|NAMESPACE]", help="Like xy-0146 or xy-0146-qa. Without it: all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, one namespace a line.")] = False,
    config: ConfigFolder = None,
) -> None:
    """Say what every namespace has: what is active, its databases and snapshots, who holds its lock, what it costs."""
    # Airflow logs to standard output from its import on, between a command's own words.
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")
    from snaplift.aws.errors import sentence
    from snaplift.aws.steps.inventory import collect

    try:
        found = collect(config or find_configuration(None, os.environ))
    except InvalidConfiguration as error:
        fail(*error.errors)
    except Exception as error:
        fail(f"what stands could not be read: {sentence(error)}")
    wanted = [each for each in found if name is None or each.namespace == name or each.namespace.startswith(f"{name}-")]
    if not wanted:
        fail(f"nothing stands of {name}" if name else "nothing stands")
    if as_json:
        for each in wanted:
            typer.echo(each.model_dump_json())
        return
    OUTPUT.print(_table(wanted))
    for lock in filter(None, (each.lock for each in wanted)):
        OUTPUT.print(lock, markup=False, soft_wrap=True)
    OUTPUT.print(_total(wanted), markup=False, soft_wrap=True)


def _table(found: list[Holding]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    for heading in ("namespace", "revisions", "service", "databases", "snapshots", "a month", "lock"):
        table.add_column(heading, overflow="fold")
    for each in found:
        table.add_row(
            each.namespace if each.platform else f"{each.namespace} (in no file)",
            _revisions(each),
            f"{each.service.running} of {each.service.desired},\n{each.service.rollout.lower()}"
            if each.service
            else "",
            _databases(each),
            _snapshots(each),
            f"{each.monthly:,.2f} {each.currency}" if each.monthly is not None and each.currency else "?",
            "held" if each.lock else "",
        )
    return table


def _revisions(holding: Holding) -> str:
    """What is active, previous and candidate: the release of each, and below it the build by container."""
    pointer = holding.pointer
    if pointer is None:
        return holding.unreadable or "no pointer"
    lines = [] if pointer.active else ["nothing is active"]
    for role, revision in (
        ("active", pointer.active),
        ("previous", pointer.previous),
        ("candidate", pointer.candidate),
    ):
        if revision is not None:
            lines.append(f"{role} {revision.release or 'authored here'}")
            lines += [] if revision.database else ["  (its snapshot)"]
            lines += [f"  {name} {_short(digest)}" for name, digest in sorted(revision.build.items())]
    return "\n".join(lines)


def _short(digest: str) -> str:
    """As much of a digest as one goes by; all of it is in the JSON."""
    return digest.removeprefix("sha256:")[:12]


def _databases(holding: Holding) -> str:
    return "\n".join(
        # All but an adopted one's begin with the namespace, which the row does as well.
        f"{one.name.removeprefix(f'{holding.namespace}-')}\n  {one.role}, {one.state}, {_age(one.since, holding.as_of)}"
        for one in holding.databases
    )


def _snapshots(holding: Holding) -> str:
    """How many there are, and how old the newest and the oldest is."""
    known = sorted((one.since for one in holding.snapshots if one.since is not None), reverse=True)
    ages = list(dict.fromkeys(_age(since, holding.as_of) for since in (known[0], known[-1]))) if known else []
    making = ["being taken"] if len(known) < len(holding.snapshots) else []
    return ",\n".join([str(len(holding.snapshots)), *([" to ".join(ages)] if ages else []), *making])


def _age(since: datetime | None, now: datetime) -> str:
    if since is None:
        return "being made"
    days = (now - since).days
    return f"{days} day{'s' * (days > 1)}" if days else f"{(now - since).seconds // 3600} h"


def _total(found: list[Holding]) -> str:
    totals: dict[str, float] = {}
    for each in found:
        if each.monthly is not None and each.currency:
            totals[each.currency] = totals.get(each.currency, 0.0) + each.monthly
    money = ", ".join(f"{total:,.2f} {currency}" for currency, total in totals.items()) or "unknown"
    dates = sorted({each.prices_as_of for each in found if each.prices_as_of})
    priced = f" at the prices of {dates[0]}" if dates else ": platforms.yaml has no prices"
    unknown = sum(each.monthly is None for each in found)
    missing = f"; {unknown} of {len(found)} have no price" if unknown else ""
    return f"As of {found[0].as_of:%Y-%m-%d %H:%M} UTC. A month: {money}{priced}{missing}"

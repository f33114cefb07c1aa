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
    OUTPUT.print(_total(wanted), markup=False, soft_wrap=True)


def _table(found: list[Holding]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("namespace", "active", "previous", "service", "databases", "snapshots", "a month", "lock"):
        table.add_column(heading, overflow="fold")
    for each in found:
        table.add_row(
            each.namespace if each.platform else f"{each.namespace} (in no file)",
            each.unreadable or _release(each, "active"),
            _release(each, "previous"),
            f"{each.service.running} of {each.service.desired}, {each.service.rollout.lower()}" if each.service else "",
            "\n".join(f"{one.name} {one.role}, {one.state}, {_age(one.since, each.as_of)}" for one in each.databases),
            str(len(each.snapshots)),
            f"{each.monthly:,.2f} {each.currency}" if each.monthly is not None and each.currency else "?",
            each.lock,
        )
    return table


def _release(holding: Holding, role: str) -> str:
    revision = getattr(holding.pointer, role) if holding.pointer else None
    if revision is None:
        return "nothing"
    stands = "" if revision.database else " (its snapshot)"
    return f"{revision.release or 'authored here'}{stands}"


def _age(since: datetime | None, now: datetime) -> str:
    if since is None:
        return "being made"
    days = (now - since).days
    return f"{days} days" if days else f"{(now - since).seconds // 3600} h"


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

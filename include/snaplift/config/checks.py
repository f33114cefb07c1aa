"""What no single field can tell: whether a tenant's values fit to each other and to the platforms."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from croniter import CroniterError, croniter

from snaplift import naming
from snaplift.config.document import Location
from snaplift.config.messages import shown
from snaplift.config.placeholders import BUILT_IN, sql_problems, text_problems
from snaplift.config.platform import Platforms
from snaplift.config.tenant import AdaptSql, Command, Environment, SmokeHttp, SmokeSql, Tenant

Problem = tuple[Location, str]

# A leap day comes again after eight years at most.
_CRON_HORIZON_YEARS: Final = 10
# Random ('R') and hashed ('H') fields, which croniter knows, would differ at every parse.
_CRON_RANDOM_RE: Final = re.compile(r"\b[rh]\b", re.IGNORECASE)
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size
_FARGATE_MEMORY: Final = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16_384 + 1, 1024)),
    4096: tuple(range(8192, 30_720 + 1, 1024)),
}


def problems(tenant: Tenant, platforms: Platforms) -> Iterator[Problem]:
    """Say what does not fit, each with the field that it is about."""
    for name, environment in tenant.environments.items():
        yield from _environment_problems(tenant, ("environments", name), environment, platforms)
    yield from _preview_problems(tenant, platforms)
    yield from _nightly_problems(tenant)
    yield from _service_problems(tenant)
    yield from _step_problems(tenant)


def _environment_problems(
    tenant: Tenant, place: Location, environment: Environment, platforms: Platforms
) -> Iterator[Problem]:
    platform = platforms.platforms.get(environment.platform)
    if platform is None:
        yield (*place, "platform"), _not_one_of(environment.platform, list(platforms.platforms), "platform")
    elif tenant.database.family not in platform.engines:
        allowed = ", ".join(platform.engines)
        message = f"{tenant.database.family} is not allowed on {environment.platform}: expected {allowed}"
        yield ("database", "version"), message
    for variable in environment.variables:
        if variable in BUILT_IN:
            yield (*place, "variables", variable), "is the name of a placeholder that is always there: choose another"
    cpu = environment.service.cpu or tenant.service.cpu
    memory = environment.service.memory or tenant.service.memory
    if memory not in _FARGATE_MEMORY[cpu]:
        own = environment.service.memory or environment.service.cpu
        allowed = ", ".join(str(size) for size in _FARGATE_MEMORY[cpu])
        message = f"{memory} does not go with cpu {cpu} on Fargate: expected {allowed}"
        yield (*place, "service", "memory") if own else ("service", "memory"), message


def _preview_problems(tenant: Tenant, platforms: Platforms) -> Iterator[Problem]:
    for name in tenant.environments:
        if naming.is_preview(name):
            yield ("environments", name), "is a preview's name, which no environment may have: choose another"
    if tenant.previews is None or tenant.previews.platform is None:
        return
    platform = platforms.platforms.get(tenant.previews.platform)
    if platform is None:
        known = list(platforms.platforms)
        yield ("previews", "platform"), _not_one_of(tenant.previews.platform, known, "platform")
    elif tenant.database.family not in platform.engines:
        allowed = ", ".join(platform.engines)
        yield ("previews", "platform"), f"{tenant.database.family} is not allowed there: expected {allowed}"


def _not_one_of(name: str, known: list[str], kind: str) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    suggestion = f"; did you mean {near[0]}?" if near else ""
    return f"{shown(name)} is no {kind}: expected {', '.join(known)}{suggestion}"


# -- the schedule ----------------------------------------------------------------------------------------------


def _nightly_problems(tenant: Tenant) -> Iterator[Problem]:
    if tenant.nightly is None:
        return
    if message := cron_problem(tenant.nightly.schedule):
        yield ("nightly", "schedule"), message
    if message := _zone_problem(tenant.nightly.timezone):
        yield ("nightly", "timezone"), message


@lru_cache(maxsize=1024)
def cron_problem(schedule: str) -> str | None:
    """Say what is wrong with a schedule: Airflow loads one that has no next date, and never runs it."""
    expected = "expected minute, hour, day, month and day of the week, like '0 2 * * *'"
    if len(schedule.split()) != 5 or not schedule.isascii() or _CRON_RANDOM_RE.search(schedule):
        return f"{shown(schedule)} is no schedule: {expected}"
    try:
        # A fixed moment: what is right today is not wrong tomorrow.
        croniter(schedule, datetime(2026, 1, 1, tzinfo=UTC), max_years_between_matches=_CRON_HORIZON_YEARS).get_next()
    except CroniterError as error:
        if "next date" in str(error):
            return f"{shown(schedule)} is on no date that exists: it would never run"
        return f"{shown(schedule)} is no schedule: {expected}"
    return None


@lru_cache(maxsize=1024)
def _zone_problem(name: str) -> str | None:
    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        near = difflib.get_close_matches(name, sorted(zoneinfo.available_timezones()), n=1, cutoff=0.8)
        suggestion = f"; did you mean {near[0]}?" if near else ""
        return f"{shown(name)} is no time zone: expected a name like Europe/Berlin{suggestion}"
    return None


# -- containers ------------------------------------------------------------------------------------------------


def _service_problems(tenant: Tenant) -> Iterator[Problem]:
    known = _known(tenant, list(tenant.environments))
    for name, container in tenant.service.containers.items():
        place: Location = ("service", "containers", name)
        for variable, text in container.environment.items():
            for message in text_problems(text, known):
                yield (*place, "environment", variable), message
        taken = dict.fromkeys(container.environment, "environment")
        if container.database:
            for field, variable in container.database.model_dump().items():
                if variable in taken:
                    yield (*place, "database", field), f"{variable} is also said under {taken[variable]}"
                taken[variable] = "database"
        for index, variable in enumerate(container.secrets):
            if variable in taken:
                yield (*place, "secrets", index), f"{variable} is also said under {taken[variable]}"
            taken[variable] = "secrets"


# -- setup, adapt, smoke ---------------------------------------------------------------------------------------


def _step_problems(tenant: Tenant) -> Iterator[Problem]:
    if tenant.setup:
        yield from _command_problems(tenant, ("setup",), tenant.setup, _known(tenant, [tenant.first]))
    known = _known(tenant, [name for name in tenant.environments if name != tenant.first])
    # A refresh may bring data to where they are authored, too.
    everywhere = _known(tenant, list(tenant.environments)) if tenant.masking else known
    for index, adapt in enumerate(tenant.adapt):
        yield from _each_step_problems(tenant, ("adapt", index), adapt, everywhere)
    yield from _masking_problems(tenant)
    for index, smoke in enumerate(tenant.smoke):
        yield from _each_step_problems(tenant, ("smoke", index), smoke, known)


def _masking_problems(tenant: Tenant) -> Iterator[Problem]:
    if tenant.masking is None:
        return
    targets = [name for name in tenant.environments if tenant.above(name)]
    known = _known(tenant, targets)
    for index, step in enumerate(tenant.masking.steps):
        yield from _each_step_problems(tenant, ("masking", "steps", index), step, known)
    for index, check in enumerate(tenant.masking.checks):
        place = ("masking", "checks", index, "sql")
        yield from ((place, message) for message in sql_problems(check.sql, known))


def _each_step_problems(
    tenant: Tenant, place: Location, step: AdaptSql | SmokeSql | SmokeHttp | Command, known: frozenset[str]
) -> Iterator[Problem]:
    match step:
        case AdaptSql():
            for number, statement in enumerate(step.sql):
                yield from (((*place, "sql", number), message) for message in sql_problems(statement, known))
        case SmokeSql():
            yield from (((*place, "sql"), message) for message in sql_problems(step.sql, known))
        case SmokeHttp():
            yield from (((*place, "contains"), message) for message in text_problems(step.contains or "", known))
        case Command():
            yield from _command_problems(tenant, place, step, known)


def _command_problems(tenant: Tenant, place: Location, command: Command, known: frozenset[str]) -> Iterator[Problem]:
    if command.container is not None and command.container not in tenant.service.containers:
        yield (*place, "container"), _not_one_of(command.container, list(tenant.service.containers), "container")
    for index, word in enumerate(command.command):
        for message in text_problems(word, known):
            yield (*place, "command", index), message
    for variable, text in command.environment.items():
        for message in text_problems(text, known):
            yield (*place, "environment", variable), message


def _known(tenant: Tenant, environments: list[str]) -> frozenset[str]:
    """Names that have a value in each of these environments."""
    variables = [set(tenant.environments[name].variables) for name in environments]
    return frozenset(BUILT_IN) | (set.intersection(*variables) if variables else set())

"""inventory: a survey, read for people. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.steps.promotion import utc_now
from snaplift.aws.steps.survey import check_whole, databases, survey
from snaplift.config.loading import load_configuration
from snaplift.promotion.costs import platforms_of
from snaplift.promotion.deployment import Service
from snaplift.promotion.estate import SeenPointer, SeenService, Survey
from snaplift.promotion.inventory import Holding, holdings
from snaplift.promotion.plan import Plan


def collect(root: Path) -> list[Holding]:
    """Say what every namespace has, on all platforms.

    :param root: the folder with the configuration.
    :raises Exception: something could not be listed: there is no inventory then, and the last one stands.
    """
    configuration = load_configuration(root)
    prices = {name: platform.prices for name, platform in configuration.platforms.platforms.items()}
    configured = platforms_of(configuration.tenants.values())
    found = survey(configuration.platforms)
    check_whole(found)
    return [holding for each in found for holding in holdings(each, configured, prices)]


def look(plan: Plan, now: Callable[[], datetime] = utc_now) -> Holding:
    """Say what one namespace has, the one of a promotion that has just ended.

    :raises Exception: something could not be read.
    """
    aws, name, installation = Aws.at(plan.place), plan.name, plan.run.installation
    pointer, version = aws.pointers.read(name.pointer)
    service = aws.services.service(plan.platform.cluster_name, pointer.service or name.service)
    seen = Survey(
        installation=installation,
        places=(plan.place,),
        standing=frozenset({plan.place.platform}),
        as_of=now(),
        things=tuple(thing for thing in databases(aws) if naming.is_ours(thing.tags, installation, name)),
        pointers=(SeenPointer(namespace=str(name), version=version, pointer=pointer),),
        locks=(),
        services=(_seen(plan, service),) if service is not None else (),
        tasks=(),
    )
    prices = {key: platform.prices for key, platform in plan.platforms.platforms.items()}
    [found] = holdings(seen, {str(name): plan.place.platform}, prices)
    return found


def _seen(plan: Plan, service: Service) -> SeenService:
    return SeenService(
        cluster=plan.platform.cluster_name,
        name=plan.service,
        revisions=(service.task_definition,),
        rollout=service.rollout,
        desired=service.desired,
        running=service.running,
    )

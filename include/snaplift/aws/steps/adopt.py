"""adopt: what serves already, set up without snaplift, becomes its namespace's first active revision as it stands.

Tags come first, and are harmless alone; the pointer's one write is the adoption. Only after it is the instance marked
as adopted, which is what lets it be taken away one day: a try that died before left nothing that a reap would touch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import pymysql
from botocore.exceptions import ClientError

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed, code
from snaplift.aws.fence import Fence
from snaplift.aws.hooks import mysql
from snaplift.aws.hooks.ssm import PointerMissing
from snaplift.aws.steps import marks
from snaplift.aws.steps.lock import wait_or_give_up
from snaplift.aws.steps.plan import find_instance, states_of_keys
from snaplift.aws.steps.promotion import Done, utc_now
from snaplift.aws.steps.provision import placed, platform_outputs
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.promotion.adopting import Adoption, AskedFor, Site, StandingDatabase, decide, secret_of
from snaplift.promotion.lock import Errand, LockHeld, Record
from snaplift.promotion.plan import Place
from snaplift.promotion.pointer import Pointer, Revision
from snaplift.promotion.run import Run
from snaplift.promotion.wait import Wait
from snaplift.stacks.settings import EnvironmentSettings

log = logging.getLogger(__name__)


def make_plan(asked: AskedFor, run: Run, platforms: Platforms, tenant: Tenant) -> Adoption:
    """Look at the site and decide. Nothing is written.

    :raises AdoptionRefused: with every reason that was found.
    :raises StepFailed: there is no such environment, or its platform does not stand.
    """
    placed(tenant, asked.environment)  # there is such an environment
    return decide(asked, run, platforms, tenant, look(asked, platforms, tenant))


def look(asked: AskedFor, platforms: Platforms, tenant: Tenant) -> Site:
    """Find out all that an adoption rests on."""
    platform, name = placed(tenant, asked.environment)
    settings = EnvironmentSettings.of(platforms, tenant, asked.environment)
    aws = Aws.at(Place.of(platform, platforms.platforms[platform]))
    cluster = platform_outputs(platforms, platform).cluster_name
    database = _database(aws, asked.database)
    service = aws.sites.find(cluster, settings.existing.service) if settings.existing else None
    secret = secret_of(settings, service) if service else None
    opens: bool | None = None
    why = ""
    if database and secret:
        opens, why = _try(aws, database, secret, settings.database.name, platforms.installation)
    return Site(
        pointer=_pointer(aws, name),
        cluster=cluster,
        database=database,
        service=service,
        keys=states_of_keys(platforms),
        opens=opens,
        why_closed=why,
    )


def _pointer(aws: Aws, name: naming.Namespace) -> Pointer:
    """What is active; a namespace that is yet to be made has no pointer, and under the lock it has one."""
    try:
        return aws.pointers.read(name.pointer)[0]
    except PointerMissing:
        return Pointer()


def _database(aws: Aws, identifier: str) -> StandingDatabase | None:
    found = aws.databases.instance(identifier)
    if found is None:
        return None
    return StandingDatabase(
        instance=find_instance(found),
        arn=found.arn,
        host=found.host,
        port=found.port,
        tags=found.tags,
        related=found.related,
        pending=found.pending,
    )


def _try(aws: Aws, database: StandingDatabase, secret: str, schema: str, installation: str) -> tuple[bool | None, str]:
    """Try the application's credentials from here. None: that could not be tried, with why."""
    try:
        return mysql.opens(mysql.Server(database.host, database.port, schema), aws.credentials.credentials(secret)), ""
    except pymysql.err.MySQLError as error:
        return None, str(error.args[-1] if error.args else error)
    except StepFailed as error:
        return None, str(error)
    except ClientError as error:
        if code(error) == "AccessDeniedException":
            tag = f"Key={naming.INSTALLATION_TAG},Value={installation}"
            return None, f"its owner has to tag it: aws secretsmanager tag-resource --secret-id {secret} --tags {tag}"
        if code(error) != "ResourceNotFoundException":
            raise
        return None, f"secret {secret} is gone"


def advance(
    planned: Adoption,
    platforms: Platforms,
    tenant: Tenant,
    now: Callable[[], datetime] = utc_now,
    *,
    airflow: str = "",
    since: datetime | None = None,
) -> Wait | Done:
    """Adopt the site as it was shown, under the namespace's lock, which is held for this alone.

    :raises AdoptionRefused: it cannot be adopted as it stands now.
    :raises StepFailed: it is not what was shown any more; or it was a dry run.
    :raises LockHeld: another run is at work on the namespace, and ``lock_wait`` is over.
    """
    if planned.dry_run:
        raise StepFailed("this run is a dry run, which changes nothing: start another without dry_run")
    place, name, moment = planned.place, planned.name, now()
    plain = Aws.at(place)
    errand = Errand(
        run=planned.run,
        namespace=planned.namespace,
        what=f"adopt {planned.instance} and {planned.service}",
        thing=planned.resource_id,
        then="is tried again when its run is started again",
    )
    try:
        lock = plain.locks.acquire(place.lock_table, Record(work=errand, acquired_at=moment), airflow)
    except LockHeld as held:
        return wait_or_give_up(place, planned.namespace, _limit(platforms, tenant, name), held, moment, since)
    fence = Fence(plain.locks, place.lock_table, planned.namespace, lock.token, lock.fence, lock.phase)
    try:
        done = _adopt(Aws.at(place, fence), planned, _look_again(planned, platforms, tenant), moment)
    except Exception:
        plain.locks.release(place.lock_table, lock)
        raise
    plain.locks.release(place.lock_table, lock)
    return done


def _limit(platforms: Platforms, tenant: Tenant, name: naming.Namespace) -> timedelta:
    return EnvironmentSettings.of(platforms, tenant, name.environment).lock_wait


def _look_again(planned: Adoption, platforms: Platforms, tenant: Tenant) -> Adoption:
    """Decide once more by what stands now: what a person was shown is adopted, and nothing else."""
    asked = AskedFor(environment=planned.name.environment, database=planned.instance)
    found = make_plan(asked, planned.run, platforms, tenant)
    shown = planned.model_dump(exclude={"keeps_cost_tags"})
    if changed := [key for key, value in found.model_dump(exclude={"keeps_cost_tags"}).items() if value != shown[key]]:
        raise StepFailed(
            f"since the plan was made, its {', '.join(changed)} changed. Nothing was changed by this run: plan again"
        )
    # Tagged by an earlier try, everything has a cost allocation tag: whose, only the plan knows.
    return planned


def _adopt(aws: Aws, adoption: Adoption, decided: Adoption, moment: datetime) -> Done:
    pointer, version = aws.pointers.read(adoption.name.pointer)
    done = adoption.has_made(pointer.active)
    revision = pointer.active if done and pointer.active else decided.revision(moment)
    instance = aws.databases.instance(adoption.instance)
    if instance is None or instance.resource_id != adoption.resource_id:
        raise StepFailed(f"instance {adoption.instance} is not {adoption.resource_id} any more: plan again")
    adopted = {naming.ADOPTED_TAG: adoption.instance}
    aws.databases.tag(instance, adoption.tags(adoption.instance_arn, revision))
    aws.databases.adopt(instance)
    aws.credentials.tag(adoption.secret, adoption.tags(adoption.secret, revision) | adopted)
    for arn in (adoption.task_definition, adoption.service_arn):
        aws.sites.tag(arn, _of_ecs(adoption, arn, revision) | adopted)
    if not done:
        version = aws.pointers.write(
            adoption.name.pointer, pointer.adopt(revision, adoption.service), read_version=version
        )
    application = aws.credentials.credentials(adoption.secret)
    aws.databases.tag(instance, {**adopted, marks.CREDENTIALS: application.username})
    log.info("%s is what %s serves with: nothing was started again", adoption.task_definition, adoption.url)
    return Done(
        {
            "pointer": adoption.name.pointer,
            "version": version,
            "release": revision.release,
            "instance": adoption.instance,
            "service": adoption.service,
            "task_definition": adoption.task_definition,
        }
    )


def _of_ecs(adoption: Adoption, arn: str, revision: Revision) -> dict[str, str]:
    """A service outlives releases, and says none."""
    found = adoption.tags(arn, revision)
    if arn != adoption.service_arn:
        return found
    return {key: value for key, value in found.items() if key not in {naming.RELEASE_TAG, naming.RUN_TAG}}

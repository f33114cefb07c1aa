"""What a request means, before anything is looked up in AWS but the pointers."""

from __future__ import annotations

import re
from datetime import datetime

from snaplift import naming
from snaplift.config.tenant import Tenant
from snaplift.promotion.earlier import NoSuchRevision, Remains, take_up
from snaplift.promotion.plan import KEEPING, REUSING, Frozen, Mode
from snaplift.promotion.pointer import DatabaseReference, Pointer, Revision

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class PlanRefused(ValueError):
    """There is no plan; the message has every reason and what to do about it."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class UnknownRelease(PlanRefused):
    """What is asked for is not there, or is no release at all: the message should go on with what there is."""


class Request(Frozen):
    """What a person, or the nightly DAG, asks for."""

    environment: str
    release: str = "new"
    """``new``, ``tested``, ``active``, ``previous``, or a release's timestamp; provisioning asks for ``origin``."""
    build: str = ""
    """A tag or a digest; empty: the tested build, the one that an earlier release ran with here, or the file's tag."""
    refresh_from: str | None = None
    """The environment whose data are brought down; empty: the highest above. None: this is no refresh."""
    dry_run: bool = False
    snapshot: str = ""
    """For ``origin``: the snapshot that the first database is made of; empty: it is made from nothing."""
    asked_at: datetime | None = None
    """When the run was asked for; the same when it is cleared and run again. None: it is not known."""


class Choice(Frozen):
    """What a request means before anything is looked up in AWS but the pointers."""

    mode: Mode
    release: str | None
    images: dict[str, str]
    """By container ``repository@digest``, or ``repository:tag`` where the digest is yet to be found."""
    earlier: Revision | None = None
    """The revision that is taken up, for the modes ``again``, ``restored`` and ``active``."""
    source: str | None = None
    """The environment whose data they are; None: where data are authored."""
    why_build: str = ""
    """Why these are the images, where nobody named them and it is not plain."""

    @property
    def reuses(self) -> DatabaseReference | None:
        """The database that stands and is to be used."""
        return self.earlier.database if self.earlier and self.mode in REUSING else None

    @property
    def replaces(self) -> bool:
        """Whether another database serves afterwards."""
        return self.mode not in KEEPING


def choose(
    request: Request,
    tenant: Tenant,
    above: Revision | None,
    here: Pointer | None = None,
    remains: Remains | None = None,
) -> Choice:
    """Say what a request means.

    :param above: what is active in the environment that this one is promoted from.
    :param here: the environment's own pointer.
    :param remains: what is left here of the release that is asked for, where the pointer does not say it all.
    :raises PlanRefused: it means nothing in this environment.
    """
    environment = tenant.environments.get(request.environment)
    if environment is None:
        known = ", ".join(tenant.environments)
        raise PlanRefused([f"{tenant.tenant} has no environment {request.environment!r}; it has {known}"])
    source = environment.promoted_from
    if (request.release == "origin") != (source is None):
        why = "data is authored there, nothing is promoted to it" if source is None else "data is not authored there"
        raise PlanRefused([f"{request.release!r} means nothing in {tenant.tenant}-{request.environment}: {why}"])
    if (earlier := _choose_earlier(request, tenant, here or Pointer(), remains)) is not None:
        return earlier
    mode: Mode
    release: str | None = None
    match request.release:
        case "origin":
            mode = "imported" if request.snapshot else "origin"
        case "new":
            if source != tenant.first:
                raise PlanRefused(
                    [f"a new release begins in {tenant.first}; {request.environment} is promoted from {source}: "
                     "ask for 'tested'"]
                )  # fmt: skip
            mode = "new"
        case "tested":
            mode, release = "tested", _tested(tenant, source, above)
        case text:
            try:
                mode, release = "standing", str(naming.Release(text))
            except naming.InvalidName as error:
                words = "new, tested, active, previous or a timestamp"
                raise UnknownRelease([f"release: expected {words}; {error}"]) from None
    if mode == "standing" and not request.build:
        return _as_it_began(request, tenant, str(release), here or Pointer(), remains)
    tested = above if mode == "tested" and not request.build else None
    return Choice(mode=mode, release=release, images=images_of(request.build, tenant, tested))


def _as_it_began(request: Request, tenant: Tenant, release: str, here: Pointer, remains: Remains | None) -> Choice:
    """A release whose snapshot stands comes with the build that it ran with here; if it never did, with the file's."""
    ran = remains.revision if remains is not None and remains.ran is not None else None
    if here.previous is not None and here.previous.release == release:
        ran = here.previous
    if ran is not None:
        images = images_of("", tenant, ran, "release's")
        return Choice(mode="standing", release=release, images=images, why_build=_ran_with(ran))
    why = f"the tag in the tenant's file: no revision is known that {release} ran with in {request.environment}"
    return Choice(mode="standing", release=release, images=images_of("", tenant, None), why_build=why)


def _ran_with(revision: Revision) -> str:
    return f"it ran with {revision.task_definition.rpartition('/')[2]} here"


def _tested(tenant: Tenant, source: str | None, above: Revision | None) -> str:
    """Name the release that is active one environment below."""
    hint = "ask for 'new'" if source == tenant.first else f"promote to {source} first"
    if above is None or above.release is None:
        raise PlanRefused([f"no release is active in {source}, so none was tested there: {hint}"])
    if above.masked_from:
        raise PlanRefused([f"{source} has masked data of {above.masked_from}, which go nowhere else: {hint}"])
    return above.release


def _choose_earlier(request: Request, tenant: Tenant, here: Pointer, remains: Remains | None) -> Choice | None:
    """Go back with the build that the revision ran with; what is active gets another one.

    :raises PlanRefused: it is not told to go back, and may not do anything else: what was active is no leftover.
    """
    if remains is not None and remains.unusable:
        raise PlanRefused([remains.unusable])
    try:
        taken_up = take_up(request.release, here, remains)
    except NoSuchRevision as error:
        where = f"{tenant.tenant}-{request.environment}"
        raise UnknownRelease([f"{request.release!r} means nothing in {where}: {error}"]) from None
    if taken_up is None:
        _refuse_beside(request, tenant, here, remains)
        return None
    mode, earlier = taken_up
    if mode == "standing" and earlier.masked_from:
        raise UnknownRelease(
            [f"{earlier.release} had masked data of {earlier.masked_from}, and nothing is kept of them: refresh again"]
        )
    with_its_build = None if request.build or request.release == "active" else earlier
    if with_its_build and not earlier.build:
        raise PlanRefused(
            [f"which build {earlier.release} ran with in {tenant.tenant}-{request.environment} is not known, since no "
             "task definition of it is found: name a build"]
        )  # fmt: skip
    found_out = request.release not in {"previous", "active"} and not request.build
    return Choice(
        mode=mode,
        release=earlier.release,
        images=images_of(request.build, tenant, with_its_build, "previous"),
        earlier=earlier if mode != "standing" else None,
        why_build=_ran_with(earlier) if found_out else "",
    )


def _refuse_beside(request: Request, tenant: Tenant, here: Pointer, remains: Remains | None) -> None:
    """A release is not made anew while a database of it stands that was active once: both would have one name.

    :raises PlanRefused: one stands.
    """
    if remains is None or remains.database is None:
        return
    stands = f"{remains.name}, on which {remains.release} was active once, still stands"
    if here.active is None:
        where = f"{tenant.tenant}-{request.environment}"
        raise PlanRefused([f"{stands}, and nothing is active in {where}: it is left alone. Look into it first"])
    raise PlanRefused(
        [f"{stands}: ask for that release by its timestamp to have it serve again, with all that was written to it"]
    )


def images_of(build: str, tenant: Tenant, tested: Revision | None, which: str = "tested") -> dict[str, str]:
    """Name the image of each container: of the build that is asked for, or a revision's, or the file's.

    :raises PlanRefused: there is none for one of them.
    """
    containers = tenant.service.containers
    if tested is not None:
        if missing := sorted(set(containers) - set(tested.build)):
            raise PlanRefused([f"the {which} build has no image for {', '.join(missing)}: name a build"])
        return {name: f"{container.image}@{tested.build[name]}" for name, container in containers.items()}
    if DIGEST.fullmatch(build):
        if len(containers) > 1:
            raise PlanRefused([f"a digest is one image and the service has {len(containers)}: name the build by a tag"])
        return {name: f"{container.image}@{build}" for name, container in containers.items()}
    return {name: f"{container.image}:{build or container.tag}" for name, container in containers.items()}

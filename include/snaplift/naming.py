"""The grammar of names: the one place where a name, path or tag is parsed or formatted.

Everything that snaplift makes is named after a *namespace* (``xy-0146-qa``: tenant and environment) and, where it
holds one version of the data, after a *release* (``20261123t020000z``). An environment has no hyphen and every kind
of name puts its own word behind the namespace, so no namespace's name, filter or policy can take in another's.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

# What AWS refuses or reserves as the first part of a name (load balancers: ``internal-``; SSM: ``aws``, ``ssm``;
# managed policies and groups: ``sg-``) and what a shared stack is called.
RESERVED_CUSTOMERS: Final = frozenset({"aws", "ssm", "sg", "internal", "platform"})

CUSTOMER: Final = r"[a-z][a-z0-9]{1,9}"
PROJECT: Final = r"[0-9]{4}"
ENVIRONMENT: Final = r"[a-z][a-z0-9]{0,10}"
# No configured environment is called so: a namespace's name alone says that it may be taken away when its time is up.
PREVIEW: Final = r"pr[0-9]{1,9}"
RELEASE: Final = r"[0-9]{8}t[0-9]{6}z"
PLATFORM: Final = r"platform-[a-z][a-z0-9]{0,14}"
INSTALLATION: Final = r"[a-z][a-z0-9]{1,14}"
RUN: Final = r"[0-9a-f]{8}"

# In front of every IAM role: a policy can name all of ours, and no one else's, by it.
ROLE_PATH: Final = "/snaplift/"

_TENANT_RE: Final = re.compile(rf"(?P<customer>{CUSTOMER})-(?P<project>{PROJECT})")
_NAMESPACE_RE: Final = re.compile(rf"(?P<tenant>{CUSTOMER}-{PROJECT})-(?P<environment>{ENVIRONMENT})")
_PREVIEW_RE: Final = re.compile(PREVIEW)
_SERVICE_STACK_RE: Final = re.compile(rf"(?P<namespace>{CUSTOMER}-{PROJECT}-{ENVIRONMENT})-service")
_DATABASE_RE: Final = re.compile(rf"(?P<namespace>{CUSTOMER}-{PROJECT}-{ENVIRONMENT})-db(?:-(?P<release>{RELEASE}))?")
_SNAPSHOT_RE: Final = re.compile(rf"(?P<namespace>{CUSTOMER}-{PROJECT}-{ENVIRONMENT})-snapshot-(?P<release>{RELEASE})")
_FINAL_RE: Final = re.compile(
    rf"(?P<namespace>{CUSTOMER}-{PROJECT}-{ENVIRONMENT})-final-(?P<release>{RELEASE})-(?P<run>{RUN})"
)
_PATH: Final = rf"(?P<tenant>{CUSTOMER}-{PROJECT})/(?P<environment>{ENVIRONMENT})"
_POINTER_RE: Final = re.compile(rf"/snaplift/{_PATH}/pointer")
_LOG_GROUP_RE: Final = re.compile(rf"/snaplift/{_PATH}")
_SECRET_RE: Final = re.compile(
    rf"snaplift/{_PATH}/(?:(?:(?P<release>{RELEASE})|origin)/{RUN}/(?P<database>[0-9a-f-]{{36}})"
    r"|environment/(?P<environments>[0-9a-f-]{36})/[A-Za-z_][A-Za-z0-9_]*)"
)
_RELEASE_FORMAT: Final = "%Y%m%dt%H%M%Sz"
_EXPIRES_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


class InvalidName(ValueError):
    """A text is not a name of the wanted kind; the message says what is allowed."""


def _match(pattern: re.Pattern[str], text: str, kind: str, example: str) -> re.Match[str]:
    if found := pattern.fullmatch(text):
        return found
    raise InvalidName(f"{text!r} is no {kind}: expected {pattern_words(kind)}, like {example!r}")


def pattern_words(kind: str) -> str:
    """Say in words what a name of this kind looks like."""
    return {
        "tenant": "a customer (a letter, then 1 to 9 lower-case letters or digits), a hyphen, four digits",
        "namespace": "a tenant, a hyphen, an environment (a letter, then up to 10 lower-case letters or digits)",
        "preview": "pr and a number of up to nine digits",
        "release": "a UTC time as YYYYMMDDtHHMMSSz",
        "database": "a namespace, '-db', and the release that it holds (none where data is authored)",
        "snapshot": "a namespace, '-snapshot-' and a release",
        "final snapshot": "a namespace, '-final-', a release, a hyphen and a run's eight hexadecimal digits",
        "service stack": "a namespace and '-service'",
        "pointer": "'/snaplift/', a tenant, a slash, an environment, '/pointer'",
        "log group": "'/snaplift/', a tenant, a slash, an environment",
        "secret": "'snaplift/', a tenant, a slash, an environment, and what a stack of ours puts behind it",
    }[kind]


@dataclass(frozen=True, order=True)
class Tenant:
    """One project of one customer, ``xy-0146``."""

    customer: str
    project: str

    def __post_init__(self) -> None:
        _match(_TENANT_RE, str(self), "tenant", "xy-0146")
        if self.customer in RESERVED_CUSTOMERS:
            raise InvalidName(f"{self.customer!r} cannot be a customer: AWS or the platform uses it as a prefix")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``xy-0146``.

        :raises InvalidName: the text is no tenant.
        """
        found = _match(_TENANT_RE, text, "tenant", "xy-0146")
        return cls(found["customer"], found["project"])

    def __str__(self) -> str:
        return f"{self.customer}-{self.project}"

    @property
    def parameters(self) -> str:
        """The path that its parameters are under."""
        return f"{PARAMETERS}/{self}"

    @property
    def log_groups(self) -> str:
        """What its log groups' names begin with."""
        return f"{LOG_GROUPS}{self}/"

    @property
    def secrets(self) -> str:
        """What its secrets' names begin with."""
        return f"{SECRETS}{self}/"

    @property
    def adopt_dag_id(self) -> str:
        return f"{self}.adopt"

    @property
    def promote_dag_id(self) -> str:
        return f"{self}.promote"

    @property
    def nightly_dag_id(self) -> str:
        return f"{self}.nightly"

    @property
    def change_dag_id(self) -> str:
        return f"{self}.change"

    @property
    def provision_dag_id(self) -> str:
        return f"{self}.provision"

    @property
    def asset_alias(self) -> str:
        """Airflow's name for the data of all its environments, of which one run changes one."""
        return str(self)

    @property
    def preview_dag_id(self) -> str:
        return f"{self}.preview"

    @property
    def preview_remove_dag_id(self) -> str:
        return f"{self}.preview_remove"

    @property
    def refresh_dag_id(self) -> str:
        return f"{self}.refresh"


@dataclass(frozen=True, order=True)
class Release:
    """One version of a tenant's data: the UTC second at which its snapshot was begun."""

    text: str

    def __post_init__(self) -> None:
        _match(re.compile(RELEASE), self.text, "release", "20261123t020000z")
        try:
            self.moment  # noqa: B018  # a thirteenth month matches the pattern
        except ValueError as error:
            raise InvalidName(f"{self.text!r} is no release: {error}") from None

    @classmethod
    def at(cls, moment: datetime) -> Self:
        """Name the release that is begun at a moment (aware; cut to the second).

        :raises ValueError: the moment has no time zone.
        """
        if moment.tzinfo is None:
            raise ValueError("a release is named by an aware moment; this one has no time zone")
        return cls(moment.astimezone(UTC).strftime(_RELEASE_FORMAT))

    @property
    def moment(self) -> datetime:
        return datetime.strptime(self.text, _RELEASE_FORMAT).replace(tzinfo=UTC)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, order=True)
class Namespace:
    """A tenant's environment, ``xy-0146-qa``: the prefix of all that is made for it."""

    tenant: Tenant
    environment: str

    def __post_init__(self) -> None:
        _match(_NAMESPACE_RE, str(self), "namespace", "xy-0146-qa")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``xy-0146-qa``.

        :raises InvalidName: the text is no namespace.
        """
        found = _match(_NAMESPACE_RE, text, "namespace", "xy-0146-qa")
        return cls(Tenant.parse(found["tenant"]), found["environment"])

    @classmethod
    def of_service_stack(cls, text: str) -> Self:
        """Read ``xy-0146-qa-service``.

        :raises InvalidName: the text names no service's stack.
        """
        return cls.parse(_match(_SERVICE_STACK_RE, text, "service stack", "xy-0146-qa-service")["namespace"])

    @classmethod
    def of_pointer(cls, text: str) -> Self:
        """Read the parameter ``/snaplift/xy-0146/qa/pointer``.

        :raises InvalidName: the text names no pointer.
        """
        return cls._of_path(_match(_POINTER_RE, text, "pointer", "/snaplift/xy-0146/qa/pointer"))

    @classmethod
    def of_log_group(cls, text: str) -> Self:
        """Read the log group ``/snaplift/xy-0146/qa``.

        :raises InvalidName: the text names no log group of ours.
        """
        return cls._of_path(_match(_LOG_GROUP_RE, text, "log group", "/snaplift/xy-0146/qa"))

    @classmethod
    def _of_path(cls, found: re.Match[str]) -> Self:
        return cls(Tenant.parse(found["tenant"]), found["environment"])

    def __str__(self) -> str:
        return f"{self.tenant}-{self.environment}"

    @property
    def is_preview(self) -> bool:
        """Whether it is a preview's, by its name."""
        return is_preview(self.environment)

    # -- stacks, and what they hold ---------------------------------------------------------------------------

    @property
    def stack(self) -> str:
        return str(self)

    @property
    def service_stack(self) -> str:
        return f"{self}-service"

    def database(self, release: Release | None) -> str:
        """Name a database: its stack and its instance. Without a release: where the data is authored."""
        return f"{self}-db-{release}" if release else f"{self}-db"

    @property
    def service(self) -> str:
        return str(self)

    @property
    def family(self) -> str:
        """The family of its task definitions."""
        return str(self)

    def fingerprint(self, resource_id: str) -> str:
        """The lock table's key of what an incarnation of a database held; a lock's key is the namespace alone."""
        return f"{self}/{resource_id}"

    def mark(self, identity: str) -> str:
        """The lock table's key of since when nothing refers to a thing.

        :param identity: what tells the thing from its namesakes: an ARN, a resource id.
        """
        return f"{self}/orphan/{identity}"

    def role(self, purpose: str) -> str:
        """Name an IAM role (64 characters at most); the purpose is a short word."""
        return f"{self}-{purpose}"

    @property
    def role_path(self) -> str:
        """The path of its IAM roles, which ends in a delimiter."""
        return f"{ROLE_PATH}{self.path}/"

    def snapshot(self, release: Release) -> str:
        return f"{self}-snapshot-{release}"

    def final_snapshot(self, release: Release, run: str) -> str:
        """Name the snapshot that is taken of a database before it goes; ``run`` tells two incarnations apart."""
        return f"{self}-final-{release}-{run}"

    # -- paths, which end in a delimiter where they are used as a prefix ---------------------------------------

    @property
    def path(self) -> str:
        return f"{self.tenant}/{self.environment}"

    @property
    def s3_prefix(self) -> str:
        return f"{self.path}/"

    @property
    def parameter_prefix(self) -> str:
        return f"/snaplift/{self.path}/"

    @property
    def pointer(self) -> str:
        """The SSM parameter that says what is active."""
        return f"{self.parameter_prefix}pointer"

    @property
    def asset(self) -> str:
        """The URI by which Airflow knows the data that are active in it."""
        return f"snaplift://{self.path}"

    @property
    def log_group(self) -> str:
        return f"/snaplift/{self.path}"

    @property
    def secret_prefix(self) -> str:
        return f"snaplift/{self.path}/"

    @property
    def environment_secrets(self) -> str:
        """The prefix of the secrets with values that are generated once for the environment, one for each variable."""
        return f"{self.secret_prefix}environment/"

    def application_secret(self, release: Release | None, run: str) -> str:
        """The application's credentials for one database.

        The run is in the name, since Secrets Manager keeps the name of a deleted secret taken for 7 to 30 days.
        """
        return f"{self.secret_prefix}{release or 'origin'}/{run}"

    # -- patterns for policies and filters: every one ends the environment with a delimiter, or is exact -----------

    @property
    def database_patterns(self) -> tuple[str, str]:
        """All its databases, and the stacks that they are in."""
        return (f"{self}-db", f"{self}-db-*")

    @property
    def snapshot_patterns(self) -> tuple[str, str]:
        """All its releases' snapshots, and those taken before a database went."""
        return (f"{self}-snapshot-*", f"{self}-final-*")

    @property
    def stack_patterns(self) -> tuple[str, str]:
        """All its stacks."""
        return (self.stack, f"{self}-*")

    @property
    def role_pattern(self) -> str:
        """All its IAM roles, with their path."""
        return f"{self.role_path}*"

    @property
    def parameter_pattern(self) -> str:
        """All its SSM parameters."""
        return f"{self.parameter_prefix}*"

    @property
    def secret_pattern(self) -> str:
        """All its secrets, with the six characters that an ARN has behind the name."""
        return f"{self.secret_prefix}*"

    @property
    def s3_pattern(self) -> str:
        """All its objects."""
        return f"{self.s3_prefix}*"

    @property
    def log_group_pattern(self) -> str:
        """Its log group with all streams, as in an ARN."""
        return f"{self.log_group}:*"

    def host(self, domain: str) -> str:
        return f"{self}.{domain}"

    def database_user(self, run: str) -> str:
        """The application's account; MySQL allows 32 characters."""
        return f"{self.tenant.customer}{self.tenant.project}_{run}"


@dataclass(frozen=True)
class DatabaseName:
    """A database's name, taken apart."""

    namespace: Namespace
    release: Release | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``xy-0146-qa-db-20261123t020000z``.

        :raises InvalidName: the text names no database of ours.
        """
        found = _match(_DATABASE_RE, text, "database", "xy-0146-qa-db-20261123t020000z")
        release = found["release"]
        return cls(Namespace.parse(found["namespace"]), Release(release) if release else None)

    def __str__(self) -> str:
        return self.namespace.database(self.release)


@dataclass(frozen=True)
class SnapshotName:
    """A release's snapshot's name, taken apart."""

    namespace: Namespace
    release: Release

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``xy-0146-dev-snapshot-20261123t020000z``.

        :raises InvalidName: the text names no release's snapshot.
        """
        found = _match(_SNAPSHOT_RE, text, "snapshot", "xy-0146-dev-snapshot-20261123t020000z")
        return cls(Namespace.parse(found["namespace"]), Release(found["release"]))

    def __str__(self) -> str:
        return self.namespace.snapshot(self.release)


@dataclass(frozen=True)
class FinalSnapshotName:
    """The name of the snapshot that was taken of a database before it went, taken apart."""

    namespace: Namespace
    release: Release
    run: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``xy-0146-qa-final-20261123t020000z-0a1b2c3d``.

        :raises InvalidName: the text names no final snapshot.
        """
        found = _match(_FINAL_RE, text, "final snapshot", "xy-0146-qa-final-20261123t020000z-0a1b2c3d")
        return cls(Namespace.parse(found["namespace"]), Release(found["release"]), found["run"])

    def __str__(self) -> str:
        return self.namespace.final_snapshot(self.release, self.run)


@dataclass(frozen=True)
class SecretName:
    """A secret's name, taken apart."""

    namespace: Namespace
    release: Release | None
    incarnation: str
    """The id (a UUID) of the stack that made it: a database's, or the namespace's own."""
    of_database: bool
    """Whether it opens a database; otherwise it is a value that was generated for the environment."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``snaplift/xy-0146/qa/20261123t020000z/0a1b2c3d/<uuid>``, or ``…/environment/<uuid>/SITE_SALT``.

        :raises InvalidName: the text names no secret of ours.
        """
        example = "snaplift/xy-0146/qa/20261123t020000z/0a1b2c3d/<stack>"
        found = _match(_SECRET_RE, text, "secret", example)
        return cls(
            Namespace(Tenant.parse(found["tenant"]), found["environment"]),
            Release(found["release"]) if found["release"] else None,
            found["database"] or found["environments"],
            found["database"] is not None,
        )


# -- patterns, as IAM's policies have them: ``?`` is one character, ``*`` any number of them ----------------------

ANY_NAMESPACE: Final = "*-????-*"
"""Every namespace's stacks, services and task definitions; no platform's: its name has one hyphen."""
ANY_DATABASE: Final = (f"{ANY_NAMESPACE}-db", f"{ANY_NAMESPACE}-db-*")
ANY_SNAPSHOT: Final = (f"{ANY_NAMESPACE}-snapshot-*", f"{ANY_NAMESPACE}-final-*")
PARAMETERS: Final = "/snaplift"
"""The path that every parameter is under."""
ANY_PARAMETER: Final = f"{PARAMETERS}/*"
ANY_POINTER: Final = f"{PARAMETERS}/*-????/*/pointer"
LOG_GROUPS: Final = "/snaplift/"
"""What every log group's name begins with."""
ANY_LOG_GROUP: Final = f"{LOG_GROUPS}*"
ANY_ROLE: Final = f"{ROLE_PATH}*"
ANY_TASK_ROLE: Final = (f"{ROLE_PATH}*-????/*-execution", f"{ROLE_PATH}*-????/*-task")
"""The roles of every namespace's tasks, and no platform's."""
SECRETS: Final = "snaplift/"
"""What every secret's name begins with."""
ANY_SECRET: Final = f"{SECRETS}*"
ANY_APPLICATION_SECRET: Final = ("snaplift/*/*/origin/*", "snaplift/*/*/????????t??????z/*")
"""The credentials of every database, and none of the environments' generated values."""


def lock_table(platform: str) -> str:
    """Name a platform's lock table (DynamoDB: 255 characters)."""
    return f"{platform}-locks"


def role_boundary(platform: str) -> str:
    """Name the managed policy that bounds what any namespace's role on a platform can be given."""
    return f"{platform}-boundary"


def platform_role_path(platform: str) -> str:
    """The path of a platform's own IAM roles and policies; no customer is called ``platform-…``."""
    return f"{ROLE_PATH}{platform}/"


def key_alias(platform: str) -> str:
    """Name the alias of a platform's KMS key."""
    return f"alias/snaplift/{platform}"


def is_preview(environment: str) -> bool:
    """Say whether an environment's name is a preview's: ``pr42``."""
    return _PREVIEW_RE.fullmatch(environment) is not None


def tenant_of_dag(dag_id: str) -> str | None:
    """Say whose a DAG is. None: it is no tenant's, but the fleet's or a platform's."""
    try:
        return str(Tenant.parse(dag_id.partition(".")[0]))
    except InvalidName:
        return None


def run_hash(dag_id: str, run_id: str) -> str:
    """Shorten a run to eight hexadecimal digits, the same at every retry."""
    return hashlib.sha256(f"{dag_id}|{run_id}".encode()).hexdigest()[:8]


# -- tags ------------------------------------------------------------------------------------------------------

TAG_PREFIX: Final = "snaplift:"
INSTALLATION_TAG: Final = f"{TAG_PREFIX}installation"
NAMESPACE_TAG: Final = f"{TAG_PREFIX}namespace"
RELEASE_TAG: Final = f"{TAG_PREFIX}release"
RUN_TAG: Final = f"{TAG_PREFIX}run"
EXPIRES_TAG: Final = f"{TAG_PREFIX}expires"
"""On a preview's pointer: when its time is up."""
REMOVAL_TAG: Final = f"{TAG_PREFIX}removal"
"""On the pointer of a namespace that is being removed and keeps final snapshots: when that began, as a release."""
CONTENT_TAG: Final = f"{TAG_PREFIX}content"
ADOPTED_TAG: Final = f"{TAG_PREFIX}adopted"
"""On what stood before snaplift came, and was adopted: the database instance that it belongs to."""
PLATFORM_TAG: Final = f"{TAG_PREFIX}platform"
COST_TAG: Final = "cost-allocation"
REFRESH_TAG: Final = f"{TAG_PREFIX}refresh"
"""Of a snapshot that was taken to be masked: the namespace it was taken for. It is no release."""
DATA_CLASS_TAG: Final = f"{TAG_PREFIX}data-class"
"""Of a release's snapshot: what its data were where they are authored, when it was taken."""
WRITES_TAG: Final = f"{TAG_PREFIX}writes"
"""Of a database that an abort or a reap takes away though it served, and of the final snapshot that it leaves: whether
it is known that visitors wrote to it, or could not be told."""
MASK_TAG: Final = f"{TAG_PREFIX}mask"
"""Of a database that is to be masked, from its birth: :data:`MASK_DUE`, then the run and how far it has come."""
MASK_DUE: Final = "due"
MASKED: Final = "masked"
"""What the tag ends with when all of it is done, and checked."""


def platform_tags(installation: str, platform: str) -> dict[str, str]:
    """Tags of what namespaces share."""
    return {INSTALLATION_TAG: installation, PLATFORM_TAG: platform, COST_TAG: platform}


def tags(
    installation: str, namespace: Namespace, *, release: Release | None = None, run: str | None = None
) -> dict[str, str]:
    """Tags of what belongs to a namespace, and to one release or run where it does."""
    found = {
        INSTALLATION_TAG: installation,
        f"{TAG_PREFIX}tenant": str(namespace.tenant),
        f"{TAG_PREFIX}environment": namespace.environment,
        NAMESPACE_TAG: str(namespace),
        COST_TAG: str(namespace),
    }
    if release:
        found[RELEASE_TAG] = str(release)
    if run:
        found[RUN_TAG] = run
    return found


def is_unmasked(found: dict[str, str]) -> bool:
    """Say whether a database with these tags is to be masked, and is not yet: no snapshot of it may be kept."""
    mask = found.get(MASK_TAG)
    return mask is not None and not mask.endswith(f"/{MASKED}")


def is_ours(found: dict[str, str], installation: str, namespace: Namespace | None = None) -> bool:
    """Say whether a thing with these tags was made by this installation (and for this namespace)."""
    if found.get(INSTALLATION_TAG) != installation:
        return False
    return namespace is None or found.get(NAMESPACE_TAG) == str(namespace)


def preview_tags(installation: str, namespace: Namespace, platform: str, expires: datetime) -> dict[str, str]:
    """Tags of a preview's pointer: beside a namespace's own, where it is and until when.

    :raises ValueError: the moment has no time zone.
    """
    if expires.tzinfo is None:
        raise ValueError("a preview ends at an aware moment; this one has no time zone")
    until = expires.astimezone(UTC).strftime(_EXPIRES_FORMAT)
    return {**tags(installation, namespace), PLATFORM_TAG: platform, EXPIRES_TAG: until}


def read_expiry(found: dict[str, str]) -> datetime | None:
    """Read when a preview's time is up. None: its tags do not say it."""
    try:
        return datetime.strptime(found[EXPIRES_TAG], _EXPIRES_FORMAT).replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return None

"""Load what ``config/`` says.

Nothing that a file holds raises anything but :class:`~snaplift.config.errors.InvalidConfiguration`, and nothing that
one tenant's file holds keeps another tenant from being loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from snaplift import naming
from snaplift.config import checks
from snaplift.config.document import Document, Location, Unreadable, read_document
from snaplift.config.errors import ConfigError, InvalidConfiguration
from snaplift.config.messages import field_and_message
from snaplift.config.platform import Platforms, Strict
from snaplift.config.tenant import Tenant

PLATFORMS_FILE: Final = "platforms.yaml"
TENANTS_FOLDER: Final = "tenants"
_SUFFIX: Final = ".yaml"
_DEFAULTS: Final = "defaults"

_Model = TypeVar("_Model", bound=Strict)


@dataclass(frozen=True)
class Configuration:
    """All that could be loaded, and what is wrong with the rest."""

    platforms: Platforms
    tenants: Mapping[str, Tenant] = field(default_factory=dict)
    """By name, sorted."""
    errors: tuple[ConfigError, ...] = ()
    """A tenant whose own file has one is not among the tenants."""


def find_configuration(dags_folder: Path | None, environ: Mapping[str, str]) -> Path:
    """Find the folder with ``platforms.yaml``.

    ``$SNAPLIFT_CONFIG``, else ``config`` in the DAGs' folder, else beside it; without a DAGs' folder ``config`` here.

    :raises InvalidConfiguration: there is none; the message says where it was looked for.
    """
    if named := environ.get("SNAPLIFT_CONFIG"):
        places = [Path(named)]
    elif dags_folder is not None:
        places = [dags_folder / "config", dags_folder.absolute().parent / "config"]
    else:
        places = [Path("config")]
    for place in places:
        if (place / PLATFORMS_FILE).is_file():
            return place
    looked = " or ".join(str(place / PLATFORMS_FILE) for place in places)
    raise InvalidConfiguration(
        [ConfigError(looked, 0, 0, "", "is no file: set SNAPLIFT_CONFIG to the folder it is in")]
    )


def load_configuration(root: Path) -> Configuration:
    """Load the whole configuration.

    A broken tenant file becomes an error among the others' tenants. What is only wrong between two tenants (a project
    number used twice) is an error as well, but stops neither: which of them is wrong cannot be told, and one may be
    in production.

    :raises InvalidConfiguration: ``platforms.yaml`` cannot be used, without which no tenant can.
    """
    platforms = load_platforms(root)
    tenants: dict[str, Tenant] = {}
    errors: list[ConfigError] = _misnamed(root)
    for name in tenant_names(root):
        try:
            tenants[name] = load_tenant(tenant_path(root, name), platforms)
        except InvalidConfiguration as error:
            errors += error.errors
    errors += _used_twice(root, tenant_names(root))
    # An error in a default is every tenant's, but is one error.
    return Configuration(platforms, tenants, tuple(sorted(set(errors))))


def load_platforms(root: Path) -> Platforms:
    """Load ``platforms.yaml``.

    :raises InvalidConfiguration: it cannot be used; each error has its line.
    """
    source = _Source.read(root / PLATFORMS_FILE, root)
    return source.model(Platforms, source.document.value)


def load_tenant_named(root: Path, name: str, platforms: Platforms | None = None) -> Tenant:
    """Load one tenant, and of the other files only ``platforms.yaml`` where it is not given.

    :raises InvalidConfiguration: there is no such tenant, or its file or ``platforms.yaml`` cannot be used.
    """
    return load_tenant(tenant_path(root, name), platforms or load_platforms(root))


def load_tenant(path: Path, platforms: Platforms) -> Tenant:
    """Load one tenant's file, with the defaults of ``platforms.yaml`` under it.

    :raises InvalidConfiguration: it cannot be used; each error has its line, in ``platforms.yaml`` where a default is
        what is wrong.
    """
    source = _Source.read(path, path.parent.parent)
    own = source.document.value
    merged = merge(platforms.defaults, own) if isinstance(own, dict) else own
    tenant = source.model(Tenant, merged)
    problems = list(checks.problems(tenant, platforms))
    if tenant.tenant != path.stem:
        problems.append((("tenant",), f"{tenant.tenant!r} is not the file's name: expected {path.stem!r}"))
    if problems:
        raise InvalidConfiguration({source.error(*problem) for problem in problems})
    return tenant


def tenant_path(root: Path, name: str) -> Path:
    """Say where a tenant's file is."""
    return root / TENANTS_FOLDER / f"{name}{_SUFFIX}"


def tenant_names(root: Path) -> list[str]:
    """Name the tenants that have a file, sorted, without reading any."""
    return sorted(path.stem for path in _tenant_files(root) if path.suffix == _SUFFIX and _is_tenant(path.stem))


def merge(defaults: Mapping[str, object], own: Mapping[str, object]) -> dict[str, object]:
    """Put values over defaults, section by section; a list replaces a list, and nothing (null) replaces all."""
    merged = dict(defaults)
    for name, value in own.items():
        below = merged.get(name)
        merged[name] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


# -- files -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Source:
    """A file, and how people know it."""

    path: Path
    root: Path
    document: Document

    @classmethod
    def read(cls, path: Path, root: Path) -> _Source:
        try:
            return cls(path, root, read_document(path))
        except Unreadable as error:
            raise InvalidConfiguration([ConfigError(_label(path, root), *error.position, "", str(error))]) from None

    def model(self, model: type[_Model], value: object) -> _Model:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            problems = (field_and_message(model, each) for each in error.errors(include_url=False))
            raise InvalidConfiguration({self.error(*problem) for problem in problems}) from None

    def error(self, location: Location, message: str) -> ConfigError:
        document, label, place = self.document, _label(self.path, self.root), location
        if location and location not in document.positions and self.path.name != PLATFORMS_FILE:
            defaults = _Source.read(self.root / PLATFORMS_FILE, self.root).document
            if (_DEFAULTS, *location) in defaults.positions:
                document, label = defaults, _label(self.root / PLATFORMS_FILE, self.root)
                place = (_DEFAULTS, *location)
        return ConfigError(label, *document.position(place), _dotted(place), message)


def _label(path: Path, root: Path) -> str:
    return str(Path(root.absolute().name, path.relative_to(root)))


def _shown(name: str) -> str:
    """A field's name as it is in the file, on one line whatever somebody typed."""
    return name if name.isprintable() else repr(name)


def _dotted(location: Location) -> str:
    words = (f"[{step}]" if isinstance(step, int) else f".{_shown(step)}" for step in location)
    return "".join(words).removeprefix(".")


def _tenant_files(root: Path) -> Iterable[Path]:
    try:
        return [path for path in (root / TENANTS_FOLDER).iterdir() if not path.name.startswith(".")]
    except OSError:
        return []


def _is_tenant(name: str) -> bool:
    try:
        naming.Tenant.parse(name)
    except naming.InvalidName:
        return False
    return True


def _misnamed(root: Path) -> list[ConfigError]:
    """Name the files that would be passed over without a word."""
    folder = root / TENANTS_FOLDER
    if not folder.is_dir():
        return [ConfigError(_label(folder, root), 0, 0, "", "is no folder: expected one file for each tenant in it")]
    found = []
    for path in _tenant_files(root):
        if path.suffix == _SUFFIX:
            try:
                naming.Tenant.parse(path.stem)
            except naming.InvalidName as error:
                found.append(ConfigError(_label(path, root), 0, 0, "", f"the file's name: {error}"))
        elif path.suffix.lower() in {".yml", _SUFFIX}:
            found.append(ConfigError(_label(path, root), 0, 0, "", f"is not read: rename it to {path.stem}{_SUFFIX}"))
    return found


def _used_twice(root: Path, names: Iterable[str]) -> list[ConfigError]:
    by_project: dict[str, list[str]] = {}
    for name in names:
        by_project.setdefault(naming.Tenant.parse(name).project, []).append(name)
    return [
        ConfigError(
            _label(tenant_path(root, name), root),
            0,
            0,
            "tenant",
            f"project number {project} is also {', '.join(other for other in sharing if other != name)}'s: "
            "expected one that no other tenant has",
        )
        for project, sharing in by_project.items()
        if len(sharing) > 1
        for name in sharing
    ]

"""Guards for what is changed in ministack from outside.

ministack has no extension interface: the tables, handlers and functions that we build on are private and may
go with any release. Everything is therefore taken through here, before the server answers its first call,
and a name that is not there any more stops the start with one sentence.
"""

from importlib.metadata import version
from types import ModuleType
from typing import Any


class Incompatible(RuntimeError):
    """The installed ministack lacks something that this package builds on."""


def require(owner: ModuleType, *names: str) -> None:
    """Check that ``owner`` has every one of ``names``.

    :raises Incompatible: one is missing
    """
    missing = [name for name in names if not hasattr(owner, name)]
    if missing:
        raise Incompatible(
            f"ministack {version('ministack')} has no {', '.join(missing)} in {owner.__name__}, which local/aws "
            "builds on: install the version in local/aws/requirements.txt, or adapt local/aws to this one"
        )


def replace(owner: ModuleType, name: str, replacement: Any) -> Any:
    """Put ``replacement`` in the place of ``owner.name`` and return what was there.

    :raises Incompatible: there was nothing
    """
    require(owner, name)
    original = getattr(owner, name)
    setattr(owner, name, replacement)
    return original


def entry(table: dict[str, Any], key: str, *, of: str) -> Any:
    """The handler that ministack registers under ``key`` in its table ``of``.

    :raises Incompatible: there is none
    """
    if key not in table:
        raise Incompatible(
            f"ministack {version('ministack')} has no {key} in {of}, which local/aws builds on: install the "
            "version in local/aws/requirements.txt, or adapt local/aws to this one"
        )
    return table[key]

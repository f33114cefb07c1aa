"""SSM: the pointers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from airflow.providers.amazon.aws.hooks.ssm import SsmHook
from botocore.exceptions import ClientError

from snaplift import naming
from snaplift.aws.errors import StepFailed, absent_is_none, code
from snaplift.aws.hooks.base import PlaceMixin, from_tag_list, to_tag_list
from snaplift.promotion.pointer import Pointer

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


class FoundParameter(NamedTuple):
    """A parameter, as it was found."""

    name: str
    arn: str
    value: str
    version: int
    written_at: datetime


class PointerMissing(StepFailed):
    """A namespace has no pointer. It never means that nothing is active: provisioning makes the pointer."""


class PointerMoved(StepFailed):
    """Somebody else wrote a pointer."""


class PointerHook(PlaceMixin, SsmHook):
    """Read and write pointers. SSM has no compare-and-swap: the lock keeps others away, the version proves it."""

    @property
    def client(self) -> SSMClient:
        return self.get_conn()

    def read(self, name: str) -> tuple[Pointer, int]:
        """Read a pointer and its version.

        :raises PointerMissing: there is none.
        :raises UnreadablePointer: it is not what snaplift writes.
        """
        try:
            found = self.client.get_parameter(Name=name)["Parameter"]
        except ClientError as error:
            if code(error) == "ParameterNotFound":
                raise PointerMissing(f"there is no pointer {name}: provision the environment first") from None
            raise
        return Pointer.parse(found["Value"], name), found["Version"]

    def all(self, path: str = naming.PARAMETERS) -> Iterator[FoundParameter]:
        """List every parameter under a path, to the last page; whose each is, :meth:`tags` says."""
        pages = self.client.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
        for found in (each for page in pages for each in page["Parameters"]):
            yield FoundParameter(
                found["Name"], found["ARN"], found["Value"], found["Version"], found["LastModifiedDate"]
            )

    def make(self, name: str, tags: dict[str, str]) -> bool:
        """Make a namespace's pointer, to nothing. False: it is there already."""
        try:
            self.client.put_parameter(
                Name=name,
                Description="What is active, previous and candidate. Written by snaplift only.",
                Value=Pointer().format(),
                Type="String",
                Tier="Standard",
                Tags=to_tag_list(tags),
            )
        except ClientError as error:
            if code(error) == "ParameterAlreadyExists":
                return False
            raise
        return True

    def tags(self, name: str) -> dict[str, str] | None:
        """Read a parameter's tags. None: there is no such parameter.

        :raises ClientError: anything but "not found".
        """
        with absent_is_none("InvalidResourceId"):
            found = self.client.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)
            return from_tag_list(found.get("TagList"))
        return None

    def tag(self, name: str, tags: dict[str, str]) -> None:
        """Put tags on a pointer; they are no version of it."""
        self.client.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=to_tag_list(tags))

    def remove(self, name: str) -> None:
        """Delete a pointer. That it is gone already is no error."""
        self.log.info("deleting pointer %s", name)
        with absent_is_none("ParameterNotFound"):
            self.client.delete_parameter(Name=name)

    def write(self, name: str, pointer: Pointer, *, read_version: int) -> int:
        """Move a pointer that was read at a version. Returns its new version.

        :raises PointerMoved: somebody else wrote it in between.
        """
        _, version = self.read(name)
        if version != read_version:
            raise PointerMoved(f"pointer {name} was version {read_version} and is {version}: somebody else wrote it")
        text = pointer.format()
        made = self.client.put_parameter(Name=name, Value=text, Type="String", Overwrite=True)["Version"]
        # An answer that was lost: the SDK sent the same again.
        if any(self._value(name, between) != text for between in range(read_version + 1, made)):
            raise PointerMoved(f"pointer {name} became version {made}, not {read_version + 1}: somebody else wrote it")
        self.log.info("pointer %s is version %s", name, made)
        return made

    def _value(self, name: str, version: int) -> str:
        return self.client.get_parameter(Name=f"{name}:{version}")["Parameter"]["Value"]

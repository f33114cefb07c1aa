"""A stack while it is being written: its template, and the values of the template's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from troposphere import AWSObject, Output, Parameter, Ref, Select, Split, StackId, Tags, Template

from snaplift.stacks.stack import Stack

# TemplateBody's limit for CreateStack (CloudFormation's quotas); above it a template has to come from a bucket.
BODY_LIMIT: Final = 51_200

# The stack's own id, a UUID: a stack that is made again under its old name has another one.
INCARNATION: Final = Select(2, Split("/", StackId))

R = TypeVar("R", bound=AWSObject)


class TemplateTooLarge(ValueError):
    """A template does not fit into a CreateStack request."""


class Draft:
    """Collects parameters, resources and outputs; all that can be tagged gets the stack's tags."""

    def __init__(self, name: str, description: str, tags: Mapping[str, str]) -> None:
        self.name = name
        self._tags = dict(tags)
        self._values: dict[str, str] = {}
        self._template = Template(Description=description)
        self._template.set_version("2010-09-09")

    def parameter(self, name: str, description: str, value: str | None, kind: str = "String", **limits: Any) -> Ref:
        """Declare a parameter; without a value, whoever creates the stack has to give one."""
        self._template.add_parameter(Parameter(name, Type=kind, Description=description, **limits))
        if value is not None:
            self._values[name] = value
        return Ref(name)

    def add(self, resource: R) -> R:
        """Add a resource, with the stack's tags where its kind has tags."""
        if "Tags" in resource.props:
            resource.Tags = Tags(self._tags)
        self._template.add_resource(resource)
        return resource

    @property
    def titles(self) -> list[str]:
        """The logical ids of the resources so far."""
        return list(self._template.resources)

    def output(self, name: str, description: str, value: Any) -> None:
        """Add an output. None is ever exported: an import would freeze the stack that exports."""
        self._template.add_output(Output(name, Description=description, Value=value))

    def stack(self, **settings: Any) -> Stack:
        """Finish the stack.

        :param settings: what :class:`Stack` has beside name, template, parameters and tags.
        :raises TemplateTooLarge: CloudFormation would refuse the template's size.
        """
        found = Stack(
            name=self.name,
            template=_in_reading_order(self._template.to_dict()),
            parameters=self._values,
            tags=self._tags,
            **settings,
        )
        if (size := len(found.body.encode())) > BODY_LIMIT:
            raise TemplateTooLarge(f"stack {self.name}: the template has {size} bytes, more than {BODY_LIMIT}")
        return found


def _in_reading_order(template: dict[str, Any]) -> dict[str, Any]:
    """Put what a reader asks first in front: what the template is, then what it takes, makes and gives."""
    sections = ("AWSTemplateFormatVersion", "Description", "Parameters", "Resources", "Outputs")
    found = {section: template[section] for section in sections if section in template}
    found["Resources"] = {
        title: {"Type": resource["Type"], **{key: value for key, value in resource.items() if key != "Type"}}
        for title, resource in template["Resources"].items()
    }
    return found

"""CloudFormation's change sets: made so that a retry finds them, read to the last page, executed by id."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.amazon.aws.hooks.cloud_formation import CloudFormationHook
from botocore.exceptions import ClientError

from snaplift.aws.errors import StepFailed, absent_is_none, code
from snaplift.aws.hooks.base import PlaceMixin, to_tag_list
from snaplift.aws.hooks.cloudformation import FoundStack
from snaplift.promotion.changes import ResourceChange
from snaplift.promotion.wait import Wait
from snaplift.stacks.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

AVAILABLE: Final = "AVAILABLE"
EXECUTED: Final = "EXECUTE_COMPLETE"
NOT_EXECUTED: Final = ("EXECUTE_FAILED", "OBSOLETE", "FAILED")
CREATION: Final = timedelta(minutes=15)
# A change set that would change nothing has failed, in these words; no other failure is taken for that.
_EMPTY: Final = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class FoundChangeSet:
    """A change set, as it was found."""

    arn: str
    name: str
    stack_id: str
    state: str
    """``AVAILABLE`` and what comes of that by execution; before it, the state of its creation."""
    reason: str
    changes: tuple[ResourceChange, ...] = ()

    @property
    def empty(self) -> bool:
        return self.state == "FAILED" and any(words in self.reason for words in _EMPTY)


class ChangeSetHook(PlaceMixin, CloudFormationHook):
    """Make, read, execute and delete change sets. (The provider's hook has none of it.)"""

    @property
    def client(self) -> CloudFormationClient:
        return self.get_conn()

    def template(self, found: FoundStack) -> dict[str, Any]:
        """Read the template that a stack was made of; a person may have made it of YAML."""
        body: Any = self.client.get_template(StackName=found.id, TemplateStage="Original")["TemplateBody"]
        if isinstance(body, str):
            from cfn_flip import to_json  # type: ignore[import-untyped]  # takes a while to import, and is rarely needed

            body = json.loads(to_json(body))
        return dict(body)

    def find(self, name: str, stack: str = "") -> FoundChangeSet | None:
        """Look a change set up, with all that it changes.

        :param name: its ARN, or its name.
        :param stack: the stack, where it is asked for by name.
        """
        asked = {"ChangeSetName": name, **({"StackName": stack} if stack else {})}
        with absent_is_none("ChangeSetNotFound", "ChangeSetNotFoundException"):
            found, changes = self._read(asked)
            status, execution = found["Status"], found.get("ExecutionStatus", "UNAVAILABLE")
            return FoundChangeSet(
                arn=found["ChangeSetId"],
                name=found["ChangeSetName"],
                stack_id=found["StackId"],
                state=execution if status == "CREATE_COMPLETE" else status,
                reason=found.get("StatusReason", ""),
                changes=tuple(_change(each["ResourceChange"]) for each in changes if "ResourceChange" in each),
            )
        return None

    def _read(self, asked: dict[str, str]) -> tuple[Any, list[Any]]:
        page: Any = self.client.describe_change_set(**asked)  # type: ignore[arg-type]
        first, changes = page, list(page.get("Changes", []))
        while token := page.get("NextToken"):
            page = self.client.describe_change_set(**asked, NextToken=token)  # type: ignore[arg-type]
            changes += page.get("Changes", [])
        return first, changes

    def ensure(self, stack: Stack, found: FoundStack, name: str) -> FoundChangeSet | Wait:
        """Make a change set, or find the one that an earlier try made. It may turn out to be empty.

        :param name: of the change set, derived from the run.
        :raises StepFailed: CloudFormation cannot make it.
        """
        made = self.find(name, found.id)
        if made is None:
            try:
                arn = self._create(stack, found, name)
            except ClientError as error:
                if code(error) != "AlreadyExistsException":
                    raise
                arn = name
            made = self.find(arn, found.id)
        if made is None or made.state not in (AVAILABLE, "FAILED"):
            arn = made.arn if made else name
            return self.wait(
                "change_set", arn, scope=found.id, done=(AVAILABLE,), failed=NOT_EXECUTED, timeout=CREATION
            )
        if made.state == "FAILED" and not made.empty:
            raise StepFailed(f"no change set could be made for stack {stack.name}: {made.reason}")
        return made

    def _create(self, stack: Stack, found: FoundStack, name: str) -> str:
        self.log.info("making change set %s for stack %s", name, stack.name)
        given: dict[str, Any] = {
            "StackName": found.id,
            "ChangeSetName": name,
            "ChangeSetType": "UPDATE",
            "TemplateBody": stack.body,
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in stack.parameters.items()],
            "Tags": to_tag_list(stack.tags),
            "Capabilities": list(stack.capabilities),
            "ClientToken": name,
        }
        if stack.role_arn:
            given["RoleARN"] = stack.role_arn
        return self.client.create_change_set(**given)["Id"]

    def execute(self, change_set: FoundChangeSet, timeout: timedelta) -> Wait:
        """Execute a change set, and wait for its end by its ARN. Doing it again is the same execution."""
        self.log.info("executing change set %s", change_set.arn)
        self.client.execute_change_set(
            ChangeSetName=change_set.arn, StackName=change_set.stack_id, ClientRequestToken=change_set.name
        )
        return self.wait_executed(change_set.arn, change_set.stack_id, timeout)

    def wait_executed(self, arn: str, stack_id: str, timeout: timedelta) -> Wait:
        """Wait until a change set has been carried out; one that CloudFormation no longer tells of has ended too."""
        return self.wait(
            "change_set",
            arn,
            scope=stack_id,
            identity=arn,
            done=(EXECUTED,),
            failed=NOT_EXECUTED,
            absent="done",
            timeout=timeout,
        )

    def delete(self, change_set: FoundChangeSet) -> None:
        """Delete a change set that was not executed."""
        self.log.info("deleting change set %s", change_set.arn)
        with absent_is_none("ChangeSetNotFound", "ChangeSetNotFoundException"):
            self.client.delete_change_set(ChangeSetName=change_set.arn, StackName=change_set.stack_id)


def _change(found: Any) -> ResourceChange:
    targets = [detail.get("Target", {}) for detail in found.get("Details", [])]
    names = [str(target.get("Name") or target.get("Attribute", "")) for target in targets]
    return ResourceChange(
        action=found["Action"],
        title=found["LogicalResourceId"],
        type=found["ResourceType"],
        replacement=found.get("Replacement", "") if found["Action"] == "Modify" else "",
        properties=tuple(sorted({name for name in names if name} | set(found.get("Scope", [])) - {"Properties"})),
    )

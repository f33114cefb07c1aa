"""CloudFormation: stacks that are made once, adopted when they are this run's, and waited for by id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow.providers.amazon.aws.hooks.cloud_formation import CloudFormationHook
from botocore.exceptions import ClientError

from snaplift import naming
from snaplift.aws.errors import StepFailed, code, message
from snaplift.aws.hooks.base import PlaceMixin, from_tag_list, to_tag_list
from snaplift.promotion.quotas import Usage
from snaplift.promotion.wait import Wait
from snaplift.stacks.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

GONE = "DELETE_COMPLETE"
CREATED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
# In these a stack has never been complete.
NEVER_CREATED = ("CREATE_FAILED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
NOT_CREATED = (
    *NEVER_CREATED,
    "DELETE_IN_PROGRESS",
    "DELETE_COMPLETE",
    "DELETE_FAILED",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_FAILED",
)
# A rollback is waited out before the name is used again or the stack deleted.
AT_REST = (
    *CREATED,
    "CREATE_FAILED",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
    "DELETE_FAILED",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_FAILED",
)


@dataclass(frozen=True)
class FoundStack:
    """A stack, as it was found."""

    id: str
    name: str
    status: str
    reason: str
    tags: dict[str, str]
    outputs: dict[str, str] = field(default_factory=dict)
    created_at: datetime | None = None
    protected: bool = False
    parameters: dict[str, str] = field(default_factory=dict)
    change_set: str = ""
    """The ARN of the one that was executed last, as far as CloudFormation tells."""

    @property
    def run(self) -> str | None:
        return self.tags.get(naming.RUN_TAG)

    @property
    def created(self) -> bool:
        return self.status in CREATED

    @property
    def busy(self) -> bool:
        return self.status.endswith("_IN_PROGRESS")


def _stack(found: StackTypeDef) -> FoundStack:
    return FoundStack(
        id=found["StackId"],
        name=found["StackName"],
        status=found["StackStatus"],
        reason=found.get("StackStatusReason", ""),
        tags=from_tag_list(found.get("Tags")),
        outputs={output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])},
        parameters={each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])},
        change_set=found.get("ChangeSetId", ""),
        created_at=found.get("CreationTime"),
        protected=found.get("EnableTerminationProtection", False),
    )


class StackHook(PlaceMixin, CloudFormationHook):
    """Make and remove stacks so that a retry finds what the first try made.

    The provider's create operator raises on a stack that exists, and boto's waiters take any ValidationError for a
    finished deletion and ``UPDATE_ROLLBACK_*`` for a creation.
    """

    @property
    def client(self) -> CloudFormationClient:
        return self.get_conn()

    def find(self, name: str) -> FoundStack | None:
        """Look a stack up by name, or by id (then also a deleted one).

        :raises ClientError: anything but "does not exist".
        """
        try:
            [found] = self.client.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            # CloudFormation answers ValidationError for a stack that does not exist, and for much else.
            if code(error) == "ValidationError" and "does not exist" in message(error):
                return None
            raise
        return _stack(found)

    def all(self) -> Iterator[FoundStack]:
        """List every stack of the account and region that was not deleted, to the last page."""
        for page in self.client.get_paginator("describe_stacks").paginate():
            yield from (_stack(found) for found in page["Stacks"] if found["StackStatus"] != GONE)

    def ensure(self, stack: Stack, *, token: str, timeout: timedelta) -> FoundStack | Wait:
        """Make a stack, or adopt the one of that name if it carries all our tags (this run's among them).

        :param token: the same at every try: CreateStack's ClientRequestToken.
        :raises StepFailed: the name is somebody else's, or the stack could not be made.
        """
        found = self.find(stack.name)
        if found is None:
            try:
                return self._wait_created(self._create(stack, token), timeout)
            except ClientError as error:
                found = self._adopted(stack, error)
        if foreign := {key: found.tags.get(key) for key in stack.tags if found.tags.get(key) != stack.tags[key]}:
            raise StepFailed(
                f"stack {stack.name} exists and is not this run's "
                f"({', '.join(f'{key} is {value}' for key, value in sorted(foreign.items()))}): it is left alone"
            )
        if found.created:
            return found
        if found.status in NOT_CREATED:
            raise StepFailed(f"stack {stack.name} is {found.status}: {self.first_failure(found.id) or found.reason}")
        return self._wait_created(found.id, timeout)

    def _create(self, stack: Stack, token: str) -> str:
        given = {
            "StackName": stack.name,
            "TemplateBody": stack.body,
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in stack.parameters.items()],
            "Tags": to_tag_list(stack.tags),
            "Capabilities": list(stack.capabilities),
            "EnableTerminationProtection": stack.termination_protection,
            "ClientRequestToken": token,
        }
        if stack.role_arn:
            given["RoleARN"] = stack.role_arn
        if stack.policy_body:
            given["StackPolicyBody"] = stack.policy_body
        self.log.info("creating stack %s", stack.name)
        return self.client.create_stack(**given)["StackId"]

    def _adopted(self, stack: Stack, error: ClientError) -> FoundStack:
        """The stack that "exists already": made by a call whose answer was lost, or by somebody else just now."""
        if code(error) != "AlreadyExistsException" or (found := self.find(stack.name)) is None:
            raise error
        return found

    def _wait_created(self, stack_id: str, timeout: timedelta) -> Wait:
        return self.wait("stack", stack_id, identity=stack_id, done=CREATED, failed=NOT_CREATED, timeout=timeout)

    def wait_at_rest(self, found: FoundStack, timeout: timedelta) -> Wait:
        """Wait until nothing is under way with a stack."""
        done = (*AT_REST, "DELETE_COMPLETE")
        return self.wait("stack", found.id, identity=found.id, done=done, absent="done", timeout=timeout)

    def remove(self, found: FoundStack, *, timeout: timedelta) -> Wait | None:
        """Delete a stack, by its id. None: it is gone.

        :raises StepFailed: its deletion failed.
        """
        if found.status == "DELETE_COMPLETE":
            return None
        if found.status == "DELETE_FAILED":
            raise StepFailed(f"stack {found.name} could not be deleted: {self.first_failure(found.id) or found.reason}")
        if found.busy and found.status != "DELETE_IN_PROGRESS":
            return self.wait_at_rest(found, timeout)
        if found.status != "DELETE_IN_PROGRESS":
            self.log.info("deleting stack %s", found.id)
            self.client.delete_stack(StackName=found.id)  # with the role that it was made with
        return self.wait(
            "stack",
            found.id,
            identity=found.id,
            done=("DELETE_COMPLETE",),
            failed=("DELETE_FAILED",),
            absent="done",
            timeout=timeout,
        )

    def lift_protection(self, found: FoundStack) -> None:
        """Lift the termination protection of a stack that never came to be."""
        self.client.update_termination_protection(StackName=found.name, EnableTerminationProtection=False)

    def first_failure(self, stack_id: str) -> str:
        """The first thing that went wrong in a stack, in AWS's words: what came after follows from it.

        What went wrong before the stack's latest update is another story.
        """
        first = ""
        for page in self.client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
            for event in page["StackEvents"]:  # newest first
                if event.get("ResourceStatus", "").endswith("_FAILED"):
                    first = f"{event.get('LogicalResourceId')}: {event.get('ResourceStatusReason', '')}"
                if event.get("PhysicalResourceId") == stack_id and event.get("ResourceStatus") == "UPDATE_IN_PROGRESS":
                    return first
        return first

    def usage(self) -> Usage | None:
        """What is used of the account's quota of stacks in this region. None: AWS does not tell."""
        pages = self.client.get_paginator("describe_account_limits").paginate()
        limits = {limit.get("Name"): limit.get("Value") for page in pages for limit in page["AccountLimits"]}
        limit = limits.get("StackLimit")
        if limit is None:
            return None
        return Usage(used=sum(1 for _ in self.all()), limit=limit)

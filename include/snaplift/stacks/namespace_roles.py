"""The two roles of a namespace's tasks, bounded by the platform's boundary and by the namespace's own paths."""

from __future__ import annotations

from typing import Any

from troposphere import Ref, Sub, iam

from snaplift import naming
from snaplift.stacks.draft import Draft
from snaplift.stacks.settings import EnvironmentSettings
from snaplift.stacks.statements import allow, arn, document, trusted_by


def add_execution_role(draft: Draft, settings: EnvironmentSettings, key: Ref) -> iam.Role:
    """Add the role with which ECS starts the namespace's tasks: it pulls images, reads secrets, opens log streams."""
    namespace = settings.namespace
    secrets = arn("secretsmanager", f"secret:{namespace.secret_prefix}*")
    return _add_role(
        draft,
        settings,
        "ExecutionRole",
        "execution",
        document(
            # ECR has no resource for it: a token is for the whole registry, the pull below is not.
            allow("LogInToEcr", ["ecr:GetAuthorizationToken"], "*"),
            allow(
                "PullOwnImages",
                ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                [_repository_arn(image) for image in settings.repositories],
            ),
            allow(
                "WriteOwnLogs",
                ["logs:CreateLogStream", "logs:PutLogEvents"],
                arn("logs", f"log-group:{namespace.log_group}:*"),
            ),
            allow("ReadOwnSecrets", ["secretsmanager:GetSecretValue"], secrets),
            allow(
                "DecryptOwnSecrets",
                ["kms:Decrypt"],
                key,
                StringEquals={"kms:ViaService": Sub("secretsmanager.${AWS::Region}.amazonaws.com")},
                StringLike={"kms:EncryptionContext:SecretARN": secrets},
            ),
        ),
    )


def add_task_role(draft: Draft, settings: EnvironmentSettings) -> iam.Role:
    """Add the role with which the tenant's own code runs: no AWS API at all, and no shell through ECS."""
    forbidden = {"Sid": "NoShell", "Effect": "Deny", "Action": "ssmmessages:*", "Resource": "*"}
    return _add_role(draft, settings, "TaskRole", "task", document(forbidden))


def _add_role(
    draft: Draft, settings: EnvironmentSettings, title: str, purpose: str, policy: dict[str, Any]
) -> iam.Role:
    boundary = (
        f"policy{naming.platform_role_path(settings.platform_name)}{naming.role_boundary(settings.platform_name)}"
    )
    return draft.add(
        iam.Role(
            title,
            RoleName=settings.namespace.role(purpose),
            Path=settings.namespace.role_path,
            PermissionsBoundary=arn("iam", boundary, region=""),
            AssumeRolePolicyDocument=trusted_by(
                "ecs-tasks.amazonaws.com",
                # Only for tasks of this account: the service acts for nobody else's.
                StringEquals={"aws:SourceAccount": Sub("${AWS::AccountId}")},
                ArnLike={"aws:SourceArn": arn("ecs", "*")},
            ),
            Policies=[iam.Policy(PolicyName=purpose, PolicyDocument=policy)],
        )
    )


def _repository_arn(image: str) -> Sub:
    """Write the ARN of ``<account>.dkr.ecr.<region>.amazonaws.com/<repository>``."""
    registry, _, repository = image.partition("/")
    account, _, _, region, *_ = registry.split(".")
    return arn("ecr", f"repository/{repository}", region=region, account=account)

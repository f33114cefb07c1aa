"""The orchestrator's own IAM policies: the least with which Airflow's role can do what snaplift does in an account.

What makes resources is CloudFormation, with the platform's stack role; the orchestrator may pass that role and make
stacks of our names with our tag. Beside that it may do what promotions do through the services' own APIs: snapshots,
protection and deletion of databases, deployments and one-off tasks, pointers, locks, and reading the credentials of
databases (never an environment's generated values). Making a *platform* is not in it: that needs an administrator.

Statements whose resource is ``*`` are those whose actions have no resource level in AWS's service authorization
reference, or list: each says so.
"""

from __future__ import annotations

from typing import Any

from snaplift import naming
from snaplift.config.platform import Platform, Platforms
from snaplift.stacks.statements import Statement, allow, document, tagged_ours, tagging_ours

Policy = dict[str, Any]


def accounts(platforms: Platforms) -> tuple[str, ...]:
    """The accounts that have a platform: in each, the orchestrator has one role."""
    return tuple(sorted({platform.account for platform in platforms.platforms.values()}))


def orchestrator_policies(platforms: Platforms, account: str) -> dict[str, Policy]:
    """Write the policies for the orchestrator's role in an account: it needs both, one would be too long (IAM: quotas).

    :raises LookupError: no platform is in this account.
    """
    here = {name: platform for name, platform in platforms.platforms.items() if platform.account == account}
    if not here:
        raise LookupError(f"no platform is in account {account}, only in {', '.join(accounts(platforms))}")
    ours = tagged_ours(platforms.installation)
    making = tagging_ours(platforms.installation)
    places = _Places(here)
    return {
        "data": document(
            *_listings(),
            *_stacks(places, ours, making),
            *_passed_roles(places),
            *_databases(places, ours, making),
            *_secrets(places),
        ),
        "deployments": document(
            *_deployments(places, ours, making), *_pointers_and_locks(places, ours), *_the_rest(places, ours)
        ),
    }


def adoption_policy(platforms: Platforms, account: str) -> Policy:
    """Write what the role needs beside that while a site is adopted, and for as long as something adopted stands.

    What was adopted has names of its own, so it is told by its tags. Whoever may tag an untagged thing makes it ours:
    that is why this is a policy for those who adopt. A secret is tagged by its owner first, since it is read.
    """
    here = {name: platform for name, platform in platforms.platforms.items() if platform.account == account}
    places = _Places(here)
    ours = tagged_ours(platforms.installation)
    adopted: dict[str, Any] = {"StringEquals": ours, "Null": {f"aws:ResourceTag/{naming.ADOPTED_TAG}": "false"}}
    making = tagging_ours(platforms.installation)
    services = places.each("ecs", "service/{cluster}/*")
    secrets, instances = places("secretsmanager", "secret:*"), places("rds", "db:*")
    reading = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:TagResource"]
    return document(
        # Another installation's stays that one's.
        allow("ClaimDatabases", ["rds:AddTagsToResource"], instances, StringEqualsIfExists=ours),
        allow("ProtectClaimedDatabases", ["rds:ModifyDBInstance"], instances, StringEquals=ours),
        allow(
            "ClaimServices",
            ["ecs:TagResource"],
            [*services, *places("ecs", "task-definition/*")],
            StringEquals=making,
            StringEqualsIfExists=ours,
        ),
        allow("ReadSecretsThatTheirOwnerTagged", reading, secrets, StringEquals=ours),
        allow("SeeServicesAsTheyStand", ["ecs:DescribeServices", "ecs:ListServiceDeployments"], services),
        allow("SeeRolesAsTheyStand", ["iam:GetRole"], places.everywhere("iam", "role/*")),
        allow("DeployAdoptedServices", ["ecs:DeleteService", "ecs:UpdateService"], services, **adopted),
        # They have no tags.
        allow(
            "SeeAndStopAdoptedRollouts",
            ["ecs:DescribeServiceDeployments", "ecs:DescribeServiceRevisions", "ecs:StopServiceDeployment"],
            places.each("ecs", "service-*/{cluster}/*/*"),
        ),
        allow("KeepAndDeleteAdoptedDatabases", ["rds:CreateDBSnapshot", "rds:DeleteDBInstance"], instances, **adopted),
    )


class _Places:
    """Writes ARNs for all the places (partition, region, account) that some platforms are in."""

    def __init__(self, platforms: dict[str, Platform]) -> None:
        self.platforms = platforms

    def __call__(self, service: str, *resources: str) -> list[str]:
        """ARNs in every region."""
        regions = dict.fromkeys(platform.region for platform in self.platforms.values())
        return [self._arn(service, region, resource) for region in regions for resource in resources]

    def each(self, service: str, resource: str) -> list[str]:
        """ARNs for every platform; ``{platform}`` and ``{cluster}`` are put in."""
        return [
            self._arn(service, platform.region, resource.format(platform=name, cluster=platform.cluster or name))
            for name, platform in self.platforms.items()
        ]

    def everywhere(self, service: str, *resources: str) -> list[str]:
        """ARNs of a service that has no regions."""
        return [self._arn(service, "", resource) for resource in resources]

    def via(self, *services: str) -> list[str]:
        """The names under which services use a key on someone's behalf."""
        regions = dict.fromkeys(platform.region for platform in self.platforms.values())
        return [f"{service}.{region}.amazonaws.com" for region in regions for service in services]

    def keys(self) -> list[str]:
        """The keys that stand already, by ARN."""
        return sorted({p.key for p in self.platforms.values() if p.key and p.key.startswith("arn:")})

    def key_aliases(self) -> list[str]:
        """The aliases of the keys that platforms made."""
        return [naming.key_alias(name) for name, platform in self.platforms.items() if platform.key is None]

    def _arn(self, service: str, region: str, resource: str) -> str:
        first = next(iter(self.platforms.values()))
        return f"arn:{_partition(first.region)}:{service}:{region}:{first.account}:{resource}"


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _listings() -> list[Statement]:
    return [
        allow(
            # Listings and descriptions that have no resource level, or none when they list.
            "Listings",
            [
                "cloudformation:DescribeAccountLimits",
                # Of one stack it has a resource level; the survey asks for all, and this covers both.
                "cloudformation:DescribeStacks",
                "ec2:DescribeSecurityGroupRules",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ecs:DescribeTaskDefinition",
                "ecs:ListTaskDefinitions",
                "elasticloadbalancing:DescribeAccountLimits",
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeRules",
                "elasticloadbalancing:DescribeTargetGroups",
                "logs:DescribeLogGroups",
                "rds:DescribeAccountAttributes",
                "rds:DescribeDBInstances",
                "rds:DescribeDBSnapshots",
                "secretsmanager:ListSecrets",
                "tag:GetResources",
            ],
            "*",
        )
    ]


def _stacks(places: _Places, ours: dict[str, str], making: dict[str, str]) -> list[Statement]:
    stacks = places("cloudformation", f"stack/{naming.ANY_NAMESPACE}/*")
    roles = places.everywhere("iam", *(f"role{naming.platform_role_path(name)}*" for name in places.platforms))
    return [
        allow(
            "SeeStacks",
            ["cloudformation:DescribeChangeSet", "cloudformation:DescribeStackEvents", "cloudformation:GetTemplate"],
            [*stacks, *places.each("cloudformation", "stack/{platform}/*")],
        ),
        allow(
            "MakeOurStacksWithTheStackRole",
            ["cloudformation:CreateStack", "cloudformation:TagResource"],
            stacks,
            StringEquals=making,
            ArnLikeIfExists={"cloudformation:RoleArn": roles},
        ),
        allow(
            "ChangeOurStacksWithTheStackRole",
            [
                "cloudformation:ContinueUpdateRollback",
                "cloudformation:CreateChangeSet",
                "cloudformation:DeleteChangeSet",
                "cloudformation:DeleteStack",
                "cloudformation:ExecuteChangeSet",
                "cloudformation:SetStackPolicy",
                "cloudformation:UpdateStack",
            ],
            stacks,
            StringEquals=ours,
            ArnLikeIfExists={"cloudformation:RoleArn": roles},
        ),
    ]


def _passed_roles(places: _Places) -> list[Statement]:
    stack_roles = places.everywhere("iam", *(f"role{naming.platform_role_path(name)}*" for name in places.platforms))
    task_roles = places.everywhere("iam", *(f"role{path}" for path in naming.ANY_TASK_ROLE))
    return [
        allow(
            "GiveCloudFormationTheStackRole",
            ["iam:PassRole"],
            stack_roles,
            StringEquals={"iam:PassedToService": "cloudformation.amazonaws.com"},
        ),
        allow(
            "GiveTasksTheirRoles",
            ["iam:PassRole"],
            task_roles,
            StringEquals={"iam:PassedToService": "ecs-tasks.amazonaws.com"},
        ),
        allow("SeeRoles", ["iam:GetRole"], places.everywhere("iam", f"role{naming.ANY_ROLE}")),
    ]


def _databases(places: _Places, ours: dict[str, str], making: dict[str, str]) -> list[Statement]:
    databases = places("rds", *(f"db:{name}" for name in naming.ANY_DATABASE))
    snapshots = places("rds", *(f"snapshot:{name}" for name in naming.ANY_SNAPSHOT))
    return [
        # A final snapshot takes its tags from the database, and its request says none.
        allow(
            "NameAndTagSnapshots",
            ["rds:AddTagsToResource", "rds:CreateDBSnapshot"],
            snapshots,
            StringEqualsIfExists=making,
        ),
        allow(
            "KeepAndDeleteOurDatabases",
            [
                "rds:AddTagsToResource",  # how far a candidate has come is written on it
                "rds:CreateDBSnapshot",
                "rds:DeleteDBInstance",
                "rds:DeleteDBSnapshot",
                "rds:ModifyDBInstance",
            ],
            [*databases, *snapshots],
            StringEquals=ours,
        ),
        allow("ReadTags", ["rds:ListTagsForResource"], [*databases, *snapshots]),
    ]


def _deployments(places: _Places, ours: dict[str, str], making: dict[str, str]) -> list[Statement]:
    clusters = {"ecs:cluster": places.each("ecs", "cluster/{cluster}")}
    revisions = places("ecs", f"task-definition/{naming.ANY_NAMESPACE}:*")
    tasks = places.each("ecs", "task/{cluster}/*")
    services = places.each("ecs", f"service/{{cluster}}/{naming.ANY_NAMESPACE}")
    # A service's deployments, and its revisions as they are deployed.
    rollouts = places.each("ecs", f"service-*/{{cluster}}/{naming.ANY_NAMESPACE}/*")
    return [
        # Has no resource level; the tag says whose it will be.
        allow("RegisterOurRevisions", ["ecs:RegisterTaskDefinition"], "*", StringEquals=making),
        # Has neither a resource level nor a tag to ask for: only the reap's own look keeps it to ours.
        allow("ReapRevisions", ["ecs:DeregisterTaskDefinition"], "*"),
        # A task may take its tags from its revision, and then no request says them.
        allow("TagWhatIsMade", ["ecs:TagResource"], [*revisions, *tasks], StringEqualsIfExists=making),
        allow("RunOurRevisions", ["ecs:RunTask"], revisions, ArnEquals=clusters),
        allow("SeeAndStopTasks", ["ecs:DescribeTasks", "ecs:StopTask"], tasks, ArnEquals=clusters),
        # List by cluster: their resource is a container instance, which Fargate has none of, or nothing.
        allow("ListTasks", ["ecs:ListServices", "ecs:ListTasks"], "*", ArnEquals=clusters),
        allow("SeeServices", ["ecs:DescribeServices", "ecs:ListServiceDeployments"], services),
        allow("DeployOurServices", ["ecs:UpdateService"], services, StringEquals=ours),
        allow(
            "SeeAndStopRollouts",
            ["ecs:DescribeServiceDeployments", "ecs:DescribeServiceRevisions", "ecs:StopServiceDeployment"],
            rollouts,
        ),
    ]


def _secrets(places: _Places) -> list[Statement]:
    application = places("secretsmanager", *(f"secret:{name}" for name in naming.ANY_APPLICATION_SECRET))
    # RDS names the master secrets itself, after the instance's resource id.
    master = places("secretsmanager", "secret:rds!db-*")
    reading = ["kms:Decrypt", "kms:DescribeKey"]
    found = [
        allow(
            "ReadDatabaseCredentials",
            ["secretsmanager:GetSecretValue"],
            [*application, *master],
        )
    ]
    # What serves has to be able to come up again: its secrets are looked for, the generated values are not read.
    found.append(
        allow("SeeSecrets", ["secretsmanager:DescribeSecret"], places("secretsmanager", f"secret:{naming.ANY_SECRET}"))
    )
    via = {"kms:ViaService": places.via("rds", "secretsmanager")}
    if aliases := places.key_aliases():
        found.append(
            allow(
                "DecryptThroughPlatformKeys",
                reading,
                places("kms", "key/*"),
                StringEquals=via,
                **{"ForAnyValue:StringEquals": {"kms:ResourceAliases": aliases}},
            )
        )
    if keys := places.keys():
        found.append(allow("DecryptThroughNamedKeys", reading, keys, StringEquals=via))
    return found


def _pointers_and_locks(places: _Places, ours: dict[str, str]) -> list[Statement]:
    return [
        allow(
            "Pointers",
            [
                "ssm:AddTagsToResource",
                "ssm:GetParameter",
                "ssm:GetParameterHistory",
                "ssm:GetParameters",
                "ssm:GetParametersByPath",
                "ssm:ListTagsForResource",
                "ssm:PutParameter",
            ],
            # A listing by path is asked of the path itself.
            places("ssm", f"parameter{naming.PARAMETERS}", f"parameter{naming.ANY_PARAMETER}"),
        ),
        # The last thing of a namespace that is taken away.
        allow(
            "RemoveOurPointers",
            ["ssm:DeleteParameter"],
            places("ssm", f"parameter{naming.ANY_POINTER}"),
            StringEquals=ours,
        ),
        allow(
            "Locks",
            # A fingerprint is kept and forgotten as a whole; a lock is only ever updated.
            ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan", "dynamodb:UpdateItem"],
            [
                arn
                for name in places.platforms
                for arn in _Places({name: places.platforms[name]})("dynamodb", f"table/{naming.lock_table(name)}")
            ],
        ),
    ]


def _the_rest(places: _Places, ours: dict[str, str]) -> list[Statement]:
    return [
        allow(
            "OpenOurDatabasesToTheirService",
            ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"],
            places("ec2", "security-group/*"),
            StringEquals=ours,
        ),
        allow(
            "ReadOurLogs",
            ["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents", "logs:ListTagsForResource"],
            places("logs", f"log-group:{naming.ANY_LOG_GROUP}"),
        ),
        allow(
            "ReapOurs",
            ["logs:DeleteLogGroup", "secretsmanager:DeleteSecret"],
            [
                *places("logs", f"log-group:{naming.ANY_LOG_GROUP}"),
                *places("secretsmanager", f"secret:{naming.ANY_SECRET}"),
            ],
            StringEquals=ours,
        ),
        # A tenant's repositories have the tenant's own names, perhaps in another account and region.
        allow(
            "ResolveBuilds",
            ["ecr:BatchGetImage", "ecr:DescribeImages"],
            f"arn:{_partition(next(iter(places.platforms.values())).region)}:ecr:*:*:repository/*",
        ),
    ]

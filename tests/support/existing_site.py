"""A site as somebody set it up without snaplift: by the AWS APIs alone, with names of its own."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

import pymysql

from snaplift.stacks.outputs import PlatformOutputs
from tests.support.compute import BREAKER, ROLE
from tests.support.installation import ACCOUNT, ENVIRONMENTS, REGION, Installation, tenant
from tests.support.requests import eventually

NAME: Final = "shop"
DATABASE: Final = "shop-db"
HOST: Final = "www.shop.localhost"
SCHEMA: Final = "notes"


@dataclass
class ExistingSite:
    """An instance, a secret, a target group with its host rule, a task definition and a service."""

    installation: Installation
    environment: str
    account: dict[str, str] = field(default_factory=lambda: {"username": "shop", "password": "shop-secret-1"})
    secret: str = ""
    service: str = ""
    task_definition: str = ""

    @property
    def platform(self) -> PlatformOutputs:
        name = self.installation.cluster(self.environment)
        stacks = self.installation.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        return PlatformOutputs.read(name, {each["OutputKey"]: each["OutputValue"] for each in stacks[0]["Outputs"]})

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def port(self) -> int:
        return self.installation.platforms.platforms[self.installation.cluster(self.environment)].listener.port

    def set_up(self, **changes: Any) -> None:
        """Make all of it, and wait until it serves.

        :param changes: of the instance.
        """
        self.make_database(**changes)
        self._make_service()

    def make_database(self, **changes: Any) -> None:
        rds, platform = self.installation.client("rds"), self.platform
        rds.create_db_instance(
            DBInstanceIdentifier=DATABASE,
            Engine="mariadb",
            EngineVersion="10.11",
            DBInstanceClass="db.t4g.micro",
            AllocatedStorage=20,
            DBName=SCHEMA,
            MasterUsername="boss",
            MasterUserPassword="boss-secret-1",
            **{
                "StorageEncrypted": True,
                "KmsKeyId": platform.key_arn,
                "DBSubnetGroupName": platform.db_subnet_group_name,
                "DBParameterGroupName": platform.parameter_group("mariadb10.11"),
                **changes,
            },
        )
        eventually(lambda: self.instance()["DBInstanceStatus"] == "available", f"{DATABASE} is available")
        self.sql(
            f"CREATE USER '{self.account['username']}'@'%' IDENTIFIED BY '{self.account['password']}'",
            f"GRANT ALL PRIVILEGES ON `{SCHEMA}`.* TO '{self.account['username']}'@'%'",
            "CREATE TABLE notes (text VARCHAR(40))",
            "CREATE TABLE place (name VARCHAR(40))",
            "INSERT INTO place VALUES ('shop')",
            "INSERT INTO notes VALUES ('of the shop')",
        )
        secrets = self.installation.client("secretsmanager")
        self.secret = secrets.create_secret(Name="shop/db", SecretString=json.dumps(self.account))["ARN"]

    def instance(self) -> Any:
        return self.installation.client("rds").describe_db_instances(DBInstanceIdentifier=DATABASE)["DBInstances"][0]

    def sql(self, *statements: str) -> list[Any]:
        """Ask the database as its master user."""
        endpoint = self.instance()["Endpoint"]
        with (
            pymysql.connect(
                host=endpoint["Address"],
                port=endpoint["Port"],
                user="boss",
                password="boss-secret-1",
                database=SCHEMA,
                connect_timeout=5,
            ) as connection,
            connection.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)
            connection.commit()
            return list(cursor.fetchall())

    def register(self, **changes: Any) -> str:
        """Register its task definition, with what changes in its container."""
        endpoint = self.instance()["Endpoint"]
        environment = {
            "SITE_URL": self.url,
            "DB_HOST": endpoint["Address"],
            "DB_PORT": str(endpoint["Port"]),
            "DB_NAME": SCHEMA,
        }
        container = {
            "name": "web",
            "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/notes:stable",
            "portMappings": [{"containerPort": 8080}],
            "environment": [{"name": key, "value": value} for key, value in environment.items()],
            "secrets": [
                {"name": "DB_USER", "valueFrom": f"{self.secret}:username::"},
                {"name": "DB_PASSWORD", "valueFrom": f"{self.secret}:password::"},
            ],
            **changes,
        }
        answer = self.installation.client("ecs").register_task_definition(
            family=NAME,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn=self._role(),
            containerDefinitions=[container],
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def _role(self) -> str:
        iam = self.installation.client("iam")
        name = ROLE.rpartition("/")[2]
        try:
            return str(iam.get_role(RoleName=name)["Role"]["Arn"])
        except iam.exceptions.NoSuchEntityException:
            policy = {"Version": "2012-10-17", "Statement": []}
            return str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy))["Role"]["Arn"])

    def _make_service(self) -> None:
        elb, platform = self.installation.client("elbv2"), self.platform
        group = elb.create_target_group(
            Name=NAME,
            Protocol="HTTP",
            Port=80,
            VpcId=platform.vpc_id,
            TargetType="ip",
            HealthCheckPath="/healthz",
            HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        elb.modify_target_group_attributes(
            TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "2"}]
        )
        elb.create_rule(
            ListenerArn=platform.load_balancer("web").listener,
            Priority=7,
            Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": [HOST]}}],
            Actions=[{"Type": "forward", "TargetGroupArn": group}],
        )
        security_group = self.installation.client("ec2").create_security_group(
            GroupName=NAME, Description="the shop's tasks", VpcId=platform.vpc_id
        )["GroupId"]
        self.task_definition = self.register()
        self.service = self.installation.client("ecs").create_service(
            cluster=platform.cluster_name,
            serviceName=NAME,
            taskDefinition=self.task_definition,
            desiredCount=1,
            launchType="FARGATE",
            deploymentConfiguration=BREAKER,
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": platform.private_subnet_ids.split(","),
                    "securityGroups": [security_group],
                }
            },
            loadBalancers=[{"targetGroupArn": group, "containerName": "web", "containerPort": 8080}],
        )["service"]["serviceArn"]
        eventually(self._is_steady, "the shop serves")

    def _is_steady(self) -> bool:
        found = self.described()
        [deployment, *more] = found["deployments"]
        return not more and deployment["rolloutState"] == "COMPLETED" and self.ask()[0] == 200

    def described(self) -> Any:
        ecs, cluster = self.installation.client("ecs"), self.platform.cluster_name
        return ecs.describe_services(cluster=cluster, services=[NAME], include=["TAGS"])["services"][0]

    def tasks(self) -> dict[str, Any]:
        """When each of the service's tasks was started, by ARN."""
        ecs, cluster = self.installation.client("ecs"), self.platform.cluster_name
        arns = ecs.list_tasks(cluster=cluster, serviceName=NAME)["taskArns"]
        found = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
        return {each["taskArn"]: each["startedAt"] for each in found}

    def ask(self) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/", headers={"Host": f"{HOST}:{self.port}"})
            found = connection.getresponse()
            return found.status, found.read().decode()
        finally:
            connection.close()


def stand_up(installation: Installation, environment: str) -> ExistingSite:
    """Set the site up, and give the tenant an environment that is to go on with it."""
    described: dict[str, Any] = {
        **{name: {"platform": "platform-nonprod", "from": "dev"} for name in ENVIRONMENTS if name != "dev"},
        "dev": {"platform": "platform-nonprod"},
        environment: {"platform": "platform-nonprod", "from": "dev"},
    }
    installation.tenant = tenant(environments=described)
    made = ExistingSite(installation, environment)
    described[environment]["existing"] = {"service": NAME, "url": made.url}
    installation.tenant = tenant(environments=described)
    made.set_up()
    return made


class Visitors:
    """Somebody who asks a site over and over, and remembers what failed."""

    def __init__(self, site: ExistingSite) -> None:
        self.site = site
        self.asked = 0
        self.failed: list[str] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Visitors:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._end.is_set():
            self.asked += 1
            try:
                status, body = self.site.ask()
                if status != 200:
                    self.failed.append(f"{status} {body}")
            except OSError as error:
                self.failed.append(str(error))
            time.sleep(0.02)

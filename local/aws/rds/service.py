"""RDS as one extension of the server: its operations, put where ministack looks for them."""

import functools
import logging

from local.aws.query import Operation, QueryService
from local.aws.rds import cloudformation
from local.aws.rds.core import Core
from local.aws.rds.engine import Engine
from local.aws.rds.groups import ParameterGroups, Tags, describe_engine_versions
from local.aws.rds.instances import Instances
from local.aws.rds.modify import Modification
from local.aws.rds.patches import Ministack
from local.aws.rds.snapshots import Snapshots
from local.aws.server import Server

# Seconds. AWS takes minutes for each; here they are long enough to be seen.
_DELAYS = {
    "rds.create": 1.0,
    "rds.restore": 1.0,
    "rds.backup": 0.5,
    "rds.modify": 0.5,
    "rds.reboot": 0.3,
    "rds.snapshot": 1.0,
    "rds.delete": 0.5,
}
_BAD_ENDS = (
    "failed",
    "incompatible-network",
    "incompatible-option-group",
    "incompatible-parameters",
    "incompatible-restore",
    "inaccessible-encryption-credentials",
    "storage-full",
)

_log = logging.getLogger(__name__)


def install(server: Server) -> None:
    """Let ``server`` answer RDS, and CloudFormation's AWS::RDS::DBInstance, with MariaDB servers.

    :raises local.aws.patching.Incompatible: ministack lacks something that this builds on
    """
    for name, seconds in _DELAYS.items():
        server.delays.declare(name, seconds)
    server.failures.declare("rds.create", *_BAD_ENDS)
    server.failures.declare("rds.restore", *_BAD_ENDS)
    server.failures.declare("rds.snapshot", "failed")
    ministack = Ministack()
    core = Core(server, Engine(server.processes, server.state.scratch / "rds", server.state.logs), ministack)
    instances, modification, snapshots = Instances(core), Modification(core), Snapshots(core)
    service = QueryService("rds", "http://rds.amazonaws.com/doc/2014-10-31/")
    tags = Tags(core)
    operations = _operations(core, instances, modification, snapshots, tags)
    ministack.answer_actions(
        {name: service.handler(name, function) for name, function in operations.items()},
        by_aws={"AddTagsToResource": service.handler("AddTagsToResource", tags.add_as_aws)},
    )
    cloudformation.install(service, core, instances, modification)
    server.background.start("rds template", lambda: _log.debug("template %s", core.engine.prepare()))


def _operations(
    core: Core, instances: Instances, modification: Modification, snapshots: Snapshots, tags: Tags
) -> dict[str, Operation]:
    groups = ParameterGroups(core)
    return {
        "CreateDBInstance": instances.create,
        "RestoreDBInstanceFromDBSnapshot": instances.restore,
        "DescribeDBInstances": instances.describe,
        "ModifyDBInstance": modification.modify,
        "RebootDBInstance": instances.reboot,
        "DeleteDBInstance": instances.delete,
        "CreateDBSnapshot": snapshots.create,
        "DescribeDBSnapshots": snapshots.describe,
        "DeleteDBSnapshot": snapshots.delete,
        "CreateDBParameterGroup": groups.create,
        "DescribeDBParameterGroups": groups.describe,
        "ModifyDBParameterGroup": groups.modify,
        "ResetDBParameterGroup": groups.reset,
        "DeleteDBParameterGroup": groups.delete,
        "AddTagsToResource": tags.add,
        "RemoveTagsFromResource": tags.remove,
        "ListTagsForResource": tags.list_for,
        "DescribeDBEngineVersions": functools.partial(describe_engine_versions, core),
    }

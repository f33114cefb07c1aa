"""RDS's pages."""

from __future__ import annotations

from airflow.providers.amazon.aws.links.base_aws import BASE_AWS_CONSOLE_LINK

from snaplift.aws.links.base import ConsoleLink


class InstanceLink(ConsoleLink):
    """A database instance."""

    name = "RDS instance"
    key = "rds_instance"
    format_str = BASE_AWS_CONSOLE_LINK + "/rds/home?region={region_name}#database:id={instance};is-cluster=false"


class SnapshotLink(ConsoleLink):
    """A snapshot of an instance."""

    name = "RDS snapshot"
    key = "rds_snapshot"
    format_str = BASE_AWS_CONSOLE_LINK + "/rds/home?region={region_name}#db-snapshot:id={snapshot}"

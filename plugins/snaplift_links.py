"""Mounts the links from tasks to what they made, so that Admin → Plugins lists them."""

from airflow.plugins_manager import AirflowPlugin

from snaplift.aws.links.outcome import LINKS


class SnapliftLinks(AirflowPlugin):
    name = "snaplift_links"
    operator_extra_links = [link() for link in LINKS]  # noqa: RUF012  # as the base has it

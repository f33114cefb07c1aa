"""The DAGs of one shard's tenants; the shard is in this file's name. Airflow's safe mode looks for the words DAG and
airflow in a file's own text, and what is imported here is imported before Airflow forks a process for each file."""

import airflow.providers.amazon.aws.hooks.base_aws
import airflow.sdk  # noqa: F401

from snaplift.pipelines.loading import tenant_dags

globals().update(tenant_dags(__file__))

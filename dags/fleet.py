"""The DAGs that belong to no tenant. No tenant's configuration can break this file."""

import airflow.providers.amazon.aws.hooks.base_aws
import airflow.sdk  # noqa: F401

from snaplift.pipelines.loading import fleet_dags

globals().update(fleet_dags(__file__))

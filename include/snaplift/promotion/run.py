"""The run that a promotion belongs to."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from snaplift import naming


class Run(BaseModel):
    """One DAG run, the same at every retry and after a clear."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    installation: str
    dag_id: str
    run_id: str

    @property
    def token(self) -> str:
        """What the lock is held by."""
        return f"{self.installation}|{self.dag_id}|{self.run_id}"

    @property
    def tenant(self) -> str | None:
        """Whose DAG it is of; none: no tenant's."""
        return naming.tenant_of_dag(self.dag_id)

    @property
    def hash(self) -> str:
        """Eight hexadecimal digits, for names and tags."""
        return naming.run_hash(self.dag_id, self.run_id)

    def __str__(self) -> str:
        return f"{self.dag_id} {self.run_id}"

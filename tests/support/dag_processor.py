"""Parse DAG files as Airflow's DAG processor does: a process forked for each, which sends its DAGs back serialized.

python -m tests.support.dag_processor FILE...   prints a line of JSON for each file
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest.mock import MagicMock

DEADLINE_SECONDS = 50.0
"""Airflow's own for one file (``dag_processor.dag_file_processor_timeout``)."""


@dataclass(frozen=True)
class Parsed:
    """What one file gave."""

    file: str
    dags: list[str]
    errors: dict[str, str]
    bytes: int
    """Of its DAGs as they are stored."""
    seconds: float
    megabytes: float
    """The most that its process had (RSS)."""


def parse(files: Iterable[Path], home: Path, configuration: Path) -> Iterator[Parsed]:
    """Parse files in an Airflow of their own."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "SNAPLIFT_CONFIG": str(configuration),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    done = subprocess.run(
        [sys.executable, "-m", __name__, *map(str, files)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            yield Parsed(**json.loads(line))


def _parse(file: Path) -> Parsed:
    import structlog
    from airflow.dag_processing.processor import DagFileProcessorProcess

    begun, most = time.monotonic(), 0
    process = DagFileProcessorProcess.start(
        id=1,
        path=file,
        bundle_path=file.parent,
        bundle_name="dags",
        dag_file_rel_path=file.name,
        callbacks=[],
        logger=structlog.get_logger(),
        logger_filehandle=MagicMock(),
        client=MagicMock(),
    )
    while not process.is_ready:
        process._service_subprocess(0.05)
        most = max(most, _resident(process.pid))
        if time.monotonic() - begun > DEADLINE_SECONDS:
            process.kill()
            raise TimeoutError(f"{file} takes longer than {DEADLINE_SECONDS:.0f} s")
    seconds, result = time.monotonic() - begun, process.parsing_result
    if result is None:
        raise RuntimeError(f"{file} gave no result")
    return Parsed(
        file=file.name,
        dags=sorted(dag.dag_id for dag in result.serialized_dags),
        errors=dict(result.import_errors or {}),
        bytes=sum(len(json.dumps(dag.data)) for dag in result.serialized_dags),
        seconds=seconds,
        megabytes=most / 2**20,
    )


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps(asdict(_parse(Path(name)))), flush=True)

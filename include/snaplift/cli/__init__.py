"""The command line: ``snaplift``, or ``python -m snaplift``.

Nothing here imports Airflow: a check of the configuration takes a fraction of a second, in CI and in an editor.
"""

from snaplift.cli.app import app

__all__ = ["app"]

"""No DAG of airflow's: it only raises, so that broken configuration files are shown as an import error.

A file that raises registers nothing. So this is a file of its own, and the tenants whose files are in order have their
DAGs from the others.
"""

import os
from pathlib import Path

from snaplift.config.errors import InvalidConfiguration
from snaplift.config.loading import find_configuration, load_configuration

if errors := load_configuration(find_configuration(Path(__file__).parent, os.environ)).errors:
    raise InvalidConfiguration(errors)

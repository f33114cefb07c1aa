#!/usr/bin/env bash
# Install the system packages that are missing, starting no service. Options and statuses: local/setup/__main__.py
set -euo pipefail
cd "$(dirname "$0")/../.."
for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
  if command -v "$python" >/dev/null; then
    exec "$python" -B -m local.setup "$@"
  fi
done
echo "packages: no Python was found: install one, or say which: make PYTHON=/path/to/python3.12" >&2
exit 1

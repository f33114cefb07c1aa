#!/usr/bin/env bash
# Write every lock: exact versions with hashes, for each Python and platform that the ranges allow.
# No index is named in them, so that each machine takes its own.
set -euo pipefail
cd "$(dirname "$0")/../.."

lock() {
  local out=$1
  shift
  echo "locking $out"
  {
    echo "# Locked by 'make requirements'; the ranges are in $(basename "$1")."
    "${UV:-uv}" pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
      --no-header --no-annotate --no-emit-index-url --no-emit-find-links "$@"
  } >"$out.new"
  mv "$out.new" "$out"
}

lock requirements.txt pyproject.toml
lock requirements-dev.txt pyproject.toml --extra dev --constraints requirements.txt
lock docker/requirements.txt pyproject.toml --extra celery --constraints requirements.txt
lock local/setup/requirements.txt local/setup/requirements.in
lock local/aws/requirements.txt local/aws/requirements.in

#!/usr/bin/env bash
# Make or renew the Python environments, from the locks alone; at once when nothing has changed.
#   .venv-tools  uv, by pip        .venv  product and development        .venv-aws  the laptop's AWS
set -euo pipefail
cd "$(dirname "$0")/../.."
export UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1

main() {
  local python
  python=$(find_python)
  environment .venv-tools "$python" local/setup/requirements.txt
  environment .venv "$python" requirements-dev.txt pyproject.toml
  environment .venv-aws "$python" local/aws/requirements.txt
}

# environment DIR PYTHON LOCK [FILE…]: the stamp says what was installed, and is written last.
environment() {
  local dir=$1 python=$2 lock=$3 wanted began=$SECONDS
  shift 2
  wanted=$("$python" --version && sha256sum "$@" local/setup/environments.sh)
  if [[ -x $dir/bin/python && "$(cat "$dir/.installed" 2>/dev/null)" == "$wanted" ]]; then
    return
  fi
  echo "$dir: installing $(grep -c '==' "$lock") packages from $lock"
  rm -f "$dir/.installed"
  "$dir/bin/python" -c 'pass' 2>/dev/null || rm -rf "$dir"
  if [[ $dir == .venv-tools ]]; then
    install_tools "$python" "$dir" "$lock"
  else
    install_locked "$python" "$dir" "$lock"
    if [[ " $* " == *" pyproject.toml "* ]]; then
      install_project "$dir"
    fi
  fi
  echo "$wanted" >"$dir/.installed"
  echo "$dir: ready after $((SECONDS - began)) s"
}

install_tools() {
  [[ -x $2/bin/pip ]] || "$1" -m venv "$2"
  "$2/bin/pip" install --quiet --require-hashes --requirement "$3"
}

install_locked() {
  [[ -x $2/bin/python ]] || .venv-tools/bin/uv venv --quiet --python "$1" "$2"
  .venv-tools/bin/uv pip sync --python "$2/bin/python" --require-hashes --compile-bytecode "$3" && return
  # uv does not read pip's configuration, in which a machine may name its only way to the packages.
  echo "$2: uv could not; trying pip, which takes some minutes"
  .venv-tools/bin/pip --python "$2/bin/python" install --no-deps --require-hashes --requirement "$3"
}

# By what was just locked and installed: nothing is fetched to build it.
install_project() {
  .venv-tools/bin/uv pip install --quiet --python "$1/bin/python" --offline --no-deps --no-build-isolation --editable .
}

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return
    fi
  done
  echo "no Python 3.11 to 3.14 was found: install one, or say which: make PYTHON=/path/to/python3.12" >&2
  return 1
}

main

#!/usr/bin/env bash
# Write .env with secrets of your own for docker-compose.yaml. One that is there is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -e .env ]]; then
  echo ".env is there: nothing was changed"
  exit 0
fi
umask 077
python3 - .env.example >.env.new <<'PYTHON'
import base64, os, re, secrets, sys

kinds = {
    "fernet": lambda: base64.urlsafe_b64encode(os.urandom(32)).decode(),
    "hex": lambda: secrets.token_hex(32),
    "password": lambda: secrets.token_urlsafe(18),
}
with open(sys.argv[1]) as example:
    for line in example:
        wanted = re.fullmatch(r"([A-Z_]+)=  # (fernet|hex|password)\n", line)
        print(f"{wanted[1]}={kinds[wanted[2]]()}" if wanted else line, end="\n" if wanted else "")
PYTHON
mv .env.new .env
echo ".env was written: it holds secrets and is not for git"

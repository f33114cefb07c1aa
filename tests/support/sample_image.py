"""A small program that serves, fails or ends as its environment and arguments say, as an image."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from local.aws.ecr.push import push

_PROGRAM = """\
import http.server, json, os, signal, sys, threading, time

if sys.argv[1:2] == ["exit"]:
    print("exits with", sys.argv[2], flush=True)
    sys.exit(int(sys.argv[2]))
if sys.argv[1:2] == ["hang"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
mode = os.environ.get("MODE")
if mode == "crash":
    sys.exit("cannot start")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        sick = mode == "sick" or os.path.exists(os.environ.get("SICK", "/nowhere"))
        status = 503 if sick and self.path == "/healthz" else 200
        if self.path.startswith("/slow/"):
            time.sleep(float(self.path.removeprefix("/slow/")))
        answer = os.environ.get("ANSWER")
        if self.path == "/seen":
            answer = {"environment": dict(os.environ), "headers": dict(self.headers)}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False


server = Server((os.environ["SNAPLIFT_TASK_ADDRESS"], 8080), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print("serves", flush=True)
server.serve_forever()
server.server_close()
"""


def push_image(endpoint: str, folder: Path, repository: str = "site") -> str:
    """Push the sample program and return the reference by which a task definition names it."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "program"
    program.write_text(f"#!{sys.executable} -IS\n{_PROGRAM}")
    program.chmod(0o755)
    (folder / "image.json").write_text(json.dumps({"entrypoint": ["./program"]}))
    digest = push(endpoint=endpoint, repository=repository, tag="latest", folder=folder)
    return f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{repository}@{digest}"

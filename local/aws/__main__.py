"""Command line: ``python -m local.aws serve | push | sweep``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit status."""
    options = _parser().parse_args(arguments)
    if options.command == "serve":
        from local.aws.server import Settings, serve

        return serve(Settings(port=options.port, state_dir=options.state_dir.resolve()))
    if options.command == "sweep":
        from local.aws.state import sweep

        print(f"stopped {sweep(options.state_dir.resolve())} processes of an earlier run")
        return 0
    from local.aws.ecr.push import push

    print(push(endpoint=options.endpoint, repository=options.repository, tag=options.tag, folder=options.folder))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.aws", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    serve = commands.add_parser("serve", help="answer the AWS APIs on 127.0.0.1 until SIGTERM or SIGINT")
    serve.add_argument("--port", type=int, default=4566)
    serve.add_argument("--state-dir", type=Path, default=Path(".aws-local"))

    sweep = commands.add_parser("sweep", help="end what a run that was killed has left behind")
    sweep.add_argument("--state-dir", type=Path, default=Path(".aws-local"))

    push = commands.add_parser("push", help="push an image folder into ECR and print its digest")
    push.add_argument("--endpoint", default="http://127.0.0.1:4566")
    push.add_argument("--repository", required=True)
    push.add_argument("--tag", required=True)
    push.add_argument("folder", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())

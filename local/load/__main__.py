"""`python -m local.load SITE`: visit a site until stopped; one line of JSON at the end, status 1 if any failed."""

import argparse
import json
import signal
import sys
import threading

from local.load.generator import Load, Request
from local.load.site import new_record
from local.load.target import Target


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m local.load", description=__doc__)
    parser.add_argument("site", help="like http://xy-0146-qa.localhost:8088; loopback only")
    parser.add_argument("--path", action="append", help="a path to ask for; again for more, in turn (/)")
    parser.add_argument("--post", action="append", default=[], help="a path to post a JSON title to; again for more")
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second (%(default)s)")
    parser.add_argument("--seconds", type=float, help="how long (until SIGINT or SIGTERM)")
    parser.add_argument("--connect-to", metavar="ADDRESS:PORT", help="where the site answers")
    arguments = parser.parse_args(argv)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    requests = [Request(path) for path in arguments.path or ["/"]]
    requests += [new_record(path) for path in arguments.post]
    try:
        target = Target(arguments.site, arguments.connect_to)
        load = Load(target, requests, rate=arguments.rate).start()
    except ValueError as error:
        parser.error(str(error))
    stopping.wait(arguments.seconds)
    seen = load.stop()
    acknowledged = [write.id for write in load.ledger.acknowledged()]
    print(json.dumps({**seen.as_dict(), **({"acknowledged": acknowledged} if arguments.post else {})}))
    return 1 if seen.failed or not seen.requests else 0


if __name__ == "__main__":
    sys.exit(main())

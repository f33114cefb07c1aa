"""`python -m local.images build SITE OUT [--variant VARIANT]`."""

import argparse
import sys
from pathlib import Path

from local.images.build import SITES, VARIANTS, BuildError, build


def main(argv: list[str] | None = None) -> int:
    """Run the command line; 0 when the image stands, 1 with one sentence when it does not."""
    parser = argparse.ArgumentParser(prog="python -m local.images", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    builder = verbs.add_parser("build", help="make an image folder")
    builder.add_argument("site", metavar="SITE", help=", ".join(SITES))
    builder.add_argument("out", metavar="OUT", type=Path, help="the folder to make or to replace")
    builder.add_argument("--variant", help=", ".join(VARIANTS))
    arguments = parser.parse_args(argv)
    try:
        print(build(arguments.site, arguments.out, arguments.variant))
    except (BuildError, OSError) as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

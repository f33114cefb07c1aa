"""Command line: ``python -m tests.model`` plays for a number of steps and says what it played."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time

from tests.support.totals import hand_over

STEPS = 10_000


def main() -> int:
    """Play at least so many steps. Returns the exit status: 0 if everything held."""
    # Before Airflow is imported: its hooks would say each of some hundred thousand calls.
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "CRITICAL"
    from tests.model.trial import play

    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    seed = os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10_000)
    parser.add_argument("--seed", type=int, default=int(seed))
    options = parser.parse_args()
    print(f"the model: at least {options.steps} steps, seed {options.seed} (CHAOS_SEED)", flush=True)
    began = time.monotonic()
    played = play(steps=options.steps, seed=options.seed)
    print("\n".join(played.lines()))
    print(f"{played.steps} steps in {time.monotonic() - began:.0f} s: {'broke' if played.broke else 'all held'}")
    hand_over(steps=played.steps, **{ending: played.endings[ending] for ending in ("green", "aborted", "refused")})
    return 1 if played.broke else 0


if __name__ == "__main__":
    sys.exit(main())

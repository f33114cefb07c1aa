"""The whole of ``make chaos`` fails when any part of it fails, hangs, says nothing or finds something."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import parts
from tests.chaos.parts import Part, play
from tests.chaos.verdict import WANTED

GOOD: dict[str, dict[str, float]] = {
    "access": {"requests": 900, "failed": 0, "longest_gap": 0.4, "acknowledged": 300, "lost_unannounced": 0},
    "model": {"steps": 10_000, "green": 900, "aborted": 2000, "refused": 100},
    "processes": {"kills": 6, "endings": 12, "orphans": 0},
    "sweep": {"planned": 800, "tried": 800, "held": 800, "missed": 0, "orphans": 0, "lost_writes": 0},
}
END = "import json, os; open(os.environ['CHAOS_TOTALS'], 'w').write({!r}); print('seed', os.environ['CHAOS_SEED'])"


def part(name: str, script: str = "", figures: Mapping[str, float] | None = None) -> Part:
    """A part that does what a script says, or writes good totals with some figures replaced."""
    script = script or END.format(json.dumps({**GOOD[name], **(figures or {})}))
    return Part(name, lambda _: (sys.executable, "-c", script))


def stages(*others: Part) -> list[list[Part]]:
    """All parts, good but for the others."""
    replaced = {other.name: other for other in others}
    access, *rest = (replaced.get(name, part(name)) for name in WANTED)
    return [[access], rest]


def test_all_parts_that_are_good_hold_with_the_seed_that_repeats_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert play(seed=42, sample=None, stages=stages())
    said = capsys.readouterr().out
    assert "sweep     | seed 42" in said
    assert re.search(r"points tried +800 of 800\n", said)
    assert re.search(r"orphans left +0\n", said)
    assert re.search(r"seed +42; again: make chaos CHAOS_SEED=42\nverdict +held\n$", said)


@pytest.mark.parametrize(
    ("name", "figures", "words"),
    [
        ("access", {"failed": 1}, "access: 1 requests failed"),
        ("access", {"longest_gap": 1.0}, "access: visitors waited 1.00 s"),
        ("access", {"lost_unannounced": 2}, "access: 2 acknowledged writes are lost"),
        ("access", {"requests": 0}, "access: requests is 0"),
        ("model", {"green": 0}, "model: green is 0"),
        ("processes", {"orphans": 1}, "processes: 1 orphans are left"),
        ("sweep", {"held": 799}, "sweep: 1 of 800 points did not hold"),
        ("sweep", {"tried": 799, "held": 799}, "sweep: only 799 of 800 points were tried"),
        ("sweep", {"lost_writes": 3}, "sweep: 3 writes are lost"),
        ("sweep", {"tried": 0, "held": 0, "planned": 0}, "sweep: tried is 0"),
    ],
)
def test_what_a_part_found_fails_the_whole(
    capsys: pytest.CaptureFixture[str], name: str, figures: dict[str, float], words: str
) -> None:
    assert not play(seed=1, sample=None, stages=stages(part(name, figures=figures)))
    assert words in capsys.readouterr().out.partition("DID NOT HOLD")[2]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (f"{END.format(json.dumps(GOOD['model']))}; raise SystemExit(3)", "model ended with status 3"),
        ("print('well')", "model did not say its totals: steps, green, aborted, refused"),
        ("import os; os.kill(os.getpid(), 9)", "model ended with status -9"),
        ("import os; open(os.environ['CHAOS_TOTALS'], 'w').write('{')", "model did not say its totals"),
    ],
)
def test_a_part_that_fails_or_says_nothing_fails_the_whole(
    capsys: pytest.CaptureFixture[str], script: str, words: str
) -> None:
    assert not play(seed=1, sample=None, stages=stages(part("model", script)))
    assert words in capsys.readouterr().out.partition("DID NOT HOLD")[2]


def test_a_part_that_is_not_run_fails_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert not play(seed=1, sample=None, stages=stages()[:1])
    assert "sweep was not run" in capsys.readouterr().out


def test_a_part_that_hangs_is_ended_in_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "SECONDS", 3.0)
    monkeypatch.setattr(parts, "_GRACE", 0.5)
    deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)"
    began = time.monotonic()
    assert not play(seed=1, sample=None, stages=stages(part("processes", deaf)))
    assert time.monotonic() - began < 20
    assert "processes did not come to its end" in capsys.readouterr().out


def test_a_sample_says_that_it_is_one_and_may_leave_points_untried(capsys: pytest.CaptureFixture[str]) -> None:
    assert play(seed=1, sample=60, stages=stages(part("sweep", figures={"tried": 100, "held": 100})))
    assert "100 of 800, a sample: CHAOS_SECONDS was given" in capsys.readouterr().out


def test_a_part_is_told_what_is_left_of_the_time() -> None:
    told: dict[str, Any] = {}

    def command(left: float) -> tuple[str, ...]:
        told["left"] = left
        return sys.executable, "-c", ""

    play(seed=1, sample=None, stages=[[Part("sweep", command)]])
    assert parts.SECONDS - 5 < told["left"] <= parts.SECONDS
    play(seed=1, sample=60, stages=[[Part("sweep", command)]])
    assert told["left"] - parts.CLOSING == 60


ALONE = """
import sys
from tests.chaos.parts import Part, whole
names = ("model", "sweep")
parts = [Part(name, lambda _: (sys.executable, "-c", {0!r})) for name in names]
raise SystemExit(whole(seed=1, sample=None, stages=[parts]))
"""
STARTS_ANOTHER = """
import subprocess, sys, time
sleep = "import time; time.sleep(60)"
subprocess.Popen([sys.executable, "-c", sleep], start_new_session=True)
print("up", flush=True)
exec(sleep)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_all_parts_and_what_they_started(tmp_path: Path, number: signal.Signals) -> None:
    log = tmp_path / "said"
    mark = f"CHAOS_TEST={tmp_path}"
    with log.open("w") as output:
        running = subprocess.Popen(
            [sys.executable, "-c", ALONE.format(STARTS_ANOTHER)],
            stdout=output,
            env={**os.environ, "PYTHONPATH": ".", "CHAOS_TEST": str(tmp_path)},
        )
        deadline = time.monotonic() + 30
        while log.read_text().count("up") < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        running.send_signal(number)
        assert running.wait(60) == 1
    said = log.read_text()
    assert "model did not come to its end" in said
    assert "left running, and ended" in said
    assert [pid for pid in os.listdir("/proc") if pid.isdigit() and mark.encode() in environment(pid)] == []


def environment(pid: str) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []

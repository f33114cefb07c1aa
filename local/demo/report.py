"""What the demo found, as a table for people and as JSON for programs. Every figure was measured in that run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from local.demo.progress import Stage
from local.demo.truths import Truth


@dataclass(frozen=True)
class SiteFound:
    """A site at the end."""

    environment: str
    release: str | None
    posts: int
    address: str


@dataclass(frozen=True)
class Promotion:
    """A promotion that the demo made."""

    words: str
    environment: str
    release: str
    build: str
    state: str
    expected: str
    seconds: float
    aws_seconds: float
    """While it waited for AWS and nothing of it ran."""
    requests: int
    """That visitors made meanwhile, of every site that was up."""
    failed_requests: int
    reason: str = ""
    expected_reason: tuple[str, ...] = ()
    """What the reason must say, so that a promotion that was to fail failed for that and nothing else."""
    steps: dict[str, float] = field(default_factory=dict)

    @property
    def unexpected(self) -> tuple[str, ...]:
        """What was otherwise than expected."""
        checks = {
            f"ended {self.state}, expected {self.expected}": self.state == self.expected,
            f"{self.failed_requests} requests failed": self.failed_requests == 0,
            "nobody visited a site meanwhile": self.requests > 0,
        }
        checks |= {f"its reason does not say '{words}'": words in self.reason for words in self.expected_reason}
        return tuple(problem for problem, fine in checks.items() if not fine)


@dataclass
class Report:
    """The whole."""

    tenant: str
    sites: list[SiteFound] = field(default_factory=list)
    promotions: list[Promotion] = field(default_factory=list)
    truths: list[Truth] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    seconds: float = 0.0
    airflow: str = ""
    user: str = ""

    @property
    def all_true(self) -> bool:
        """Whether every line of it is as it has to be."""
        everything = [not promotion.unexpected for promotion in self.promotions] + [
            truth.holds for truth in self.truths
        ]
        return bool(everything) and all(everything)

    def write(self, file: Path) -> None:
        """Write it as JSON. There is no password in it."""
        file.write_text(json.dumps(asdict(self) | {"all_true": self.all_true}, indent=2, ensure_ascii=False) + "\n")

    def lines(self, password: str) -> Iterator[str]:
        """It as text."""
        yield f"{self.tenant:<24}{'active release':<20}{'posts':>6}   site"
        for site in self.sites:
            yield f"  {site.environment:<22}{site.release or '-':<20}{site.posts:>6}   {site.address}"
        yield ""
        yield from _promotion_lines(self.promotions)
        yield ""
        for truth in self.truths:
            found = "".join(f"; found: {one}" for one in truth.found)
            yield f"  {'yes' if truth.holds else 'NO '}  {truth.words}{found}"
        yield ""
        yield f"{self.seconds:.0f} s in all: " + ", ".join(
            f"{stage.words} {stage.seconds:.0f} s" for stage in self.stages
        )
        yield f"Airflow  {self.airflow}   user {self.user}   password {password}"


def _promotion_lines(promotions: Sequence[Promotion]) -> Iterator[str]:
    for one in promotions:
        yield (
            f"{one.words:<56}{one.seconds:>4.0f} s, of which AWS {one.aws_seconds:>3.0f} s   "
            f"requests {one.requests:>6,}, failed {one.failed_requests}"
        )
        if one.reason:
            yield f"  {one.reason}"
        if one.unexpected:
            yield f"  NOT AS EXPECTED: {'; '.join(one.unexpected)}"

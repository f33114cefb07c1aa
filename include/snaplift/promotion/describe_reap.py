"""A reap in words, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from snaplift.promotion.reaping import Action, Verdict

EXAMPLES = 20
"""Rows of each table of a summary; the log has all."""


def describe(
    verdicts: Sequence[Verdict], going: Sequence[Verdict], rest: Sequence[Verdict], most: int | None = EXAMPLES
) -> str:
    """Say what goes, what waits, and what is kept and why, in Markdown. What it costs is not told yet.

    :param rest: what would go, but for the cap or the platform that was asked for.
    :param most: rows of a table; None: all.
    """
    by_action = {action: [each for each in verdicts if each.action is action] for action in Action}
    parts = [
        _table("Goes now", going, most),
        _table("Would go, but is more than this run's cap", rest, most),
        _table("Marked now: nothing refers to it", by_action[Action.MARK], most),
        _table("Marked before", by_action[Action.WAIT], most),
        _table("Quarantined: reported, and never touched by itself", by_action[Action.QUARANTINE], most),
        _kept(by_action[Action.KEEP], most),
    ]
    return "\n\n".join(filter(None, parts)) or "There is nothing."


def _table(title: str, verdicts: Sequence[Verdict], most: int | None) -> str:
    if not verdicts:
        return ""
    shown = verdicts if most is None else verdicts[:most]
    rows = [f"| {each.thing.kind.replace('_', ' ')} | `{each.thing.name}` | {each.why} |" for each in shown]
    more = [f"| | and {len(verdicts) - len(shown)} more | |"] if len(shown) < len(verdicts) else []
    return "\n".join([f"**{title}** ({len(verdicts)})", "", "| what | name | why |", "|---|---|---|", *rows, *more])


def _kept(verdicts: Iterable[Verdict], most: int | None) -> str:
    """The kept, by reason: there are many, for few reasons."""
    by_reason: dict[str, list[str]] = {}
    for each in verdicts:
        by_reason.setdefault(each.why, []).append(str(each.thing))
    rows = list(_rows(by_reason, 3 if most else None))
    shown = rows if most is None else rows[:most]
    more = [f"| and {len(rows) - len(shown)} more reasons | | |"] if len(shown) < len(rows) else []
    head = [f"**Kept** ({sum(map(len, by_reason.values()))})", "", "| why | how many | which |", "|---|---|---|"]
    return "\n".join([*head, *shown, *more]) if rows else ""


def _rows(by_reason: dict[str, list[str]], examples: int | None) -> Iterator[str]:
    for why, things in sorted(by_reason.items()):
        shown = things if examples is None else things[:examples]
        yield f"| {why} | {len(things)} | {', '.join(shown)}{', …' if len(shown) < len(things) else ''} |"

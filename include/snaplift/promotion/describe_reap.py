"""A reap in words, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from snaplift.promotion.costs import Bill
from snaplift.promotion.estate import Thing
from snaplift.promotion.reaping import Action, Verdict

EXAMPLES = 20
"""Rows of each table of a summary; the log has all."""


def describe(
    verdicts: Sequence[Verdict],
    going: Sequence[Verdict],
    rest: Sequence[Verdict],
    bill: Bill,
    most: int | None = EXAMPLES,
    *,
    dry_run: bool = False,
) -> str:
    """Say what goes, what waits, what is kept and why, and what each costs a month, in Markdown.

    :param rest: what would go, but for the cap or the platform that was asked for.
    :param most: rows of a table; None: all.
    :param dry_run: nothing goes, and nothing is marked.
    """
    by_action = {action: [each for each in verdicts if each.action is action] for action in Action}
    groups = {
        "Would go" if dry_run else "Goes now": going,
        "Would go, but is more than this run's cap or on another platform": rest,
        f"{'Would be marked' if dry_run else 'Marked now'}: nothing refers to it": by_action[Action.MARK],
        "Marked before": by_action[Action.WAIT],
        "Quarantined: reported, and never touched by itself": by_action[Action.QUARANTINE],
    }
    kept = by_action[Action.KEEP]
    parts = [
        *(_table(title, found, bill, most) for title, found in groups.items()),
        _kept(kept, bill, most),
        _sums({**groups, "Kept": kept}, bill),
    ]
    return "\n\n".join(filter(None, parts)) or "There is nothing."


def _table(title: str, verdicts: Sequence[Verdict], bill: Bill, most: int | None) -> str:
    if not verdicts:
        return ""
    shown = verdicts if most is None else verdicts[:most]
    rows = [
        f"| {each.thing.kind.replace('_', ' ')} | `{each.thing.name}` | {each.why} | {_cost(each.thing, bill)} |"
        for each in shown
    ]
    more = [f"| | and {len(verdicts) - len(shown)} more | | |"] if len(shown) < len(verdicts) else []
    head = [f"**{title}** ({len(verdicts)})", "", "| what | name | why | a month |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, *more])


def _cost(thing: Thing, bill: Bill) -> str:
    """What it costs; empty: its kind costs nothing, or it has no price, which the sums tell."""
    return str(bill.cost(thing) or "")


def _kept(verdicts: Iterable[Verdict], bill: Bill, most: int | None) -> str:
    """The kept, by reason: there are many, for few reasons."""
    by_reason: dict[str, list[Thing]] = {}
    for each in verdicts:
        by_reason.setdefault(each.why, []).append(each.thing)
    rows = list(_rows(by_reason, bill, 3 if most else None))
    shown = rows if most is None else rows[:most]
    more = [f"| and {len(rows) - len(shown)} more reasons | | | |"] if len(shown) < len(rows) else []
    count = sum(map(len, by_reason.values()))
    head = [f"**Kept** ({count})", "", "| why | how many | which | a month |", "|---|---|---|---|"]
    return "\n".join([*head, *shown, *more]) if rows else ""


def _rows(by_reason: dict[str, list[Thing]], bill: Bill, examples: int | None) -> Iterator[str]:
    for why, things in sorted(by_reason.items()):
        shown = things if examples is None else things[:examples]
        names = [f"{each} ({cost})" if (cost := _cost(each, bill)) else str(each) for each in shown]
        more = ", …" if len(shown) < len(things) else ""
        yield f"| {why} | {len(things)} | {', '.join(names)}{more} | {bill.total(things)} |"


def _sums(groups: dict[str, Sequence[Verdict]], bill: Bill) -> str:
    """What each group costs together: what goes, saves it."""
    sums = {title: bill.total(each.thing for each in found) for title, found in groups.items()}
    rows = [f"| {title} | {cost} |" for title, cost in sums.items() if cost]
    if not rows:
        return ""
    parts = []
    if bill.as_of:
        dates = ", ".join(map(str, bill.as_of))
        head = f"**What databases and snapshots cost a month**, by the prices of {dates} in `platforms.yaml`"
        parts += [head, "", "| | a month |", "|---|---|", *rows, ""]
        parts += ["What goes saves as much, less the final snapshots that are taken of databases."]
    if bill.unpriced:
        parts += [f"What it costs on {', '.join(bill.unpriced)} is not told: `platforms.yaml` has no `prices` of it."]
    return "\n".join(parts)

"""Placeholders in a tenant's texts: ``${site_url}`` in values and commands, ``%(site_url)s`` in SQL."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from string import Template
from typing import Final

BUILT_IN: Final = ("environment", "namespace", "release", "site_url", "source_urls", "tenant")
"""Known everywhere, beside an environment's variables.

``source_urls``: the addresses of all environments that the data came through, the nearest first, separated by blanks.
``release``: empty where data is authored.
"""

_SQL_RE: Final = re.compile(r"%(?:(?P<escaped>%)|\((?P<named>[A-Za-z_][A-Za-z0-9_]*)\)s|(?P<invalid>\([^)]*\)?.?|))")


def text_problems(text: str, known: Collection[str]) -> Iterator[str]:
    """Say what is wrong with the placeholders of a text, which :class:`string.Template` will fill."""
    for found in Template.pattern.finditer(text):
        if found["invalid"] is not None:
            yield "a $ that begins no placeholder: expected ${name}, or $$ for a plain $"
        elif (name := found["named"] or found["braced"]) and name not in known:
            yield _unknown(found[0], name, known, "${{{}}}")


def sql_problems(statement: str, known: Collection[str]) -> Iterator[str]:
    """Say what is wrong with the placeholders of a statement, to which the driver will bind values."""
    for found in _SQL_RE.finditer(statement):
        if found["invalid"] is not None:
            yield "a % that begins no placeholder: expected %(name)s, or %% for a plain %"
        elif found["named"] and found["named"] not in known:
            yield _unknown(found[0], found["named"], known, "%({})s")


def _unknown(written: str, name: str, known: Collection[str], form: str) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    suggestion = f"; did you mean {form.format(near[0])}?" if near else ""
    shown = written if len(written) <= 60 else f"{written[:59]}…"
    return f"{shown} is not known: expected one of {', '.join(sorted(known))}{suggestion}"

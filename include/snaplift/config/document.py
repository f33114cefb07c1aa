"""Read a YAML file into plain values, with the place of each, whatever the file holds.

YAML is read from libyaml's events: that is some twenty times faster than a pure Python loader, nothing is constructed
that was not asked for, and a limit takes effect before the rest of the file is looked at. Only ``true`` and ``false``
are booleans and a number with leading zeros is text (an account's number), as in YAML 1.2's core schema; dates stay
text for the model to read.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 24
MAX_NODES: Final = 20_000

Location = tuple[str | int, ...]
Position = tuple[int, int]
"""Line and column, from 1."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
# The lengths keep int() and float() from texts that they refuse or round to infinity.
_INTEGER_RE: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_CONTROL_RE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FLOAT_RE: Final = re.compile(r"[-+]?[0-9]{1,17}\.[0-9]{1,17}([eE][-+]?[0-9]{1,2})?")


class Unreadable(ValueError):
    """A file is no YAML that is accepted here.

    :param position: line and column, from 1; none where the whole file is meant.
    """

    def __init__(self, message: str, position: Position = (0, 0)) -> None:
        self.position = position
        super().__init__(message)


@dataclass
class Document:
    """A file's values, and where each of them stands."""

    value: object
    positions: dict[Location, Position] = field(default_factory=dict)

    def position(self, location: Location) -> Position:
        """Find the line and column of a value, or else of the nearest section around it."""
        for length in range(len(location), -1, -1):
            if found := self.positions.get(location[:length]):
                return found
        return (1, 1)


def read_document(path: Path) -> Document:
    """Read a file.

    :raises Unreadable: it cannot be read, is too large, or is no YAML that is accepted here.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("expected a file")
        if status.st_size > MAX_BYTES:
            raise Unreadable(f"{status.st_size:,} bytes are too many: expected at most {MAX_BYTES:,}")
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror or error}") from None
    return parse(data)


def parse(data: bytes) -> Document:
    """Read a file's content.

    :raises Unreadable: it is too large, not UTF-8, or no YAML that is accepted here.
    """
    if len(data) > MAX_BYTES:
        raise Unreadable(f"{len(data):,} bytes are too many: expected at most {MAX_BYTES:,}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8", (line, 0)) from None
    try:
        return _Builder(text).document()
    except yaml.YAMLError as error:
        raise _explain(error, text) from None


def _explain(error: yaml.YAMLError, text: str) -> Unreadable:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Unreadable("a control character: expected printable text", (line, 0))
    if not isinstance(error, yaml.MarkedYAMLError):
        return Unreadable(f"is no YAML: {error}")
    lines = text.split("\n")
    marks = [mark for mark in (error.problem_mark, error.context_mark) if mark and mark.line < len(lines)]
    if not marks:
        return Unreadable(f"is no YAML: {error.problem}")
    mark = marks[0]
    position = (mark.line + 1, mark.column + 1)
    if lines[mark.line][mark.column : mark.column + 1] == "\t":
        return Unreadable("a tab: YAML is indented with spaces", position)
    words = ", ".join(word for word in (error.context, error.problem) if word)
    return Unreadable(f"is no YAML: {words}", position)


def _position(event: yaml.Event) -> Position:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _resolve(event: yaml.ScalarEvent) -> object:
    text: str = event.value
    if _CONTROL_RE.search(text):
        raise Unreadable("a control character, escaped: expected printable text", _position(event))
    if not event.implicit[0]:  # in quotes, or a block
        return text
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER_RE.fullmatch(text):
        return int(text)
    if _FLOAT_RE.fullmatch(text):
        return float(text)
    return text


class _Builder:
    """Builds one document's values from its events, within the limits."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._anchors: dict[str, tuple[object, int]] = {}
        self._document = Document(None)
        self._nodes = 0

    def document(self) -> Document:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if self._document.positions:
                    raise Unreadable("a second document ('---'): expected one in a file", _position(event))
                self._document.value = self._node(next(self._events), ())
        return self._document

    def _node(self, event: yaml.Event, location: Location) -> object:
        position = _position(event)
        self._document.positions.setdefault(location, position)  # a mapping's value stands where its key does
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._take(1, position)
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            raise Unreadable("expected a value", position)
        if event.tag is not None:
            raise Unreadable(f"a tag ({_short(event.tag)}): expected plain values only", position)
        if len(location) > MAX_DEPTH:
            raise Unreadable(f"nested too deeply: expected at most {MAX_DEPTH} levels", position)
        before = self._nodes
        value = self._value(event, location)
        if event.anchor:
            self._anchors[event.anchor] = (value, self._nodes - before + 1)
        return value

    def _value(self, event: yaml.NodeEvent, location: Location) -> object:
        if isinstance(event, yaml.ScalarEvent):
            return _resolve(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(location)
        return self._mapping(location)

    def _sequence(self, location: Location) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*location, len(items))))
        return items

    def _mapping(self, location: Location) -> dict[str, object]:
        found: dict[str, object] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event)
            if key in found:
                first = self._document.positions[(*location, key)][0]
                raise Unreadable(f"{_short(key)!r} is said twice, first in line {first}", _position(event))
            self._document.positions[(*location, key)] = _position(event)
            found[key] = self._node(next(self._events), (*location, key))
        return found

    def _key(self, event: yaml.Event) -> str:
        if not isinstance(event, yaml.ScalarEvent) or event.tag is not None or event.anchor:
            raise Unreadable("a field's name: expected plain text", _position(event))
        if event.value == "<<" and event.implicit[0]:
            raise Unreadable(
                "a merge key (<<): say the fields here, or for every tenant under 'defaults' in platforms.yaml",
                _position(event),
            )
        key: str = event.value
        return key

    def _alias(self, event: yaml.AliasEvent) -> object:
        if event.anchor not in self._anchors:
            raise Unreadable(f"*{_short(str(event.anchor))} refers to nothing that ends before it", _position(event))
        value, nodes = self._anchors[event.anchor]
        self._take(nodes, _position(event))  # what it stands for is looked at again, each time
        return value

    def _take(self, nodes: int, position: Position) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise Unreadable(f"too many values: expected at most {MAX_NODES:,}, aliases written out", position)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"

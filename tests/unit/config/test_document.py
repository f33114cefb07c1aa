"""Whatever a file holds, it is read within limits or refused with a place and a reason."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snaplift.config import document
from snaplift.config.document import Unreadable, parse, read_document

# Nine levels of nine aliases each: 9^9 values, were they written out.
ALIAS_BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (letter, letter, b", ".join([b"*%c" % (letter - 1)] * 9)) for letter in b"bcdefghi"
)
REFUSED = {
    "binary": (bytes(range(256)), (2, 0), "byte 0x80 is not UTF-8: save the file as UTF-8"),
    "UTF-16": ("a: 1".encode("utf-16"), (1, 0), "byte 0xff is not UTF-8: save the file as UTF-8"),
    "Latin-1": ("a: 1\nb: é".encode("latin-1"), (2, 0), "byte 0xe9 is not UTF-8: save the file as UTF-8"),
    "a NUL": (b"a: 1\nb: \x00", (2, 0), "a control character: expected printable text"),
    "an escaped NUL": (b'a: 1\nb: "\\0"', (2, 4), "a control character, escaped: expected printable text"),
    "a tab": (b"a:\n\tb: 1", (2, 1), "a tab: YAML is indented with spaces"),
    "a name twice": (b"a: 1\nb: 2\na: 3", (3, 1), "'a' is said twice, first in line 1"),
    "a name twice, further in": (b"a:\n  b: 1\n  'b': 2", (3, 3), "'b' is said twice, first in line 2"),
    "a tag of Python's": (
        b"a: !!python/object/apply:os.system [ls]",
        (1, 4),
        "a tag (tag:yaml.org,2002:python/object/apply:os.system): expected plain values only",
    ),
    "a tag on a name": (b"!!str a: 1", (1, 1), "a field's name: expected plain text"),
    "a list as a name": (b"[a]: 1", (1, 1), "a field's name: expected plain text"),
    "a merge key": (
        b"a: &a {x: 1}\nb:\n  <<: *a",
        (3, 3),
        "a merge key (<<): say the fields here, or for every tenant under 'defaults' in platforms.yaml",
    ),
    "an alias bomb": (ALIAS_BOMB, (5, 12), "too many values: expected at most 20,000, aliases written out"),
    "an alias of itself": (b"a: &a [*a]", (1, 8), "*a refers to nothing that ends before it"),
    "an alias of nothing": (b"a: *b", (1, 4), "*b refers to nothing that ends before it"),
    "brackets without end": (b"[" * 100_000, (1, 26), "nested too deeply: expected at most 24 levels"),
    "lists without end": (b"- " * 100_000, (1, 51), "nested too deeply: expected at most 24 levels"),
    "sections without end": (b"{a: " * 50_000, (1, 101), "nested too deeply: expected at most 24 levels"),
    "too many values": (
        b"- a\n" * 30_000,
        (20_000, 3),
        "too many values: expected at most 20,000, aliases written out",
    ),
    "too many bytes": (b"#" * 262_145, (0, 0), "262,145 bytes are too many: expected at most 262,144"),
    "two documents": (b"a: 1\n---\nb: 2", (2, 1), "a second document ('---'): expected one in a file"),
    "no YAML": (
        b"a: 1\nb: [1, 2",
        (2, 4),
        "is no YAML: while parsing a flow sequence, did not find expected ',' or ']'",
    ),
    "an unknown version": (b"%YAML 9.9\n---\na: 1", (1, 1), "is no YAML: found incompatible YAML document"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_is_not_accepted_is_refused_with_its_place(case: tuple[bytes, tuple[int, int], str]) -> None:
    data, position, message = case
    with pytest.raises(Unreadable) as caught:
        parse(data)
    assert (str(caught.value), caught.value.position) == (message, position)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing", None),
        ("\ufeffa: 1", {"a": 1}),
        ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        ("- 1\n- x", [1, "x"]),
        ("a: true\nb: False", {"a": True, "b": False}),
        ("a: yes\nb: on\nno: n", {"a": "yes", "b": "on", "no": "n"}),
        ("a: 000000000000", {"a": "000000000000"}),
        ("a: 1_000\nb: 0x1f\nc: 1:30", {"a": "1_000", "b": "0x1f", "c": "1:30"}),
        ("a: -12\nb: 1.5\nc: 1.5e3\nd: .inf", {"a": -12, "b": 1.5, "c": 1500.0, "d": ".inf"}),
        (f"a: {'9' * 5000}", {"a": "9" * 5000}),
        ("a: 2026-11-01", {"a": "2026-11-01"}),
        ("a: '1'\nb: \"true\"\nc: |\n  x\n  y\n", {"a": "1", "b": "true", "c": "x\ny\n"}),
        ("a: null\nb: ~\nc:\n", {"a": None, "b": None, "c": None}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("1: a\ntrue: b", {"1": "a", "true": "b"}),
    ],
)
def test_values_are_what_they_look_like(text: str, value: object) -> None:
    assert parse(text.encode()).value == value


def test_a_value_stands_where_its_name_does() -> None:
    found = parse(b"a:\n  b:\n    - c: 1\n    -\n      d: 2\n")
    assert found.position(("a", "b", 0, "c")) == (3, 7)
    assert found.position(("a", "b", 1, "d")) == (5, 7)


def test_what_is_not_there_stands_where_the_section_does_in_which_it_is_missed() -> None:
    assert parse(b"x: 1\na:\n  b: 1\n").position(("a", "c", "d")) == (2, 1)


def test_what_an_alias_stands_for_is_where_the_alias_is() -> None:
    assert parse(b"a: &x {b: 1}\nc: *x").position(("c", "b")) == (2, 1)


@given(st.binary(max_size=2_000))
def test_s37_no_bytes_raise_anything_else(data: bytes) -> None:
    _parse_or_refuse(data)


# Texts made of YAML's own signs come further than any text.
YAML_TEXTS = st.lists(
    st.sampled_from(
        [
            *"[]{}:,-?&*!|>%@`#'\" \n\t~<=",
            ": ",
            "- ",
            "\n  ",
            "&a ",
            "*a",
            "!!str ",
            "---\n",
            "...",
            "<<",
            "\\x",
            "a",
            "1",
        ]
    ),
    max_size=200,
).map("".join)


@given(YAML_TEXTS)
def test_s37_no_yaml_raises_anything_else(text: str) -> None:
    _parse_or_refuse(text.encode())


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=50,
    )
)
def test_s37_no_json_raises_anything_else(value: object) -> None:
    _parse_or_refuse(json.dumps(value).encode())


def _parse_or_refuse(data: bytes) -> None:
    try:
        found = parse(data)
    except Unreadable as error:
        message, (line, column) = str(error), error.position
    else:
        assert len(found.positions) <= document.MAX_NODES
        return
    assert 0 <= line <= data.count(b"\n") + data.count(b"\r") + 2
    assert column >= 0
    assert message
    assert "\n" not in message


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"^expected a file$"):
        read_document(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(Unreadable, match=r"^expected a file$"):
        read_document(tmp_path / "pipe.yaml")


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "a.yaml")
    with pytest.raises(Unreadable, match=r"^cannot be read: "):
        read_document(tmp_path / "a.yaml")


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(10**12)  # a hole: nothing is written
    with pytest.raises(Unreadable, match=r"^1,000,000,000,000 bytes are too many: expected at most 262,144$"):
        read_document(tmp_path / "huge.yaml")

"""How the WordPress image's `adapt` changes addresses inside what a site stores."""

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

DEV = "http://xy-0146-dev.localhost:8088"
QA = "https://qa.example.com"


class Php:
    """The PHP code under test, in one process that answers line by line."""

    def __init__(self) -> None:
        script = Path(__file__).with_suffix(".php")
        command = ["php", "-d", "display_errors=stderr", str(script)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, do: str, text: str = "", **more: Any) -> str:
        assert self._process.stdin
        assert self._process.stdout
        encoded = base64.b64encode(text.encode()).decode()
        question = {"do": do, "text": encoded, "own": QA, "sources": [DEV]} | more
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        if "error" in said:
            raise ValueError(said["error"])
        return base64.b64decode(said["answer"]).decode()

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def php() -> Iterator[Php]:
    process = Php()
    yield process
    process.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"see {DEV}/page.", f"see {QA}/page."),
        (DEV, QA),
        ("https://XY-0146-dev.localhost:8088/a", f"{QA}/a"),
        ('<img src="//xy-0146-dev.localhost:8088/a">', '<img src="//qa.example.com/a">'),
        (r"http:\/\/xy-0146-dev.localhost:8088\/a", r"https:\/\/qa.example.com\/a"),
        (r"http:\\\/\\\/xy-0146-dev.localhost:8088\\\/a", r"https:\\\/\\\/qa.example.com\\\/a"),
        ("?u=http%3A%2F%2Fxy-0146-dev.localhost%3A8088%2Fa", "?u=https%3A%2F%2Fqa.example.com%2Fa"),
        ("?u=http%3a%2f%2fxy-0146-dev.localhost%3a8088%2fa", "?u=https%3A%2F%2Fqa.example.com%2fa"),
        (f"{DEV},{DEV}.", f"{QA},{QA}."),
    ],
)
def test_every_spelling_of_an_address_is_replaced(php: Php, text: str, expected: str) -> None:
    assert php.ask("replace", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        f"{DEV}1/a",
        f"{DEV}.example.com/a",
        "http://xy-0146-dev.localhost:80/a",
        "http://xy-0146-dev.localhost/a",
        "http://another.xy-0146-dev.localhost:8088",
        "mail@xy-0146-dev.localhost:8088",
        f"{QA}/a",
    ],
)
def test_what_only_resembles_the_address_stays(php: Php, text: str) -> None:
    assert php.ask("replace", text) == text


def test_an_address_without_a_port_is_not_taken_for_one_with_a_port(php: Php) -> None:
    text = "http://dev.example.com:8443/a http%3A%2F%2Fdev.example.com%3A8443"
    assert php.ask("replace", text, sources=["http://dev.example.com"]) == text


def test_of_two_sources_the_longer_is_taken_first(php: Php) -> None:
    sources = ["http://example.org", "http://example.org/dev"]
    text = r"http://example.org/dev/a http:\/\/example.org\/dev\/a http://example.org/a"
    expected = rf"{QA}/a https:\/\/qa.example.com\/a {QA}/a"
    assert php.ask("replace", text, sources=sources) == expected


def test_an_address_that_begins_with_its_source_is_not_lengthened_again(php: Php) -> None:
    own, sources = "http://example.org/qa", ["http://example.org"]
    once = php.ask("replace", "http://example.org/a", own=own, sources=sources)
    assert once == "http://example.org/qa/a"
    assert php.ask("replace", once, own=own, sources=sources) == once


def test_the_scheme_alone_is_changed_too(php: Php) -> None:
    answer = php.ask("replace", "http://qa.example.com/a", sources=["http://qa.example.com"])
    assert answer == f"{QA}/a"


@pytest.mark.parametrize("address", ["", "qa.example.com", "ftp://qa.example.com", "http://"])
def test_what_is_no_address_is_refused(php: Php, address: str) -> None:
    with pytest.raises(ValueError, match="an address of a site is"):
        php.ask("replace", "text", sources=[address])


_texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from([DEV, f"{DEV}/ä", f'"{DEV}"', f's:5:"{DEV}";', "b:0;", "a:0:{}", "N;", "é" * 9, "i:5"]),
)
_values = st.recursive(
    st.one_of(
        _texts, st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_texts, inner, max_size=4)),
    max_leaves=12,
)


def _plain(value: Any) -> bool:
    """Is no text in it one that is itself serialized or JSON, which is then changed as such?"""
    if isinstance(value, str):
        return not value.strip().startswith(("a:", "b:", "d:", "i:", "s:", "N;", "[", "{", '"'))
    if isinstance(value, dict):
        return all(_plain(k) and _plain(v) for k, v in value.items())
    return all(_plain(v) for v in value) if isinstance(value, list) else True


@settings(max_examples=150, deadline=None)
@given(value=_values.filter(_plain))
def test_a_serialized_value_becomes_the_serialized_changed_value(php: Php, value: Any) -> None:
    stored = php.ask("serialize", value=value)
    assert php.ask("map", stored) == php.ask("serialize_changed", value=value)


@settings(max_examples=150, deadline=None)
@given(value=_values, depth=st.integers(1, 3))
def test_a_changed_value_can_always_be_read_and_does_not_change_again(php: Php, value: Any, depth: int) -> None:
    stored = php.ask("serialize", value=value)
    for _ in range(depth - 1):
        stored = php.ask("serialize", value=["kept", stored])
    changed = php.ask("map", stored)
    assert php.ask("readable", changed) == ("no" if changed == "b:0;" else "yes")
    assert php.ask("map", changed) == changed


@pytest.mark.parametrize(
    "code",
    [
        "serialize((function () { $o = new stdClass; $o->url = 'URL'; $o->self = $o; return $o; })())",
        "serialize((function () { $a = ['URL']; $b = ['one' => &$a, 'two' => &$a]; return $b; })())",
        "serialize(serialize(serialize(['deep' => 'URL'])))",
        "serialize(json_encode(['in JSON' => 'URL/a', 'more' => serialize(['URL'])]))",
        "json_encode(['stored' => serialize(['a' => 'URL']), 'plain' => 'URL', 'n' => 1.0])",
        "json_encode(['url' => 'URL/ä'], JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE)",
        "'O:11:\"Not\\\\A\\\\Klass\":1:{s:8:\"' . \"\\0*\\0where\" . '\";s:' . strlen('URL') . ':\"URL\";}'",
        '"  " . serialize([\'URL\']) . "\\n"',
    ],
)
def test_stored_forms_survive_with_the_new_address(php: Php, code: str) -> None:
    """PHP itself makes the value with the old address and, as the expectation, with the new one."""
    stored = php.ask("evaluate", code=code.replace("URL", DEV))
    assert php.ask("map", stored) == php.ask("evaluate", code=code.replace("URL", QA))


def test_an_object_that_wrote_itself_is_left_alone(php: Php) -> None:
    body = f"x:{DEV}"
    stored = f'C:6:"Custom":{len(body)}:{{{body}}}'
    assert php.ask("map", stored) == stored


@pytest.mark.parametrize("text", [f'a:2:{{s:3:"{DEV}', f's:9:"{DEV}";', f"i:like {DEV}", f'{{"no json: {DEV}'])
def test_a_text_that_only_begins_like_a_stored_form_is_text(php: Php, text: str) -> None:
    assert php.ask("map", text) == text.replace(DEV, QA)

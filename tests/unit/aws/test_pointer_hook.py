"""A pointer is moved only from the version that was read."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber

from snaplift.aws.hooks.ssm import PointerHook, PointerMissing, PointerMoved
from snaplift.promotion.pointer import Pointer, UnreadablePointer
from tests.unit.aws.conftest import Stubbed
from tests.unit.promotion.examples import NEW, OLD, revision

NAME = "/snaplift/xy-0146/qa/pointer"
BEFORE = Pointer(active=revision(OLD))
AFTER = BEFORE.with_candidate(revision(NEW))
Hook = tuple[PointerHook, Stubber]


@pytest.fixture
def hook(stubbed: Stubbed) -> Hook:
    made, script = stubbed(PointerHook, "ssm")
    return made, script


def finds(script: Stubber, version: int, value: str = BEFORE.format(), name: str = NAME) -> None:
    answer = {"Parameter": {"Name": NAME, "Value": value, "Version": version}}
    script.add_response("get_parameter", answer, {"Name": name})


def puts(script: Stubber, version: int) -> None:
    asked = {"Name": NAME, "Value": AFTER.format(), "Type": "String", "Overwrite": True}
    script.add_response("put_parameter", {"Version": version}, asked)


def test_a_pointer_is_read_with_its_version(hook: Hook) -> None:
    pointers, script = hook
    finds(script, 7)
    assert pointers.read(NAME) == (BEFORE, 7)


def test_s15_a_pointer_that_is_not_there_is_an_error_and_never_nothing_active(hook: Hook) -> None:
    pointers, script = hook
    script.add_client_error("get_parameter", "ParameterNotFound")
    with pytest.raises(PointerMissing, match="provision the environment first"):
        pointers.read(NAME)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "InvalidKeyId"])
def test_s15_a_pointer_that_cannot_be_read_is_an_error(hook: Hook, code: str) -> None:
    pointers, script = hook
    script.add_client_error("get_parameter", code)
    with pytest.raises(pointers.client.exceptions.ClientError):
        pointers.read(NAME)


def test_s15_a_pointer_that_somebody_edited_is_an_error(hook: Hook) -> None:
    pointers, script = hook
    finds(script, 7, '{"active": "latest"}')
    with pytest.raises(UnreadablePointer, match=NAME):
        pointers.read(NAME)


def test_a_pointer_is_moved_by_one_version(hook: Hook) -> None:
    pointers, script = hook
    finds(script, 7)
    puts(script, 8)
    assert pointers.write(NAME, AFTER, read_version=7) == 8


def test_s16_a_pointer_that_moved_since_it_was_read_is_not_written(hook: Hook) -> None:
    pointers, script = hook
    finds(script, 8)
    with pytest.raises(PointerMoved, match="was version 7 and is 8"):
        pointers.write(NAME, AFTER, read_version=7)


def test_s16_a_pointer_that_somebody_wrote_at_the_same_moment_is_found_out(hook: Hook) -> None:
    pointers, script = hook
    finds(script, 7)
    puts(script, 9)
    finds(script, 8, Pointer().format(), name=f"{NAME}:8")
    with pytest.raises(PointerMoved, match="became version 9, not 8"):
        pointers.write(NAME, AFTER, read_version=7)


def test_s40_a_write_whose_answer_was_lost_and_that_the_sdk_sent_again_is_ours(hook: Hook) -> None:
    pointers, script = hook
    finds(script, 7)
    puts(script, 9)
    finds(script, 8, AFTER.format(), name=f"{NAME}:8")
    assert pointers.write(NAME, AFTER, read_version=7) == 9


def test_a_pointer_is_made_once(hook: Hook) -> None:
    pointers, script = hook
    script.add_response("put_parameter", {"Version": 1})
    script.add_client_error("put_parameter", "ParameterAlreadyExists")
    assert pointers.make(NAME, {}) is True
    assert pointers.make(NAME, {}) is False

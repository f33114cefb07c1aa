"""What AWS answers when it does not do what it was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Request = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]


class Refusal(Exception):
    """AWS's error code and words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> Refusal:
    """A parameter that AWS does not take."""
    return Refusal("InvalidParameterException", message)


def client_error(message: str) -> Refusal:
    """AWS's catch-all for a request that names something unfit."""
    return Refusal("ClientException", message)


def answering(handler: Callable[[Request], dict[str, Any]]) -> Callable[[Request], Answer]:
    """Make a handler that returns the answer's members, or raises `Refusal`, one of ministack's."""
    from ministack.core.responses import error_response_json, json_response

    def handle(request: Request) -> Answer:
        try:
            answer: Answer = json_response(handler(request))
        except Refusal as refusal:
            answer = error_response_json(refusal.code, refusal.message, 400)
        return answer

    return handle

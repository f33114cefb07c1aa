"""AWS's query protocol from the server's side: parameters in, XML out, by the service's own model in botocore.

Names, types, required parameters, error codes and HTTP statuses thus come from AWS, not from memory.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

import botocore.session

Parameters = Mapping[str, Any]
"""As ministack gives them: the value, or a list that holds it, by the name in the request."""
Response = tuple[int, dict[str, str], bytes]
Operation = Callable[[dict[str, Any]], dict[str, Any]]


class Fault(Exception):
    """A refusal that the caller gets as an AWS error.

    :param error: the error's shape in the service's model (``DBInstanceNotFoundFault``) or, for the errors that
        all services share (``InvalidParameterValue``), its code
    """

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error
        self.message = message


class QueryService:
    """Translates between the wire and plain dictionaries as boto3 takes and gives them."""

    def __init__(self, service: str, namespace: str) -> None:
        self._model = botocore.session.Session().get_service_model(service)
        self._namespace = namespace

    def handler(self, operation: str, function: Operation) -> Callable[[Parameters], Response]:
        """A handler for ministack's table of actions that answers ``operation`` with ``function``."""
        model = self._model.operation_model(operation)

        def handle(parameters: Parameters) -> Response:
            try:
                result = function(self._parse(model.input_shape, parameters))
            except Fault as fault:
                return self._error(fault)
            return self._answer(operation, model.output_shape, result)

        return handle

    def accepted(self, operation: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Those of ``values`` that ``operation`` takes, in its types; for values that came as text.

        :raises Fault: InvalidParameterValue
        """
        shape = self._model.operation_model(operation).input_shape
        members = shape.members if shape else {}
        return {name: _typed(members[name], value, name) for name, value in values.items() if name in members}

    def status(self, error: str) -> int:
        """The HTTP status of an error shape; 400 for the errors that all services share."""
        return int(self._metadata(error).get("httpStatusCode", 400))

    def code(self, error: str) -> str:
        """The code on the wire of an error shape; a code is its own."""
        return str(self._metadata(error).get("code", error))

    def _metadata(self, error: str) -> Mapping[str, Any]:
        if error not in self._model.shape_names:
            return {}
        found: Mapping[str, Any] = self._model.shape_for(error).metadata.get("error", {})
        return found

    def _parse(self, shape: Any, parameters: Parameters) -> dict[str, Any]:
        flat = {name: value[0] if isinstance(value, list) else value for name, value in parameters.items()}
        parsed: dict[str, Any] = _structure(shape, flat, "") or {} if shape else {}
        for name in shape.required_members if shape else ():
            if name not in parsed:
                raise Fault("MissingParameter", f"The request must contain the parameter {name}.")
        return parsed

    def _answer(self, operation: str, shape: Any, result: Mapping[str, Any]) -> Response:
        body = ""
        if shape is not None:
            wrapper = shape.serialization.get("resultWrapper", f"{operation}Result")
            body = f"<{wrapper}>{_render(shape, result)}</{wrapper}>"
        return 200, dict(_XML), self._envelope(f"{operation}Response", body, "ResponseMetadata")

    def _error(self, fault: Fault) -> Response:
        status = self.status(fault.error)
        kind = "Sender" if status < 500 else "Receiver"
        error = f"<Type>{kind}</Type><Code>{self.code(fault.error)}</Code><Message>{escape(fault.message)}</Message>"
        return status, dict(_XML), self._envelope("ErrorResponse", f"<Error>{error}</Error>", None)

    def _envelope(self, root: str, body: str, metadata: str | None) -> bytes:
        request = f"<RequestId>{uuid4()}</RequestId>"
        if metadata:
            request = f"<{metadata}>{request}</{metadata}>"
        return f'<{root} xmlns="{self._namespace}">{body}{request}</{root}>'.encode()


_XML = {"Content-Type": "text/xml"}


def _structure(shape: Any, flat: Mapping[str, Any], prefix: str) -> dict[str, Any] | None:
    found = {}
    for name, member in shape.members.items():
        value = _value(member, flat, prefix + member.serialization.get("name", name))
        if value is not None:
            found[name] = value
    return found or None


def _value(shape: Any, flat: Mapping[str, Any], name: str) -> Any:
    if shape.type_name == "structure":
        return _structure(shape, flat, f"{name}.")
    if shape.type_name == "list":
        return _list(shape, flat, name)
    return None if name not in flat else _scalar(shape.type_name, str(flat[name]), name)


def _list(shape: Any, flat: Mapping[str, Any], name: str) -> list[Any] | None:
    # By the model's member name as botocore sends it, or "member" as other clients do.
    pattern = re.compile(rf"{re.escape(name)}\.(?:member|{shape.member.serialization.get('name', 'member')})\.(\d+)")
    found = {int(match[1]): match[0] for key in flat if (match := pattern.match(key))}
    return [_value(shape.member, flat, found[index]) for index in sorted(found)] or None


def _typed(shape: Any, value: Any, name: str) -> Any:
    if shape.type_name == "list":
        return [_typed(shape.member, one, name) for one in value]
    if shape.type_name == "structure":
        return {key: _typed(shape.members[key], one, key) for key, one in value.items() if key in shape.members}
    return _scalar(shape.type_name, str(value), name)


def _scalar(kind: str, text: str, name: str) -> Any:
    if kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise Fault("InvalidParameterValue", f"Invalid value {text} for {name}: expected true or false.")
        return text.lower() == "true"
    if kind in ("integer", "long"):
        try:
            return int(text)
        except ValueError:
            raise Fault("InvalidParameterValue", f"Invalid value {text} for {name}: expected an integer.") from None
    return text


def _render(shape: Any, value: Any) -> str:
    if shape.type_name == "structure":
        return "".join(
            _element(member.serialization.get("name", name), member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        )
    if shape.type_name == "list":
        item = shape.member.serialization.get("name", "member")
        return "".join(_element(item, shape.member, entry) for entry in value)
    if shape.type_name == "boolean":
        return "true" if value else "false"
    return escape(str(value))


def _element(name: str, shape: Any, value: Any) -> str:
    return f"<{name}>{_render(shape, value)}</{name}>"

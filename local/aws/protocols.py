"""A request's service and operation, and an AWS error in the request's own protocol."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs
from uuid import uuid4
from xml.sax.saxutils import escape

Protocol = Literal["query", "ec2", "json", "rest"]
Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""

_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/(?P<service>[^/]+)/aws4_request")


@dataclass(frozen=True)
class Call:
    """One request, as a fault is told about it.

    :param service: as it signs: ``rds``, ``ecs``, ``elasticloadbalancing``; empty for what is not signed
    :param operation: ``CreateDBSnapshot``; for REST the HTTP method
    :param agent: the User-Agent, by which callers are told apart
    """

    service: str
    operation: str
    protocol: Protocol
    agent: str
    content_type: str

    @classmethod
    def read(cls, method: str, headers: Mapping[str, str], body: bytes) -> "Call":
        """Tell a request's service and operation from its headers (names in lower case) and body."""
        scope = _SCOPE.search(headers.get("authorization", ""))
        service = scope["service"] if scope else ""
        agent, kind = headers.get("user-agent", ""), headers.get("content-type", "")
        if target := headers.get("x-amz-target"):
            return cls(service, target.rpartition(".")[2], "json", agent, kind)
        if kind.startswith("application/x-www-form-urlencoded"):
            [action] = parse_qs(body.decode("utf-8", "replace")).get("Action", [""])
            return cls(service, action, "ec2" if service == "ec2" else "query", agent, kind)
        return cls(service, method, "rest", agent, kind)

    def error(self, code: str, status: int, message: str) -> Answer:
        """An error as the service would answer it."""
        if self.protocol == "json":
            return (
                status,
                {"content-type": self.content_type},
                json.dumps({"__type": code, "message": message}).encode(),
            )
        error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        request = f"<RequestId>{uuid4()}</RequestId>"
        if self.protocol == "ec2":
            text = f"<Response><Errors><Error>{error}</Error></Errors>{request}</Response>"
        elif self.protocol == "query":
            kind = "Sender" if status < 500 else "Receiver"
            text = f"<ErrorResponse><Error><Type>{kind}</Type>{error}</Error>{request}</ErrorResponse>"
        else:
            text = f"<Error>{error}{request}</Error>"
        return status, {"content-type": "text/xml"}, text.encode()

    def throttled(self) -> Answer:
        """The service's own answer to too many requests."""
        if self.protocol == "rest":
            return self.error("SlowDown", 503, "Please reduce your request rate.")
        if self.protocol == "ec2":
            return self.error("RequestLimitExceeded", 503, "Request limit exceeded.")
        return self.error("ThrottlingException" if self.protocol == "json" else "Throttling", 400, "Rate exceeded")

    def denied(self) -> Answer:
        """The service's own answer to a caller that may not do this."""
        what = f"not authorized to perform: {self.service}:{self.operation}"
        if self.protocol == "ec2":
            return self.error("UnauthorizedOperation", 403, f"You are {what}")
        code, status = ("AccessDeniedException", 400) if self.protocol == "json" else ("AccessDenied", 403)
        return self.error(code, status, f"User: arn:aws:iam::000000000000:user/laptop is {what}")

"""Responses: a message as JSON, a status as JSON, and a stream as server-sent events.

Owns the HTTP status of each canonical code and the headers that go with an error.
"""

import json
import math
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from starlette.responses import Response
from starlette.types import Send

from gateway.http.errors import HTTP

JSON = "application/json"
EVENT_STREAM = "text/event-stream"
CURSOR = "cursor"
"""The field of a stream's messages from which a new stream goes on: an event's id, which browsers send back."""


def message_response(message: Message) -> Response:
    """Return the response with a message."""
    return Response(_text(message), media_type=JSON)


def status_response(status: status_pb2.Status) -> Response:
    """Return the response for a call that failed."""
    return Response(_text(status), http_status(status), _headers(status), JSON)


def plain_response(code: int, http: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    """Return the response for a request that is no call."""
    return Response(_text(status_pb2.Status(code=code, message=sentence)), http, headers, JSON)


def http_status(status: status_pb2.Status) -> int:
    """Return the HTTP status for a status."""
    return HTTP[code_pb2.Code.Name(status.code)][0]


class EventStream:
    """A stream of messages as server-sent events; the response begins with the first of them."""

    def __init__(self, send: Send) -> None:
        """Send with `send`."""
        self._send = send
        self.begun = False

    async def write(self, message: Any) -> None:
        """Send one message; return when there is room for the next."""
        if not self.begun:
            await self._begin()
        cursor = getattr(message, CURSOR, "")
        await self._event(f"id: {cursor}\n" if cursor else "", message)

    async def end(self, status: status_pb2.Status | None = None) -> None:
        """End the stream, with the status of one that failed."""
        if not self.begun:
            await self._begin()
        if status is not None:
            await self._event("event: error\n", status)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _begin(self) -> None:
        self.begun = True
        # Proxies such as nginx hold back what they do not know to be a stream.
        headers = [(b"content-type", EVENT_STREAM.encode()), (b"x-accel-buffering", b"no")]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _event(self, head: str, message: Message) -> None:
        body = f"{head}data: {_text(message)}\n\n".encode()
        await self._send({"type": "http.response.body", "body": body, "more_body": True})


def _text(message: Message) -> str:
    return json.dumps(json_format.MessageToDict(message), ensure_ascii=False, separators=(",", ":"))


def _headers(status: status_pb2.Status) -> dict[str, str]:
    headers = {"www-authenticate": "Bearer"} if status.code == code_pb2.UNAUTHENTICATED else {}
    for packed in status.details:
        retry = error_details_pb2.RetryInfo()
        if packed.Unpack(retry):
            headers["retry-after"] = str(max(1, math.ceil(retry.retry_delay.ToTimedelta().total_seconds())))
    return headers

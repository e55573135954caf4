"""Fault injection: which calls of a simulator misbehave, how, and how often.

Owns: the queue of faults and the broken connection. Knows nothing of a particular vendor or of its response bodies.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import httpx
from starlette.types import Message, Receive, Scope, Send

KINDS = (
    "status",  # an HTTP status with any body; 503 by default
    "error",  # an error of the vendor in the vendor's own envelope
    "drop_before",  # the connection closes before the effect (after `bytes` of the request's body)
    "drop_after",  # the effect happens, then the connection closes without a response
    "slow",  # `seconds` of silence, then the usual response
    "html",  # an HTML page with status 200
    "body",  # any body with status 200
    "corrupt_json",  # truncated JSON with status 200
    "expire_upload",  # the upload URL of this call expires
    "lose_progress",  # the vendor forgets the last stored chunk and answers 416 with the bytes it still has
)
# The kinds that only make sense for a vendor with chunked uploads.
UPLOAD_KINDS = ("expire_upload", "lose_progress")


class ConnectionDropped(httpx.RemoteProtocolError):
    """Server disconnected without sending a response.

    It is a transport error of httpx: in process (httpx.ASGITransport) it reaches the caller unchanged, and the caller
    must not be able to distinguish it from a broken connection.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One injected fault: let `after` matching calls pass, then hit `times` calls (None: every one).

    `match` is an operation name of the simulator, or "*" for any. With `effect` the call has its effect before the
    response is replaced (kinds status, error, html, body, corrupt_json): a write whose response is lost.
    """

    match: str
    kind: str
    times: int | None = 1
    after: int = 0
    status: int | None = None
    body: str | None = None
    code: str = "internal_error"
    message: str = ""
    seconds: float = 1.0
    bytes: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    effect: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault {self.kind!r}: one of {', '.join(KINDS)}")


def fault_from_json(value: object) -> Fault:
    """Return a Fault from its JSON form, which has the same names. Raise ValueError with an explanation."""
    if not isinstance(value, dict) or not {"match", "kind"} <= value.keys():
        raise ValueError("a fault is an object with at least `match` and `kind`")
    known = {each.name for each in fields(Fault)}
    if unknown := sorted(value.keys() - known):
        raise ValueError(f"a fault has no {', '.join(unknown)}")
    body = value.get("body")
    return Fault(**{**value, "body": body if body is None or isinstance(body, str) else json.dumps(body)})


@dataclass(slots=True)
class _Ordered:
    fault: Fault
    seen: int = 0
    hits: int = 0

    def hit(self) -> bool:
        """Count a matching call and return whether the fault hits it."""
        self.seen += 1
        spent = self.fault.times is not None and self.hits >= self.fault.times
        if self.seen <= self.fault.after or spent:
            return False
        self.hits += 1
        return True


class Faults:
    """The queued faults, oldest first. A call meets at most one."""

    def __init__(self) -> None:
        self._ordered: list[_Ordered] = []

    def add(self, *faults: Fault) -> None:
        """Add faults at the end of the queue."""
        self._ordered += [_Ordered(fault) for fault in faults]

    def clear(self) -> None:
        """Remove every fault."""
        self._ordered.clear()

    def take(self, name: str) -> Fault | None:
        """Return the fault that hits a call of the operation `name`, and count the hit; None when none does."""
        for ordered in self._ordered:
            if ordered.fault.match in (name, "*") and ordered.hit():
                return ordered.fault
        return None

    @property
    def hits(self) -> dict[str, int]:
        """How often each fault hit, by "match kind", so that a test can prove that its fault was met."""
        return {f"{each.fault.match} {each.fault.kind}": each.hits for each in self._ordered}


async def swallow(message: Message) -> None:
    """Discard a message: a `send` for calls that have their effect but no response."""


async def read_body(receive: Receive, *, at_least: int | None = None) -> bool:
    """Discard a request's body, or at least its first `at_least` bytes. Return False if the client disconnected."""
    count, more = 0, True
    while more and (at_least is None or count < at_least):
        message = await receive()
        if message["type"] == "http.disconnect":
            return False
        count += len(message.get("body", b""))
        more = message.get("more_body", False)
    return True


async def hang_up(scope: Scope, receive: Receive, send: Send) -> bool:
    """Close the connection of this request. Return False when there is none (in process): raise ConnectionDropped then.

    ASGI has no message for it. uvicorn's `send` is a method of the object that has the connection's transport; once
    the transport is closed and the disconnect was received, uvicorn accepts the missing response and logs nothing.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None or scope["type"] != "http":
        return False
    transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass
    return True

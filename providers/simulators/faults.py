"""Faults to order: which vendor call misbehaves, how, and how often.

Owns: the queue of ordered faults and the broken connection. Knows nothing of a particular vendor, nor of its envelopes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import httpx
from starlette.types import Message, Receive, Scope, Send

KINDS = (
    "status",  # an HTTP status with a body of choice; 503 unless told
    "error",  # an error code of the vendor in the vendor's own envelope
    "drop_before",  # the connection closes before the effect (after `bytes` of the request's body)
    "drop_after",  # the effect happens, then the connection closes without an answer
    "slow",  # `seconds` of silence, then the usual answer
    "html",  # a page of HTML with status 200
    "body",  # any body with status 200
    "corrupt_json",  # JSON that breaks off, with status 200
    "expire_upload",  # the upload URL of this call is dead from now on
    "lose_progress",  # the vendor forgets the last stored chunk and says 416 with what it still has
)
# The kinds that only a vendor with uploads in chunks knows.
UPLOAD_KINDS = ("expire_upload", "lose_progress")


class ConnectionDropped(httpx.RemoteProtocolError):
    """Server disconnected without sending a response.

    It is a transport error of httpx, because in process (httpx.ASGITransport) it travels straight to the caller,
    who must not be able to tell it from a connection that broke.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One ordered misbehaviour: let `after` matching calls pass, then hit `times` of them (None: for ever).

    `match` is an operation name of the simulator, or "*" for any. `effect` lets the call have its effect before the
    answer is replaced (kinds status, error, html, body, corrupt_json), which is how a write with a lost answer looks.
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
    """A Fault from its JSON form (the same names). Raises ValueError with a sentence."""
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
        """Count one matching call; True when it is one to misbehave on."""
        self.seen += 1
        spent = self.fault.times is not None and self.hits >= self.fault.times
        if self.seen <= self.fault.after or spent:
            return False
        self.hits += 1
        return True


class Faults:
    """The ordered faults, oldest first. Each call meets one at most."""

    def __init__(self) -> None:
        self._ordered: list[_Ordered] = []

    def add(self, *faults: Fault) -> None:
        """Order faults, behind those already ordered."""
        self._ordered += [_Ordered(fault) for fault in faults]

    def clear(self) -> None:
        """Forget every fault: the vendor behaves again."""
        self._ordered.clear()

    def take(self, name: str) -> Fault | None:
        """The fault that the call `name` meets, counted as met; None when it meets none."""
        for ordered in self._ordered:
            if ordered.fault.match in (name, "*") and ordered.hit():
                return ordered.fault
        return None

    @property
    def hits(self) -> dict[str, int]:
        """How often each fault hit, by "match kind": a test that ordered a fault can prove that it was met."""
        return {f"{each.fault.match} {each.fault.kind}": each.hits for each in self._ordered}


async def swallow(message: Message) -> None:
    """A `send` that sends nothing: the effect without the answer."""


async def read_body(receive: Receive, *, at_least: int | None = None) -> bool:
    """Read and forget a request's body, all of it or until `at_least` bytes came. False when the client went away."""
    count, more = 0, True
    while more and (at_least is None or count < at_least):
        message = await receive()
        if message["type"] == "http.disconnect":
            return False
        count += len(message.get("body", b""))
        more = message.get("more_body", False)
    return True


async def hang_up(scope: Scope, receive: Receive, send: Send) -> bool:
    """Close the connection below this request. False when there is none (in process): raise ConnectionDropped then.

    ASGI has no word for it. uvicorn's `send` is a method of the object that holds the connection's transport; once
    the transport is closed and the disconnect was seen, uvicorn accepts that no answer came and logs nothing.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None or scope["type"] != "http":
        return False
    transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass
    return True

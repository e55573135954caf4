"""One call: who made it, which method, how it ended, and its log line.

Owns the state of a call and the canonical log line. Does not know gRPC's handlers.
"""

import math
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import grpc

from gateway import log
from gateway.caller import Caller
from gateway.errors import DomainError
from gateway.interceptors import auth

_LOGGER = "gateway.calls"
_log = log.get(_LOGGER)
current_call: "ContextVar[Call]" = ContextVar("call")


@dataclass(slots=True)
class Call:
    """The state of the current call; `started` is a monotonic clock reading, `ends` one of the event loop's clock, at
    which the call is ended from here.

    `repeatable` is whether the same call again does no harm: nothing has been done yet, or it is done once only.
    `repeated` is whether it is a repeat that the client's library made by itself. `streams` is whether it has a stream
    of responses, `lasting` whether it may last for long, as streams and uploads do. `header` or `certificate`, and
    `authorize`, are what admitted the caller, to be asked again. `ended_by` is the error of a call that was cancelled
    from here; `answered` is whether its end is being sent, which nothing may interrupt.
    """

    method: str
    request_id: str
    peer: str = ""
    caller: Caller | None = None
    code: str = "OK"
    reason: str = ""
    counted: bool = False
    scope: str | None = None
    streams: bool = False
    lasting: bool = False
    header: str = field(default="", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    authorize: Callable[[Caller], Awaitable[None]] | None = None
    ended_by: DomainError | None = None
    answered: bool = False
    repeatable: bool = True
    repeated: bool = False
    started: float = field(default_factory=time.monotonic)
    ends: float = math.inf


def read_metadata(metadata: Any, wanted: tuple[str, ...]) -> list[str]:
    """Return the values of the `wanted` headers, in order; "" for one that is missing, repeated or binary."""
    found: dict[str, str] = {}
    for key, value in metadata or ():
        if key in wanted:
            found[key] = "" if key in found or not isinstance(value, str) else value
    return [found.get(name, "") for name in wanted]


def read_certificate(context: Any) -> bytes:
    """Return the client's certificate (PEM) that TLS has verified, if it is all that the call brings to be known by."""
    if any(key == auth.HEADER for key, _ in context.invocation_metadata() or ()):
        return b""
    found = context.auth_context().get("x509_pem_cert")
    return bytes(next(iter(found))) if found else b""


def write_line(call: Call, *, quiet: bool) -> None:
    """Log the call's one line; with `quiet` (health probes) a success is logged at debug level."""
    caller = call.caller
    values = {
        "method": call.method,
        "code": call.code,
        "reason": call.reason,
        "ms": round((time.monotonic() - call.started) * 1000, 2),
        "request_id": call.request_id,
        "key_id": caller.key_id if caller else "",
        "agency": caller.agency if caller else "",
        "peer": call.peer,
    }
    log.write_own("debug" if quiet and call.code == "OK" else "info", _LOGGER, "call", values)


def write_failure(call: Call, error: BaseException) -> None:
    """Log the cause of an INTERNAL status with its traceback; the caller only gets the request id."""
    _log.error("call failed", method=call.method, request_id=call.request_id, exc_info=error)


def code_name(code: Any) -> str:
    """Return the name of a status code that a servicer set itself, whatever its type."""
    if isinstance(code, grpc.StatusCode):
        return code.name
    return str(code or "UNKNOWN")

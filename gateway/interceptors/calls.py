"""One call, from its first byte to its last: who, what, how it ended, and the line that tells it.

Owns the facts of a call and the canonical log line. Does not know gRPC's handlers.
"""

import time
from dataclasses import dataclass, field
from typing import Any

import grpc

from gateway import log
from gateway.caller import Caller

_log = log.get("gateway.calls")


@dataclass(slots=True)
class Call:
    """What is known of the call at hand; `started` is a reading of the monotonic clock."""

    method: str
    request_id: str
    peer: str = ""
    caller: Caller | None = None
    code: str = "OK"
    reason: str = ""
    counted: bool = False
    draining: bool = False
    started: float = field(default_factory=time.monotonic)


def read_metadata(metadata: Any, wanted: tuple[str, ...]) -> list[str]:
    """Return the values of the wanted headers, in order; one that is absent, repeated or not text is empty."""
    found: dict[str, str] = {}
    for key, value in metadata or ():
        if key in wanted:
            found[key] = "" if key in found or not isinstance(value, str) else value
    return [found.get(name, "") for name in wanted]


def write_line(call: Call, *, quiet: bool) -> None:
    """Write the call's one line; `quiet` (health probes) lowers a success to debug."""
    write = _log.debug if quiet and call.code == "OK" else _log.info
    write(
        "call",
        method=call.method,
        code=call.code,
        reason=call.reason,
        ms=round((time.monotonic() - call.started) * 1000, 2),
        request_id=call.request_id,
        key_id=call.caller.key_id if call.caller else "",
        agency=call.caller.agency if call.caller else "",
        peer=call.peer,
        **log.CLEAN,
    )


def write_failure(call: Call, error: BaseException) -> None:
    """Write the cause of an INTERNAL answer, with its traceback: the caller gets nothing of it but the request id."""
    _log.error("call failed", method=call.method, request_id=call.request_id, exc_info=error)


def code_name(code: Any) -> str:
    """Return the name of a status code that a servicer set by itself, whatever form it has."""
    if isinstance(code, grpc.StatusCode):
        return code.name
    return str(code or "UNKNOWN")

"""Ends a failed call with a status, so that nothing else of the exception reaches the client.

Owns aborting the call, what retrying clients are told, and logging the failure. `gateway/status.py` decides the status.
gRPC itself would send the exception's text to the client.
"""

import math
from datetime import timedelta
from typing import Any, NoReturn

import grpc
from google.rpc import status_pb2

from gateway import status
from gateway.clock import Clock
from gateway.interceptors import calls, request_id
from gateway.interceptors.calls import Call

PUSHBACK = "grpc-retry-pushback-ms"
NEVER = "-1"
PREVIOUS = "grpc-previous-rpc-attempts"
"""The header of a repeat that a library made by itself."""

ASSUMED_SECONDS = 60.0
"""The deadline in protos/service_config.json: one from a service config is not sent to the server."""

LONG_SECONDS = 5.0
_IN_DOUBT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.DEADLINE_EXCEEDED)
"""Codes with which a call may end although it took effect: the database's answer to a commit was lost, for example."""


async def answer(context: Any, call: Call, error: BaseException, clock: Clock) -> NoReturn:
    """End the call with the error's status; always raises gRPC's AbortError, which ends the servicer silently."""
    call.answered = True
    proto = status.from_error(error, now=clock(), request_id=call.request_id)
    code = status.code_of(proto)
    call.code, call.reason = code.name, status.error_facts(error).reason
    if code is grpc.StatusCode.INTERNAL:
        calls.write_failure(call, error)
    trailers = [(status.DETAILS_KEY, proto.SerializeToString()), (request_id.HEADER, call.request_id)]
    remaining = context.time_remaining()
    if pushback := _pushback(proto, call, ASSUMED_SECONDS if remaining is None else remaining):
        trailers.append((PUSHBACK, pushback))
    await context.abort(code, proto.message, tuple(trailers))
    raise AssertionError("abort returned")


def _pushback(proto: status_pb2.Status, call: Call, seconds_left: float) -> str:
    """Return when a client whose service config repeats calls may do so: in RetryInfo's delay, in milliseconds.

    "-1" forbids it: where a repeat can do harm, and where the client's deadline would end the wait with
    DEADLINE_EXCEEDED instead of this status. So a long wait is asked for once: how much of a deadline from a service
    config a repeat has left is not known here. "" leaves it to the client. (gRFC A6, "Pushback".)
    """
    if call.reason in status.NOT_AGAIN:
        return NEVER
    if not call.repeatable and status.code_of(proto) in _IN_DOUBT:
        return NEVER
    delay = status.retry_delay(proto)
    if delay is None:
        return ""
    seconds = delay.total_seconds()
    if seconds >= seconds_left or (call.repeated and seconds > LONG_SECONDS):
        return NEVER
    return str(math.ceil(delay / timedelta(milliseconds=1)))

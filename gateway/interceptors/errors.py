"""Ends a failed call with a status, so that nothing else of the exception reaches the client.

Owns aborting the call and logging its failure. `gateway/status.py` decides the status. gRPC itself would send the
exception's text to the client.
"""

from typing import Any, NoReturn

import grpc

from gateway import status
from gateway.clock import Clock
from gateway.interceptors import calls, request_id
from gateway.interceptors.calls import Call


async def answer(context: Any, call: Call, error: BaseException, clock: Clock) -> NoReturn:
    """End the call with the error's status; always raises gRPC's AbortError, which ends the servicer silently."""
    proto = status.from_error(error, now=clock(), request_id=call.request_id)
    code = status.code_of(proto)
    call.code, call.reason = code.name, status.error_facts(error).reason
    if code is grpc.StatusCode.INTERNAL:
        calls.write_failure(call, error)
    trailers = ((status.DETAILS_KEY, proto.SerializeToString()), (request_id.HEADER, call.request_id))
    await context.abort(code, proto.message, trailers)
    raise AssertionError("abort returned")

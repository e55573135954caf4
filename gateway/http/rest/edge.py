"""`/v1/…`: finds the method that a request calls, runs it through the pipeline, and answers with JSON.

Owns what is the same for every method. Uploads, which gRPC receives as a stream of messages, are in `uploads.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import grpc
from google.protobuf import message_factory
from google.rpc import code_pb2
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway import log
from gateway.errors import DeadlineExceeded, FieldInvalid
from gateway.http import bodies, gone
from gateway.http.middleware import MAX_BODY_BYTES
from gateway.http.rest import answers, bindings, requests, uploads
from gateway.http.rest.answers import EventStream
from gateway.http.rest.bindings import Binding
from gateway.http.rest.context import Disconnected, HttpContext, MethodDetails
from gateway.interceptors import auth, request_id
from gateway.interceptors.pipeline import CallPipeline
from gateway.telemetry.recorder import TRACEPARENT

PREFIX = "/v1/"
STARTING = "The gateway is starting."
LAST_EVENT = "last-event-id"
START = "start_cursor"


@dataclass(frozen=True, slots=True)
class Calls:
    """What can be called: the pipeline, the descriptors of its services, and their bindings."""

    pipeline: CallPipeline
    services: tuple[Any, ...]
    bindings: tuple[Binding, ...]

    @classmethod
    def of(cls, pipeline: CallPipeline, services: Iterable[Any]) -> "Calls":
        """Serve what is annotated in these services' descriptors."""
        services = tuple(services)
        return cls(pipeline, services, bindings.bindings(services))


class RestEdge:
    """The ASGI app under `/v1/`."""

    def __init__(self, calls: Callable[[], Calls | None]) -> None:
        """Call what `calls` returns, None while the gateway starts."""
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        calls, request = self._calls(), Request(scope, receive)
        if calls is None:
            return await starting()(scope, receive, send)
        if bodies.upload_of(scope):
            return await _until_gone(scope, _answer_upload(calls, request, send))
        # Not of the URL, in which an encoded question mark would end the path.
        found = bindings.find(calls.bindings, request.method, scope["path"])
        if isinstance(found, frozenset):
            return await _unknown(found)(scope, receive, send)
        binding, variables = found
        if binding.method.server_streaming:
            return await _stream(calls, request, send, binding, variables)
        await _until_gone(scope, _answer(calls, request, send, binding, variables))


def starting() -> Response:
    """Return the response while there is nothing to call yet."""
    return answers.plain_response(code_pb2.UNAVAILABLE, 503, STARTING, {"retry-after": "1"})


async def describe(request: Request) -> Response:
    """Answer `/openapi.json`: what can be called, for everybody."""
    return Response(await asyncio.to_thread(_description), media_type=answers.JSON)


@cache
def _description() -> bytes:
    return (files("socialgateway") / "openapi.json").read_bytes()


def context_of(request: Request, read: Callable[[], Awaitable[bytes]], write: Any = None) -> HttpContext:
    """Return the context of a call that came with an HTTP request."""
    # A header that was sent twice is there twice, which the pipeline refuses.
    metadata = [(auth.HEADER, value) for value in request.headers.getlist(auth.HEADER)]
    metadata.append((request_id.HEADER, log.request_id.get()))
    metadata += [(TRACEPARENT, value) for value in request.headers.getlist(TRACEPARENT)]
    client = request.client
    peer = f"http:{client.host}:{client.port}" if client else "http:"
    return HttpContext(metadata, peer, read, write)


async def _answer(calls: Calls, request: Request, send: Send, binding: Binding, variables: Mapping[str, str]) -> None:
    """Call a method with one response."""
    context = context_of(request, lambda: _read(request, binding, variables))
    handler = _handler(calls, binding.full_name)
    response = await called(handler.stream_unary(None, context), context, binding.method.output_type)
    await response(request.scope, request.receive, send)


async def called(call: Awaitable[bytes], context: HttpContext, kind: Any) -> Response:
    """Await a call, and return the response with its message or its status."""
    try:
        raw = await call
    except grpc.aio.AbortError:
        if context.status is None:
            raise
        return answers.status_response(context.status)
    return answers.message_response(message_factory.GetMessageClass(kind).FromString(raw))


async def _answer_upload(calls: Calls, request: Request, send: Send) -> None:
    context = context_of(request, _nothing)
    handler = _handler(calls, uploads.METHOD)
    call = handler.stream_unary(uploads.messages(request), context)
    response = await called(call, context, uploads.OUTPUT)
    await response(request.scope, request.receive, send)


async def _stream(calls: Calls, request: Request, send: Send, binding: Binding, variables: Mapping[str, str]) -> None:
    """Call a method with a stream of responses, until it ends or the client has gone."""
    events = EventStream(send)
    context = context_of(request, lambda: _read(request, binding, variables), events.write)
    handler = _handler(calls, binding.full_name)
    call = asyncio.ensure_future(handler.stream_stream(None, context))
    try:
        await gone.cancel_with(request.scope, call)
    except grpc.aio.AbortError:
        if context.status is None:
            raise
        if not events.begun:
            await answers.status_response(context.status)(request.scope, request.receive, send)
            return
        await events.end(context.status)
    except asyncio.CancelledError:
        if not gone.has_gone(request.scope):
            call.cancel()
            raise
    else:
        await events.end()


async def _until_gone(scope: Scope, answer: Coroutine[Any, Any, None]) -> None:
    """Await the answer of a call; that of one whose client goes is given to nobody."""
    answering = asyncio.ensure_future(answer)
    try:
        await gone.cancel_with(scope, answering)
    except Disconnected:
        pass
    except asyncio.CancelledError:
        if not gone.has_gone(scope):
            answering.cancel()
            raise


def _handler(calls: Calls, method: str) -> Any:
    handler: Any = calls.pipeline.service(MethodDetails(method))  # type: ignore[arg-type]
    if handler is None:
        raise LookupError(f"{method} is annotated, but not served")
    return handler


async def _read(request: Request, binding: Binding, variables: Mapping[str, str]) -> bytes:
    """Return the request message's bytes; raises FieldInvalid, DeadlineExceeded, Disconnected."""
    try:
        body = await bodies.read(request, MAX_BODY_BYTES)
    except bodies.BodyTooLarge:
        raise FieldInvalid("body", f"has more than {MAX_BODY_BYTES} bytes") from None
    except bodies.BodyTooSlow:
        raise DeadlineExceeded from None
    except ClientDisconnect:
        raise Disconnected from None
    kind = request.headers.get("content-type", "")
    if body and kind.partition(";")[0].strip().lower() != answers.JSON:
        raise FieldInvalid("content-type", f"must be {answers.JSON}")
    message: Any = requests.build(binding, variables, request.scope["query_string"], body)
    last = request.headers.get(LAST_EVENT, "")
    if last and binding.method.server_streaming and START in message.DESCRIPTOR.fields_by_name:
        # A client that reconnects repeats its query, and says here what it has.
        setattr(message, START, last)
    raw: bytes = message.SerializeToString()
    return raw


async def _nothing() -> bytes:
    return b""


def _unknown(verbs: frozenset[str]) -> Response:
    """Return the response for a path that is not there, or not for this verb."""
    if verbs:
        allow = {"allow": ", ".join(sorted(verbs))}
        return answers.plain_response(code_pb2.UNIMPLEMENTED, 405, "This verb is not allowed here.", allow)
    return answers.plain_response(code_pb2.NOT_FOUND, 404, "There is no method at this path.")

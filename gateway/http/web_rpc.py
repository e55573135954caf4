"""The contract for clients in browsers: Connect and gRPC-Web, on the HTTP port.

Owns the way from their requests to the pipeline, which authenticates them and runs the call as it does for gRPC. The
two protocols are connectrpc's. Streams of requests, which browsers do not have, are not served: uploads are `PUT`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.server import ConnectASGIApplication, Endpoint
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass
from google.rpc import code_pb2, status_pb2
from protobuf.wkt import Any as ConnectAny
from starlette.responses import Response
from starlette.types import Scope

from gateway import log
from gateway.http.middleware import MAX_BODY_BYTES
from gateway.http.rest import answers, strict_json
from gateway.http.rest.context import HttpContext, MethodDetails
from gateway.interceptors import auth, request_id
from gateway.interceptors.pipeline import CallPipeline
from gateway.telemetry.recorder import TRACEPARENT


@dataclass(frozen=True, slots=True)
class Encoded:
    """A request as it was sent: nothing of it is parsed, nor found fault with, before its caller is known."""

    data: bytes
    is_json: bool


class BinaryCodec:
    """Messages as protobuf's bytes."""

    def name(self) -> str:
        """Return the codec's part of the content type."""
        return "proto"

    def encode(self, message: Any) -> bytes:
        """Return the bytes of a response."""
        raw: bytes = message.SerializeToString()
        return raw

    def decode(self, data: bytes | bytearray, message_class: Any) -> Encoded:
        """Keep a request for later."""
        return Encoded(bytes(data), is_json=False)


class JsonCodec:
    """Messages as JSON, read as strictly as everywhere (`rest/strict_json.py`)."""

    def name(self) -> str:
        """Return the codec's part of the content type."""
        return "json"

    def encode(self, message: Any) -> bytes:
        """Return the JSON of a response."""
        return json_format.MessageToJson(message, indent=None).encode()

    def decode(self, data: bytes | bytearray, message_class: Any) -> Encoded:
        """Keep a request for later."""
        return Encoded(bytes(data), is_json=True)


class WebRpc(ConnectASGIApplication[Any]):
    """The ASGI app for the paths of gRPC's methods."""

    def __init__(self, pipeline: CallPipeline, services: tuple[Any, ...]) -> None:
        """Serve the methods with one request of these services' descriptors."""
        methods = [each for service in services for each in service.methods if not each.client_streaming]
        super().__init__(
            service=None,
            endpoints=lambda _: {_path(each): _endpoint(pipeline, each) for each in methods},
            read_max_bytes=MAX_BODY_BYTES,
            # Nobody is known yet when a request is unpacked.
            compressions=(),
            codecs=(BinaryCodec(), JsonCodec()),
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, unless the library could only fail on it."""
        if (refusal := _refusal(scope)) is not None:
            await refusal(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    @property
    def path(self) -> str:
        """Where it is served: at the paths that gRPC has."""
        return "/"


def _refusal(scope: Scope) -> Response | None:
    """Return the response to gRPC itself, which needs HTTP/2, and to headers that are no text; None for anything else.

    connectrpc answers both with the text of an exception (0.13.0, 2026-12-01).
    """
    if not all(value.isascii() for _, value in scope["headers"]):
        return answers.plain_response(code_pb2.INVALID_ARGUMENT, 400, "A header is not ASCII.")
    kind = dict(scope["headers"]).get(b"content-type", b"").lower()
    if kind.startswith(b"application/grpc") and not kind.startswith(b"application/grpc-web"):
        return answers.plain_response(code_pb2.UNIMPLEMENTED, 415, "gRPC has a port of its own, with HTTP/2.")
    return None


def _path(method: Any) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _endpoint(pipeline: CallPipeline, method: Any) -> Any:
    info: MethodInfo[Any, Any] = MethodInfo(
        name=method.name,
        service_name=method.containing_service.full_name,
        input=GetMessageClass(method.input_type),
        output=GetMessageClass(method.output_type),
        # Not by GET: a request in a URL ends up in logs.
        idempotency_level=IdempotencyLevel.UNKNOWN,
        stream_type=StreamType.SERVER_STREAM if method.server_streaming else StreamType.UNARY,
    )
    handler: Any = pipeline.service(MethodDetails(_path(method)))  # type: ignore[arg-type]
    if method.server_streaming:
        return Endpoint.server_stream(method=info, function=partial(_stream, handler))
    return Endpoint.unary(method=info, function=partial(_unary, handler))


async def _unary(handler: Any, request: Encoded, ctx: Any) -> Any:
    """Call a method with one response."""
    context = _context(request, ctx)
    try:
        raw = await handler.stream_unary(None, context)
    except grpc.aio.AbortError:
        raise _error(context) from None
    return ctx.method.output.FromString(raw)


async def _stream(handler: Any, request: Encoded, ctx: Any) -> AsyncIterator[Any]:
    """Call a method with a stream of responses, for as long as somebody reads them."""
    sent: asyncio.Queue[Any] = asyncio.Queue(maxsize=1)
    context = _context(request, ctx, sent.put)
    call = asyncio.ensure_future(handler.stream_stream(None, context))
    try:
        while (message := await _next(sent, call)) is not None:
            yield message
        await call
    except grpc.aio.AbortError:
        raise _error(context) from None
    finally:
        call.cancel()
        # What it still wants to send goes to nobody, so that it does not wait for room.
        emptying = asyncio.ensure_future(_empty(sent))
        with suppress(asyncio.CancelledError, grpc.aio.AbortError):
            await call
        emptying.cancel()


async def _empty(sent: "asyncio.Queue[Any]") -> None:
    while True:
        await sent.get()


async def _next(sent: "asyncio.Queue[Any]", call: "asyncio.Future[Any]") -> Any:
    """Return the next message of a call, None once it has ended and all are sent."""
    getting = asyncio.ensure_future(sent.get())
    try:
        await asyncio.wait((getting, call), return_when=asyncio.FIRST_COMPLETED)
        if not getting.done() and sent.empty():
            return None
        return await getting
    finally:
        getting.cancel()


def _context(request: Encoded, ctx: Any, write: Callable[[Any], Any] | None = None) -> HttpContext:
    # A header that was sent twice is there twice, which the pipeline refuses.
    metadata = [(auth.HEADER, value) for value in ctx.request_headers.getall(auth.HEADER)]
    metadata.append((request_id.HEADER, log.request_id.get()))
    metadata += [(TRACEPARENT, value) for value in ctx.request_headers.getall(TRACEPARENT)]

    async def read() -> bytes:
        if not request.is_json:
            return request.data
        message = ctx.method.input()
        strict_json.parse(strict_json.loads(request.data), message)
        raw: bytes = message.SerializeToString()
        return raw

    left = None if ctx.timeout_ms is None else ctx.timeout_ms / 1000
    return HttpContext(metadata, f"http:{ctx.client_address or ''}", read, write, seconds=left)


def _error(context: HttpContext) -> ConnectError:
    """Return the error of a call that has failed, with all its details."""
    status = context.status or status_pb2.Status(code=code_pb2.INTERNAL)
    details = [ConnectAny(type_url=each.type_url, value=each.value) for each in status.details]
    return ConnectError(Code[code_pb2.Code.Name(status.code)], status.message, details)

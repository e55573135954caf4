"""The frame around every servicer: one interceptor that takes each call through its steps in one straight line.

Owns the order of the steps and the four kinds of handlers. Does not know what any step decides, nor any method's work.

To gRPC every method is one that reads a stream: of others it reads the whole request, however long that takes and
however large it is, before it asks anybody whether the caller may call at all.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc

from gateway import deadline, log
from gateway.aip import required
from gateway.caller import current_caller
from gateway.clock import Clock
from gateway.errors import FieldInvalid, GatewayUnavailable
from gateway.interceptors import auth, calls, errors, messages, request_id, scopes
from gateway.interceptors.auth import Authenticate
from gateway.interceptors.calls import Call
from gateway.interceptors.deadline import within
from gateway.interceptors.limits import Limits
from gateway.interceptors.request_id import NewId
from gateway.interceptors.unauthenticated import Strangers

_STOPPING = "It is stopping: connect again."
_LAST_WRITE_SECONDS = 5
_HEADERS = (auth.HEADER, request_id.HEADER)


@dataclass(frozen=True, slots=True)
class Steps:
    """What the steps need; `deadline_seconds` is for unary calls whose client set none."""

    authenticate: Authenticate
    limits: Limits
    clock: Clock
    deadline_seconds: float
    max_message_bytes: int
    new_id: NewId = request_id.new_request_id


@dataclass(frozen=True, slots=True)
class Method:
    """What is fixed about one method: its scope (None when it needs no key), and whether it answers in a stream."""

    name: str
    scope: str | None
    streams: bool


class CallPipeline(grpc.aio.ServerInterceptor):
    """The one interceptor of the server; a method is wrapped at its first call and kept."""

    def __init__(self, steps: Steps) -> None:
        """Take what the steps need."""
        self._steps = steps
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        self._open_streams: dict[asyncio.Task[Any], Call] = {}
        self._ending = False
        self._strangers = Strangers()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the wrapped handler; None (UNIMPLEMENTED) for a method that nobody serves."""
        name = str(handler_call_details.method)
        wrapped = self._wrapped.get(name)
        if wrapped is None:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            wrapped = self._wrapped[name] = self._wrap(name, handler)
        return wrapped

    def end_streams(self) -> None:
        """End every response stream, open or about to open, with UNAVAILABLE: watchers connect again, elsewhere."""
        self._ending = True
        for task, call in self._open_streams.items():
            call.draining = True
            task.cancel()

    def _wrap(self, name: str, handler: Any) -> Any:
        """Put the frame around one handler, whichever of the four kinds it is."""
        scope = None if scopes.is_public(name) else scopes.scope_of(name)
        method = Method(name, scope, bool(handler.response_streaming))
        parse = messages.careful(handler.request_deserializer, self._steps.max_message_bytes)
        if handler.request_streaming and handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(
                self._many(method, handler.stream_stream), parse, handler.response_serializer
            )
        if handler.request_streaming:
            return grpc.stream_unary_rpc_method_handler(self._one(method, handler.stream_unary), parse)
        # A single request is read and parsed inside the frame: a caller without a key learns nothing about its bytes.
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(
                self._many(method, handler.unary_stream, parse), None, handler.response_serializer
            )
        return grpc.stream_unary_rpc_method_handler(self._one(method, handler.unary_unary, parse))

    def _one(self, method: Method, behavior: Any, parse: messages.Parser | None = None) -> Any:
        """Wrap a method that answers once; `parse` reads its one request, None leaves its stream of requests alone."""
        if not inspect.iscoroutinefunction(behavior):
            raise TypeError(f"{method.name} must be served by an async function")

        async def serve(requests: Any, context: Any) -> bytes:
            async def work() -> bytes:
                left = context.time_remaining()
                deadline.begin(self._steps.deadline_seconds if left is None else left)
                # A stream takes as long as its bytes do; a single request has no such excuse.
                if parse is None:
                    return messages.serialize(await behavior(requests, context))
                seconds = self._steps.deadline_seconds if left is None else None
                return messages.serialize(await within(seconds, answer(parse)))

            async def answer(parse: messages.Parser) -> Any:
                return await behavior(await self._request(method, context, parse), context)

            return bytes(await self._run(method, context, work))

        return serve

    def _many(self, method: Method, behavior: Any, parse: messages.Parser | None = None) -> Any:
        """Wrap a method that answers in a stream: a generator, or a coroutine that writes by itself."""
        generates = inspect.isasyncgenfunction(behavior)
        if not generates and not inspect.iscoroutinefunction(behavior):
            raise TypeError(f"{method.name} must be served by an async function")

        async def serve(requests: Any, context: Any) -> None:
            async def work() -> None:
                given = requests if parse is None else await self._request(method, context, parse)
                if generates:
                    await _write_all(behavior(given, context), context)
                else:
                    await behavior(given, context)

            async def briefly() -> None:
                async with self._strangers.place(self._steps.deadline_seconds):
                    await work()

            # A stream of requests is read for as long as it lasts.
            await self._run(method, context, briefly if parse is None and method.scope is None else work)

        return serve

    async def _request(self, method: Method, context: Any, parse: messages.Parser) -> Any:
        """Read the one request of a call that was let in; raises FieldInvalid, DeadlineExceeded."""
        if method.scope is None:
            async with self._strangers.place():
                raw = await context.read()
        else:
            # Whatever time the client gave itself.
            raw = await within(self._steps.deadline_seconds, context.read())
        if raw is grpc.aio.EOF:
            raise FieldInvalid("request", "is missing")
        message = parse(raw)
        required.check(message)
        return message

    async def _run(self, method: Method, context: Any, work: Callable[[], Awaitable[Any]]) -> Any:
        """Take one call through the steps, in order, and write its line whatever happened."""
        header, given_id = calls.read_metadata(context.invocation_metadata(), _HEADERS)
        call = Call(method.name, request_id.choose(given_id, self._steps.new_id), context.peer())
        log.request_id.set(call.request_id)
        context.set_trailing_metadata(((request_id.HEADER, call.request_id),))
        try:
            if method.scope is not None:
                await self._admit(method, call, header)
            if method.streams:
                self._open_stream(call)
            return await work()
        except asyncio.CancelledError:
            await self._cancelled(context, call)
            raise
        except grpc.aio.InternalError:
            # gRPC could not send what was to be sent: its client went in that very moment.
            call.code = "CANCELLED"
            raise asyncio.CancelledError from None
        except grpc.aio.AbortError:
            call.code = call.code if call.code != "OK" else calls.name_of(context.code())
            raise
        except Exception as error:
            await errors.answer(context, call, error, self._steps.clock)
        finally:
            self._end(method, call)

    async def _admit(self, method: Method, call: Call, header: str) -> None:
        """Let the caller in: authentication, scope, and a place among its running calls."""
        call.caller = await auth.identify(header, method.scope or "", self._steps.authenticate)
        self._steps.limits.take(call.caller.key_id, stream=method.streams)
        call.counted = True
        current_caller.set(call.caller)

    def _open_stream(self, call: Call) -> None:
        """Keep the stream where the drain finds it; after the drain has looked, no stream opens any more."""
        if self._ending:
            raise GatewayUnavailable(_STOPPING)
        self._open_streams[_task()] = call

    async def _cancelled(self, context: Any, call: Call) -> None:
        """Tell a drain of ours, which is answered, from a client that has gone."""
        if call.draining:
            _task().uncancel()
            await errors.answer(context, call, GatewayUnavailable(_STOPPING), self._steps.clock)
        remaining = context.time_remaining()
        call.code = "DEADLINE_EXCEEDED" if remaining is not None and remaining <= 0 else "CANCELLED"

    def _end(self, method: Method, call: Call) -> None:
        """Return the place back and write the line."""
        if method.streams:
            self._open_streams.pop(_task(), None)
        if call.counted and call.caller is not None:
            self._steps.limits.give(call.caller.key_id, stream=method.streams)
        calls.write_line(call, quiet=method.scope is None)


async def _write_all(responses: AsyncIterator[Any], context: Any) -> None:
    """Send what a generator gives; it is closed at once when the client goes, not when the garbage is collected."""
    async with aclosing(responses) as stream:  # type: ignore[type-var]
        async for response in stream:
            await _write(response, context)


async def _write(response: Any, context: Any) -> None:
    """Send one message; a cancel waits for what is on its way, because gRPC takes no end of a call beside it."""
    sending = asyncio.ensure_future(context.write(response))
    try:
        await asyncio.shield(sending)
    except asyncio.CancelledError:
        # A client that does not read is not waited for longer.
        await asyncio.wait({sending}, timeout=_LAST_WRITE_SECONDS)
        sending.cancel()
        raise


def _task() -> asyncio.Task[Any]:
    """Return the task of the call at hand: gRPC runs each call in one of its own."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a call runs outside a task")
    return task

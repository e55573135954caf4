"""The call pipeline: one handler for all services, which runs every call through the same steps, in one place.

Owns the order of the steps and the four kinds of handlers. Does not know what a step decides, nor what a method does.

Every method is served as one that reads a stream. For unary requests gRPC would read the whole request, however long
that takes and however large it is, before the caller is authenticated.
"""

import asyncio
import inspect
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc

from gateway import deadline, log
from gateway.aip import required
from gateway.aip.sizes import MAX_RESPONSE_BYTES, bounded
from gateway.audit.acts import Act, current_act
from gateway.audit.trail import Trail
from gateway.caller import current_caller
from gateway.clock import Clock
from gateway.errors import AgencySuspended, FieldInvalid
from gateway.interceptors import auth, calls, errors, messages, request_id, scopes
from gateway.interceptors.auth import Authenticate, Recognize
from gateway.interceptors.calls import Call
from gateway.interceptors.limits import Limits
from gateway.interceptors.open_calls import OpenCalls
from gateway.interceptors.request_id import NewId
from gateway.interceptors.unauthenticated import UnauthenticatedSlots
from gateway.telemetry import metrics
from gateway.telemetry.recorder import OFF, TRACEPARENT, Telemetry

_LAST_WRITE_SECONDS = 5
_HEADERS = (auth.HEADER, request_id.HEADER, errors.PREVIOUS, TRACEPARENT)


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """How calls are authenticated and limited, and where it is recorded how those end that change something;
    `deadline_seconds` is for unary calls whose client set none.

    `recognize` is for clients that have a certificate and no key; without it there are none.
    """

    authenticate: Authenticate
    limits: Limits
    clock: Clock
    deadline_seconds: float
    max_message_bytes: int
    trail: Trail | None = None
    telemetry: Telemetry = OFF
    new_id: NewId = request_id.new_request_id
    recognize: Recognize | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """The fixed properties of a method: its scope (None if it needs no key), whether it returns a stream, whether it
    may last for long, and whether the contract marks it as one that can be repeated, or that changes something.
    """

    name: str
    scope: str | None
    streams: bool
    lasting: bool
    idempotent: bool
    changes: bool


class CallPipeline(grpc.GenericRpcHandler):
    """The server's only handler. Services are added to it as they would be to a server; a method's own handler is
    wrapped at its first call.
    """

    def __init__(self, policy: CallPolicy) -> None:
        """Apply `policy` to every call."""
        self._policy = policy
        self.open = OpenCalls(policy.deadline_seconds)
        self._services: list[grpc.GenericRpcHandler] = []
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        self._unauthenticated = UnauthenticatedSlots()

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Serve the methods of a service; called by the generated code."""
        self._services.extend(handlers)

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Do nothing: the generated code adds the same methods once more, to be registered with gRPC's core.

        For each registered method the server keeps a request of its own, and looks through all of them at every call
        (grpcio 1.85.1, 2026-11-30: 50 methods made a call a fifth dearer).
        """

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Return the wrapped handler; None, meaning UNIMPLEMENTED, for an unknown method."""
        name = str(handler_call_details.method)
        wrapped = self._wrapped.get(name)
        if wrapped is None:
            found = (handler for each in self._services if (handler := each.service(handler_call_details)))
            handler = next(found, None)
            if handler is None:
                return None
            wrapped = self._wrapped[name] = self._wrap(name, handler)
        return wrapped

    async def check_keys(self) -> None:
        """End the streams and uploads of keys that were revoked, have expired, or may do less than they could."""
        await self.open.check_keys(self._policy.authenticate, self._policy.recognize)

    def _wrap(self, name: str, handler: Any) -> Any:
        """Wrap one handler, whichever of the four kinds it is."""
        scope = None if scopes.is_public(name) else scopes.scope_of(name)
        streams = bool(handler.response_streaming)
        lasting = streams or bool(handler.request_streaming)
        method = Method(name, scope, streams, lasting, scopes.is_idempotent(name), scopes.changes_something(name))
        parse = messages.checked_parser(handler.request_deserializer, self._policy.max_message_bytes)
        if handler.request_streaming and handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(
                self._many(method, handler.stream_stream), parse, handler.response_serializer
            )
        if handler.request_streaming:
            return grpc.stream_unary_rpc_method_handler(self._one(method, handler.stream_unary), parse)
        # A single request is read and parsed inside the pipeline, so its bytes get no error before the key is checked.
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(
                self._many(method, handler.unary_stream, parse), None, handler.response_serializer
            )
        return grpc.stream_unary_rpc_method_handler(self._one(method, handler.unary_unary, parse))

    def _one(self, method: Method, behavior: Any, parse: messages.Parser | None = None) -> Any:
        """Wrap a method with one response; `parse` reads its one request, None means it reads a stream of requests."""
        if not inspect.iscoroutinefunction(behavior):
            raise TypeError(f"{method.name} must be served by an async function")

        async def serve(requests: Any, context: Any) -> bytes:
            async def work(call: Call) -> bytes:
                left = context.time_remaining()
                deadline.begin(self._policy.deadline_seconds if left is None else left)
                # An upload takes as long as its bytes need; only a single request gets the default deadline.
                request = requests if parse is None else await self._request(method, call, context, parse, left is None)
                if parse is None or call.caller is None:
                    return messages.serialize(await behavior(request, context))
                # Only now: whoever sends nothing takes no turn.
                async with self._policy.limits.turn(call.caller):
                    return messages.serialize(await behavior(request, context))

            return bytes(await self._run(method, context, work))

        return serve

    def _many(self, method: Method, behavior: Any, parse: messages.Parser | None = None) -> Any:
        """Wrap a method with a stream of responses: an async generator, or a coroutine that writes them itself."""
        generates = inspect.isasyncgenfunction(behavior)
        if not generates and not inspect.iscoroutinefunction(behavior):
            raise TypeError(f"{method.name} must be served by an async function")

        async def serve(requests: Any, context: Any) -> None:
            async def work(call: Call) -> None:
                argument = requests if parse is None else await self._request(method, call, context, parse, False)
                if generates:
                    await _write_all(behavior(argument, context), context)
                else:
                    await behavior(argument, context)

            async def work_in_slot(call: Call) -> None:
                async with self._unauthenticated.slot(self._policy.deadline_seconds):
                    await work(call)

            # A public method that reads a stream of requests occupies a slot for as long as it runs.
            await self._run(method, context, work_in_slot if parse is None and method.scope is None else work)

        return serve

    async def _request(self, method: Method, call: Call, context: Any, parse: messages.Parser, limited: bool) -> Any:
        """Read the one request of an admitted call; raises FieldInvalid, DeadlineExceeded.

        Our own deadline applies until it is read even if the client's is longer, and to all of the call if `limited`.
        """
        self.open.limit(call)
        if method.scope is None:
            async with self._unauthenticated.slot():
                raw = await context.read()
        else:
            raw = await context.read()
        if not limited:
            call.ends = math.inf
        if raw is grpc.aio.EOF:
            raise FieldInvalid("request", "is missing")
        message = parse(raw)
        if method.changes:
            current_act.get().about(messages.resource_of(message))
        required.check(message)
        call.repeatable = method.idempotent or bool(getattr(message, "request_id", ""))
        return message

    async def _run(self, method: Method, context: Any, work: Callable[[Call], Awaitable[Any]]) -> Any:
        """Run one call through the steps, in order, and log its line whatever happened."""
        header, sent_id, previous, traceparent = calls.read_metadata(context.invocation_metadata(), _HEADERS)
        call = Call(method.name, request_id.choose(sent_id, self._policy.new_id), context.peer())
        call.repeated, call.header = bool(previous), header
        if not header and self._policy.recognize is not None:
            call.certificate = calls.read_certificate(context)
        call.scope, call.streams, call.lasting = method.scope, method.streams, method.lasting
        log.request_id.set(call.request_id)
        calls.current_call.set(call)
        act = Act(method.name, peer=call.peer, request_id=call.request_id, changes=method.changes)
        current_act.set(act)
        context.set_trailing_metadata(((request_id.HEADER, call.request_id),))
        if method.scope is None:
            # Probes would be most of all traces.
            return await self._run_steps(method, context, call, act, work)
        with self._policy.telemetry.span(
            method.name, root=True, server=True, parent=traceparent, request_id=call.request_id
        ) as span:
            try:
                return await self._run_steps(method, context, call, act, work)
            finally:
                if span is not None:
                    span.set_attribute("rpc.grpc.status", call.code)

    async def _run_steps(
        self, method: Method, context: Any, call: Call, act: Act, work: Callable[[Call], Awaitable[Any]]
    ) -> Any:
        try:
            self.open.enter(call)
            if method.scope is not None:
                await self._admit(method, call, act)
            return await work(call)
        except asyncio.CancelledError:
            await self._cancelled(context, call)
            raise
        except grpc.aio.InternalError:
            # gRPC could not send the response: the client disconnected in that moment.
            call.code = grpc.StatusCode.CANCELLED.name
            raise asyncio.CancelledError from None
        except grpc.aio.AbortError:
            call.code = call.code if call.code != "OK" else calls.code_name(context.code())
            raise
        except Exception as error:
            await errors.answer(context, call, error, self._policy.clock)
        finally:
            self._end(method, call, act)

    async def _admit(self, method: Method, call: Call, act: Act) -> None:
        """Admit the caller: authenticate it, check its scope, and count the call against its limits."""
        policy, certificate = self._policy, call.certificate
        try:
            call.caller = await auth.identify(
                call.header, "", policy.authenticate, certificate=certificate, recognize=policy.recognize
            )
        except AgencySuspended as error:
            act.actor, act.agency = error.key_id, error.agency
            raise
        # Before the scope: who lacks it is on record.
        act.actor, act.agency = call.caller.key_id, call.caller.agency
        auth.check_scope(call.caller, method.scope or "")
        self._policy.limits.acquire(call.caller, stream=method.streams)
        call.counted = True
        current_caller.set(call.caller)

    async def _cancelled(self, context: Any, call: Call) -> None:
        """Handle a cancelled call: one that was ended from here gets its error; otherwise the client has gone."""
        if call.ended_by is not None:
            _task().uncancel()
            await errors.answer(context, call, call.ended_by, self._policy.clock)
        remaining = context.time_remaining()
        expired = remaining is not None and remaining <= 0
        call.code = (grpc.StatusCode.DEADLINE_EXCEEDED if expired else grpc.StatusCode.CANCELLED).name

    def _end(self, method: Method, call: Call, act: Act) -> None:
        """Release the call's slot, log its line and record its end; gRPC sends the answer after this."""
        call.answered = True
        if call.counted and call.caller is not None:
            self._policy.limits.release(call.caller, stream=method.streams)
        calls.write_line(call, quiet=method.scope is None)
        if method.scope is not None:
            seconds = time.monotonic() - call.started
            self._policy.telemetry.record(metrics.CALLS, method.name, call.code, amount=seconds, agency=act.agency)
        if method.changes and self._policy.trail is not None:
            self._policy.trail.end(act, call.code, call.reason)


async def _write_all(responses: AsyncIterator[Any], context: Any) -> None:
    """Send what a generator yields; close it as soon as the client disconnects, not at garbage collection."""
    async with aclosing(responses) as stream:  # type: ignore[type-var]
        async for response in stream:
            await _write(bounded(response, MAX_RESPONSE_BYTES), context)


async def _write(response: Any, context: Any) -> None:
    """Send one message; a cancellation waits for a running write, because gRPC cannot end a call during one."""
    sending = asyncio.ensure_future(context.write(response))
    try:
        await asyncio.shield(sending)
    except asyncio.CancelledError:
        # Do not wait any longer for a client that does not read.
        await asyncio.wait({sending}, timeout=_LAST_WRITE_SECONDS)
        sending.cancel()
        raise


def _task() -> asyncio.Task[Any]:
    """Return the current call's task: gRPC runs each call in its own task."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a call runs outside a task")
    return task

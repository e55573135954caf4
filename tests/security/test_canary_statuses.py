"""No secret leaves in a status: every method of the contract fails with a secret in its exception.

Owns the proof over all methods at once. Does not know what the methods do.
"""

import io
import random
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import grpc
import pytest
from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from gateway.errors import ResourceNotFound
from gateway.interceptors.scopes import METHOD_SCOPES
from gateway.rpc.service import Service
from providers.errors import Unavailable
from tests.rpc.answers import assert_error
from tests.rpc.serving import AUTH, serving

CANARY = "act.canary-3kZ2cBzqkU3Xxpn5Qm!4721.va"
MODULES = (
    *(f"socialgateway.ads.v1.{noun}" for noun in ("ad", "ad_account", "ad_group", "ad_report", "audience", "campaign")),
    *(
        f"socialgateway.v1.{noun}"
        for noun in (
            "account",
            "connection",
            "engagement",
            "event",
            "planner",
            "post",
            "provider",
            "quota",
            "upload",
            "video",
            "webhook_endpoint",
        )
    ),
)


class Failing:
    """A servicer of any service, whose every method raises an exception with a secret in its text, cause and notes."""

    def __getattr__(self, name: str) -> Any:
        """Return a method that fails in its own kind: at once, or after a first message."""
        return stream if name.startswith(("Watch", "Stream")) else single


async def single(request: Any, context: Any) -> Any:
    """Fail."""
    raise fault()


async def stream(request: Any, context: Any) -> Any:
    """Fail as a stream does."""
    if request is None:
        yield None
    raise fault()


def fault() -> Exception:
    """Make an exception with a secret wherever one can be."""
    error = RuntimeError(f"the answer was {CANARY}")
    error.__cause__ = Unavailable(CANARY, code=CANARY)
    error.add_note(CANARY)
    return error


def services() -> list[Service]:
    """Return every service of the contract, each served by a failing servicer."""
    found = []
    for module in MODULES:
        descriptor = import_module(f"{module}_service_pb2").DESCRIPTOR
        stubs = import_module(f"{module}_service_pb2_grpc")
        for name, service in descriptor.services_by_name.items():
            found.append(Service(service, getattr(stubs, f"add_{name}Servicer_to_server"), Failing()))
    return found


METHODS = {
    f"/{service.descriptor.full_name}/{method.name}": method
    for service in services()
    for method in service.descriptor.methods
}


def sound(descriptor: Any) -> Any:
    """Make a request with whatever the contract requires, so that it reaches the servicer."""
    message: Any = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if field_behavior_pb2.REQUIRED not in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]:
            continue
        if field.is_repeated and field.message_type is not None:
            getattr(message, field.name).add().CopyFrom(sound(field.message_type))
        elif field.is_repeated:
            getattr(message, field.name).append("x" if field.type == FieldDescriptor.TYPE_STRING else 1)
        elif field.message_type is not None:
            getattr(message, field.name).CopyFrom(sound(field.message_type))
        elif field.type == FieldDescriptor.TYPE_STRING:
            setattr(message, field.name, "x")
        else:
            setattr(message, field.name, 1)
    return message


def test_every_method_is_tried() -> None:
    """The calls below cover the whole contract."""
    assert set(METHOD_SCOPES) == set(METHODS)


@pytest.mark.parametrize("name", sorted(METHOD_SCOPES))
async def test_no_method_lets_a_secret_out(name: str, written: io.StringIO) -> None:
    """A fault inside any method shows neither client nor log the secret that its exception held."""
    method = METHODS[name]
    body = sound(method.input_type).SerializeToString()
    async with serving(*services()) as served:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _call(served.channel, name, method, body)
    error = caught.value
    assert_error(error, grpc.StatusCode.INTERNAL, "INTERNAL")
    shown = f"{error!r} {error.details()} {error.trailing_metadata()} {error.debug_error_string()}"
    for secret in (CANARY, CANARY[4:20]):
        assert secret not in shown
        assert secret not in written.getvalue()
    assert "RuntimeError" in written.getvalue(), "the cause is in the log"


async def _call(channel: grpc.aio.Channel, name: str, method: Any, body: bytes) -> None:
    """Call a method of any kind with one message, and read its answer."""
    if method.client_streaming:
        call: Any = channel.stream_unary(name)
        await call(iter([body]), metadata=AUTH)
    elif method.server_streaming:
        watch: Any = channel.unary_stream(name)
        async for _ in watch(body, metadata=AUTH):
            pass
    else:
        unary: Any = channel.unary_unary(name)
        await unary(body, metadata=AUTH)


class Empty(Failing):
    """A servicer of any service in which nothing is found."""

    def __getattr__(self, name: str) -> Any:
        """Return a method that finds nothing, after reading what the client streams."""

        async def nothing(request: Any, context: Any) -> Any:
            if hasattr(request, "__aiter__"):
                async for _ in request:
                    pass
            raise ResourceNotFound("x")

        return nothing


def garbage() -> Iterator[bytes]:
    """Yield bytes of every kind: noise, and sound requests with one byte changed, added or left out."""
    chance = random.Random(20261120)
    seed = b"\x0a\x0clocations/l1\x12\x08\x0a\x02id\x12\x02ab\x18\x05"
    for _ in range(60):
        yield chance.randbytes(chance.randrange(1, 40))
        at = chance.randrange(len(seed))
        yield seed[:at] + chance.randbytes(1) + seed[at + chance.randrange(2) :]


@pytest.mark.chaos
@pytest.mark.parametrize("name", sorted(METHOD_SCOPES))
async def test_no_bytes_make_a_method_fail_inside(name: str) -> None:
    """Whatever bytes a caller sends, the answer is that they are no sound request, or the method's own."""
    served_by = [Service(service.descriptor, service.add, Empty()) for service in services()]
    async with serving(*served_by) as served:
        for body in garbage():
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await _call(served.channel, name, METHODS[name], body)
            assert caught.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND), body

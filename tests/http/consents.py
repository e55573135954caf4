"""The consent walk, by hand: begins a connection as a caller does, and presses the page's buttons without a browser.

Owns the stubs and the form. Does not know the pages of the gateway.
"""

from dataclasses import dataclass
from typing import Any

import grpc
import httpx

from gateway.app import Gateway
from gateway.demo.consent import read_form
from providers.simulators.tiktok import Vendor
from socialgateway.v1 import connection_pb2, connection_service_pb2, connection_service_pb2_grpc
from tests.fixtures.whole import AUTH

LOCATION = "locations/l1"


@dataclass(frozen=True, slots=True)
class Walk:
    """A running gateway, the simulated vendor behind it, and a caller of it."""

    gateway: Gateway
    vendor: Vendor
    stub: Any

    async def begin(self, *, metadata: Any = AUTH, **fields: str) -> connection_pb2.Connection:
        """Begin a connection with the bootstrap key, or as `metadata` says; `fields` are the request's."""
        wanted = connection_pb2.Connection(provider="providers/tiktok")
        request = connection_service_pb2.CreateConnectionRequest(parent=LOCATION, connection=wanted, **fields)
        made: connection_pb2.Connection = await self.stub.CreateConnection(request, metadata=metadata, timeout=20)
        return made

    async def status(self, name: str) -> str:
        """Return a connection's status as its caller sees it."""
        request = connection_service_pb2.GetConnectionRequest(name=name)
        found = await self.stub.GetConnection(request, metadata=AUTH, timeout=20)
        return connection_pb2.Connection.Status.Name(found.status)


def walk(gateway: Gateway, vendor: Vendor, channel: grpc.aio.Channel) -> Walk:
    """Make a caller on an open channel."""
    return Walk(gateway, vendor, connection_service_pb2_grpc.ConnectionServiceStub(channel))


async def decide(client: httpx.AsyncClient, uri: str, decision: str) -> str:
    """Press a button on a consent page; give the address that the browser is sent to."""
    page = await client.get(uri)
    form = read_form(page.text)
    data = {name: [value for key, value in form.fields if key == name] for name, _ in form.fields}
    answer = await client.post(str(page.url.join(form.action)), data={**data, "decision": decision})
    return answer.headers["location"]

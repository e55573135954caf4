"""INSTALL and UNINSTALL: their content, their signature, their retries.

Owns: events as the receiver sees them. Knows nothing of how our gateway handles them.
"""

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from providers.simulators.highlevel.tenants import GARAGE
from tests.providers.simulators.highlevel.world import BAKERY, COMPANY, OWNER, World, world


@dataclass
class Receiver:
    """A receiver that answers with the given statuses, then 200; 0 means no response."""

    statuses: list[int] = field(default_factory=list)
    got: list[tuple[str, bytes]] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        """Receive an event."""
        self.got.append((request.headers["x-ghl-signature"], await request.body()))
        status = self.statuses.pop(0) if self.statuses else 200
        if not status:
            raise httpx.ReadTimeout("nobody answers")
        return Response(status_code=status)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The bodies."""
        return [json.loads(body) for _, body in self.got]


@asynccontextmanager
async def listening(receiver: Receiver, **config: Any) -> AsyncIterator[World]:
    """Yield a world whose webhooks reach `receiver`; sleeping advances the clock."""
    transport = httpx.ASGITransport(Starlette(routes=[Route("/hook", receiver.__call__, methods=["POST"])]))
    async with world(webhook_url="https://hook.example/hook", transport=transport, **config) as highlevel:
        yield highlevel


async def test_installing_sends_install_before_the_exchange() -> None:
    """INSTALL is sent with the consent, not with the exchange of the code."""
    receiver = Receiver()
    async with listening(receiver) as highlevel:
        await highlevel.code()
        await highlevel.vendor.idle()
    [event] = receiver.events

    assert ("INSTALL", "Location", BAKERY, COMPANY, OWNER) == tuple(
        event[name] for name in ("type", "installType", "locationId", "companyId", "userId")
    )
    assert ("65f0c0de0000000000000a99", "2026-11-20T12:00:00.000Z") == (event["appId"], event["timestamp"])


async def test_a_bulk_install_sends_an_event_per_location() -> None:
    """A bulk install sends one event per location, each with its own id."""
    receiver = Receiver()
    async with listening(receiver) as highlevel:
        await highlevel.code(BAKERY, GARAGE, agency=True)
        await highlevel.vendor.idle()

    assert {BAKERY, GARAGE} == {event["locationId"] for event in receiver.events}
    assert 2 == len({event["webhookId"] for event in receiver.events})


async def test_an_agencys_install_has_no_location() -> None:
    """An agency's install without a location has installType Company."""
    receiver = Receiver()
    async with listening(receiver) as highlevel:
        highlevel.vendor.install([], company=True)
        await highlevel.vendor.idle()
    [event] = receiver.events

    assert "Company" == event["installType"]
    assert "locationId" not in event


@pytest.mark.parametrize(("target", "count"), [(BAKERY, 1), (COMPANY, 3)])
async def test_uninstalling_sends_uninstall(target: str, count: int) -> None:
    """UNINSTALL is sent for the location, or for the company and each of its locations."""
    receiver = Receiver()
    async with listening(receiver) as highlevel:
        highlevel.grant(GARAGE)
        highlevel.vendor.uninstall(target)
        await highlevel.vendor.idle()

    assert ["UNINSTALL"] * count == [event["type"] for event in receiver.events]


async def test_events_are_signed_over_their_raw_bytes() -> None:
    """Events are signed with Ed25519 in base64; the control endpoints return the public key."""
    receiver = Receiver()
    async with listening(receiver) as highlevel:
        highlevel.vendor.install([BAKERY])
        await highlevel.vendor.idle()
        told = (await highlevel.http.get("/_sim/key")).json()["public_key"]
    [(signature, body)] = receiver.got
    key = load_der_public_key(b64decode(told))

    assert isinstance(key, Ed25519PublicKey)
    assert 64 == len(b64decode(signature))
    key.verify(b64decode(signature), body)


async def test_a_signature_may_be_the_literal_na() -> None:
    """The signature can be the literal "N/A", which receivers must refuse."""
    receiver = Receiver()
    async with listening(receiver, webhook_signed=False) as highlevel:
        highlevel.vendor.install([BAKERY])
        await highlevel.vendor.idle()

    assert "N/A" == receiver.got[0][0]


async def test_only_429_is_retried() -> None:
    """After 429 the same bytes are sent again every ten minutes, until another response."""
    receiver = Receiver([429, 429])
    async with listening(receiver) as highlevel:
        highlevel.vendor.install([BAKERY])
        await highlevel.vendor.idle()
        times = [row.time.isoformat()[11:16] for row in highlevel.vendor.deliveries]

    assert ["12:00", "12:10", "12:20"] == times
    assert 1 == len({body for _, body in receiver.got})


async def test_a_delivery_is_given_up_after_six_retries() -> None:
    """A delivery has seven attempts in all."""
    receiver = Receiver([429] * 20)
    async with listening(receiver) as highlevel:
        highlevel.vendor.install([BAKERY])
        await highlevel.vendor.idle()

        assert [1, 2, 3, 4, 5, 6, 7] == [row.attempt for row in highlevel.vendor.deliveries]


@pytest.mark.parametrize("status", [500, 404, 302, 0])
async def test_every_other_response_is_final(status: int) -> None:
    """After another error or no response the event is lost."""
    receiver = Receiver([status])
    async with listening(receiver) as highlevel:
        highlevel.vendor.install([BAKERY])
        await highlevel.vendor.idle()

        assert [status] == [row.status for row in highlevel.vendor.deliveries]


async def test_without_a_url_nothing_is_sent(highlevel: World) -> None:
    """Webhooks are off by default."""
    highlevel.vendor.install([BAKERY])
    await highlevel.vendor.idle()

    assert [] == highlevel.vendor.deliveries

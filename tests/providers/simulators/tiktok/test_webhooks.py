"""Webhooks (reference §5): which events are sent, how they are signed and retried.

Owns: events as the receiver sees them. Knows nothing of how our gateway handles them.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from providers.simulators.tiktok import SimulatorConfig, create_app
from providers.simulators.tiktok.webhooks import signature
from tests.fixtures.clock import Clock
from tests.providers.simulators.tiktok.world import API, CLIENT, World, file_source

BODY = (
    b'{"client_key":"ck_test","event":"post.publish.publicly_available","create_time":1770210873,'
    b'"user_openid":"-000abc","content":"{\\"publish_id\\":\\"v_pub_file~v2-1.7602997070760331285\\",'
    b'\\"publish_type\\":\\"DIRECT_PUBLISH\\",\\"post_id\\":\\"7602997517160123666\\"}"}'
)


def test_the_signature_vector() -> None:
    """The reference's body and secret yield the reference's signature."""
    assert 256 == len(BODY)
    assert "t=1770210900,s=85f78ee88031ade65bb5d0b70e451c4a534b8fca180f808c2b8a5a6680de0a7d" == signature(
        "test_client_secret", 1770210900, BODY
    )


@dataclass
class Receiver:
    """A receiver that answers with the given statuses, then 200."""

    statuses: list[int] = field(default_factory=list)
    got: list[tuple[str, bytes]] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        """Receive an event."""
        self.got.append((request.headers["tiktok-signature"], await request.body()))
        return Response(status_code=self.statuses.pop(0) if self.statuses else 200)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The bodies, with `content` parsed."""
        bodies = [json.loads(body) for _, body in self.got]
        return [{**body, "content": json.loads(body["content"])} for body in bodies]

    @property
    def names(self) -> list[str]:
        """The names of the events, in order."""
        return [event["event"] for event in self.events]


@asynccontextmanager
async def listening(
    receiver: Receiver, sleep: Callable[[float], Awaitable[None]] | None = None, **config: Any
) -> AsyncIterator[World]:
    """Yield a world whose webhooks reach `receiver`; by default sleeping advances the clock."""
    clock = Clock()

    async def step(seconds: float) -> None:
        clock.advance(seconds)

    app = create_app(
        SimulatorConfig(webhook_url="https://hook.example/webhooks/tiktok", **config),
        clock=clock,
        sleep=sleep or step,
        transport=httpx.ASGITransport(
            Starlette(routes=[Route("/webhooks/tiktok", receiver.__call__, methods=["POST"])])
        ),
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=API) as http:
        tiktok = World(app.state.vendor, http, clock)
        tiktok.token = tiktok.grant()
        yield tiktok
    await tiktok.vendor.aclose()


async def test_a_public_post_sends_complete_then_publicly_available() -> None:
    """Both events are sent without polling, with the documented contents."""
    receiver = Receiver()
    async with listening(receiver) as tiktok:
        publish_id = await tiktok.upload(b"video")
        await tiktok.vendor.idle()
        [post] = tiktok.vendor.posts

    assert ["post.publish.complete", "post.publish.publicly_available"] == receiver.names
    assert {"publish_id": publish_id, "publish_type": "DIRECT_PUBLISH"} == receiver.events[0]["content"]
    assert {
        "publish_id": publish_id,
        "publish_type": "DIRECT_PUBLISH",
        "post_id": str(post.post_id),
    } == receiver.events[1]["content"]


async def test_an_event_has_its_five_fields() -> None:
    """An event has client_key, event, create_time in seconds, user_openid, and content as a string."""
    receiver = Receiver()
    async with listening(receiver) as tiktok:
        tiktok.vendor.revoke(tiktok.open_id)
        await tiktok.vendor.idle()
        open_id = tiktok.open_id

    assert {
        "client_key": "sim-client-key",
        "event": "authorization.removed",
        "create_time": 1795176000,
        "user_openid": open_id,
        "content": '{"reason":1}',
    } == json.loads(receiver.got[0][1])


async def test_events_are_signed_over_their_raw_bytes() -> None:
    """The header is `t=…,s=…`, signed with the client secret."""
    receiver = Receiver()
    async with listening(receiver, client_secret="another-secret") as tiktok:
        tiktok.vendor.revoke(tiktok.open_id)
        await tiktok.vendor.idle()
    [(header, body)] = receiver.got

    assert header.startswith("t=1795176000,s=")
    assert signature("another-secret", 1795176000, body) == header


async def test_the_developers_revocation_has_reason_5() -> None:
    """Revoking through the API sends reason 5, and unfinished publications fail with auth_removed."""
    receiver = Receiver()
    async with listening(receiver) as tiktok:
        await tiktok.direct(file_source(1_000))
        await tiktok.http.post("/v2/oauth/revoke/", data={**CLIENT, "token": tiktok.token})
        await tiktok.vendor.idle()

    assert ["authorization.removed", "post.publish.failed"] == receiver.names
    assert {"reason": 5} == receiver.events[0]["content"]
    assert "auth_removed" == receiver.events[1]["content"]["reason"]


async def test_a_draft_sends_inbox_delivered_then_complete_for_each_post() -> None:
    """publish_type is INBOX_SHARE, and posting the draft twice sends the event twice."""
    receiver = Receiver()
    async with listening(receiver) as tiktok:
        publish_id = await tiktok.upload(b"video", draft=True)
        await tiktok.vendor.idle()
        tiktok.vendor.post_draft(publish_id, "SELF_ONLY")
        tiktok.vendor.post_draft(publish_id, "SELF_ONLY")
        await tiktok.vendor.idle()

    assert ["post.publish.inbox_delivered", "post.publish.complete", "post.publish.complete"] == receiver.names
    assert {"publish_id": publish_id, "publish_type": "INBOX_SHARE"} == receiver.events[0]["content"]


async def test_a_failed_post_sends_its_reason() -> None:
    """post.publish.failed has publish_id, reason and publish_type."""
    receiver = Receiver()
    async with listening(receiver) as tiktok:
        tiktok.vendor.fail_next_publish("frame_rate_check_failed")
        publish_id = await tiktok.upload(b"video")
        await tiktok.vendor.idle()

    assert ["post.publish.failed"] == receiver.names
    assert {
        "publish_id": publish_id,
        "reason": "frame_rate_check_failed",
        "publish_type": "DIRECT_PUBLISH",
    } == receiver.events[0]["content"]


async def test_a_hidden_post_sends_no_longer_public() -> None:
    """The event's name has TikTok's spelling, and the id disappears from status and list."""
    receiver = Receiver()
    async with listening(receiver) as tiktok:
        publish_id = await tiktok.upload(b"video")
        await tiktok.vendor.idle()
        tiktok.vendor.hide_post(publish_id)
        await tiktok.vendor.idle()
        status = await tiktok.status(publish_id)
        listed = (await tiktok.call("/v2/video/list/?fields=id", {})).json()["data"]["videos"]

    assert "post.publish.no_longer_publicaly_available" == receiver.names[-1]
    assert {"publish_id", "publish_type", "post_id"} == receiver.events[-1]["content"].keys()
    assert ([], []) == (status["publicaly_available_post_id"], listed)


@pytest.mark.parametrize("status", [204, 301, 400, 503])
async def test_anything_but_200_is_retried(status: int) -> None:
    """The same bytes with the same signature are sent again, with growing pauses, until 200."""
    receiver = Receiver([status, status])
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async with listening(receiver, sleep) as tiktok:
        tiktok.vendor.revoke(tiktok.open_id)
        await tiktok.vendor.idle()
        attempts = [(row.attempt, row.status) for row in tiktok.vendor.deliveries]

    assert [(1, status), (2, status), (3, 200)] == attempts
    assert 1 == len(set(receiver.got))
    assert [0.5, 1] == pauses


async def test_an_unreachable_receiver_is_given_up() -> None:
    """After the last retry the event is dropped."""

    async def nowhere(scope: object, receive: object, send: object) -> None:
        raise httpx.ConnectError("refused")

    app = create_app(
        SimulatorConfig(webhook_url="https://hook.example/", webhook_retry_seconds=(0.0, 0.0)),
        clock=Clock(),
        transport=httpx.ASGITransport(nowhere),
    )
    vendor = app.state.vendor
    vendor.grant()
    vendor.revoke(next(iter(vendor.users)))
    await vendor.idle()
    await vendor.aclose()

    assert [0, 0, 0] == [row.status for row in vendor.deliveries]


async def test_without_a_url_nothing_is_sent(tiktok: World) -> None:
    """Webhooks are off by default."""
    tiktok.vendor.revoke(tiktok.open_id)
    await tiktok.vendor.idle()

    assert [] == tiktok.vendor.deliveries


def test_events_outside_an_event_loop_wait() -> None:
    """A control that is used outside an event loop neither fails nor loses its event."""
    receiver = Receiver()
    app = create_app(
        SimulatorConfig(webhook_url="https://hook.example/webhooks/tiktok"),
        clock=Clock(),
        transport=httpx.ASGITransport(
            Starlette(routes=[Route("/webhooks/tiktok", receiver.__call__, methods=["POST"])])
        ),
    )
    vendor = app.state.vendor
    vendor.grant()
    vendor.revoke(next(iter(vendor.users)))

    async def later() -> None:
        vendor.settle()
        await vendor.idle()
        await vendor.aclose()

    asyncio.run(later())

    assert ["authorization.removed"] == receiver.names

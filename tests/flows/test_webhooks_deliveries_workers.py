"""Webhooks through a whole gateway: its socket, its workers, its real clock, and the vendor's own sender.

Owns the proof that a webhook ends a post within a second where a poll would come much later.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from sqlalchemy import text

from gateway.app import Gateway, Roles
from gateway.clock import now
from gateway.domain.webhooks import deliveries
from gateway.jobs import sweep
from gateway.servers import open_keys
from providers.simulators.tiktok.webhooks import body_of, signature
from socialgateway.v1 import (
    connection_pb2,
    connection_service_pb2,
    connection_service_pb2_grpc,
    post_pb2,
    post_service_pb2,
    post_service_pb2_grpc,
)
from storage import connections, events
from storage.jobs import queue
from storage.posts import PostRow
from storage.webhooks import WebhookRow
from storage.webhooks import find as find_delivery
from tests.chaos.processes import free_port
from tests.fixtures import media
from tests.fixtures.app import CALLS, EVERYTHING, base_of, running, simulated, target_of
from tests.fixtures.client import new_key
from tests.fixtures.domain import LOCATION, Stage
from tests.fixtures.waiting import until

pytestmark = pytest.mark.chaos

DATA = media.video()
JOBS = Roles(calls=False, jobs=True)


@dataclass
class Whole:
    """A running gateway, with a stage's ways to create accounts and posts in it."""

    gateway: Gateway
    stage: Stage

    async def processing(self, **changes: Any) -> PostRow:
        """Publish until only the vendor's status is missing; the next poll is in a minute."""
        stage = self.stage
        post = await stage.post(await stage.connect(), await stage.upload(DATA), **changes)

        async def waits() -> bool:
            return (await stage.read(post)).state == "PROCESSING"

        await until(waits)
        async with stage.domain.db.transaction() as tx:
            await tx.execute(text("UPDATE posts SET due_at = :due"), {"due": now() + timedelta(seconds=60)})
        return await stage.read(post)

    async def tell(self, event: str, content: dict[str, Any]) -> int:
        """Deliver an event about the vendor's first user."""
        open_id = next(iter(self.stage.vendor.users))
        body = body_of("sim-client-key", event, open_id, content, int(now().timestamp()))
        headers = {"TikTok-Signature": signature("sim-client-secret", int(now().timestamp()), body)}
        async with httpx.AsyncClient(base_url=base_of(self.gateway), trust_env=False) as vendor:
            return (await vendor.post("/webhooks/tiktok", content=body, headers=headers)).status_code

    async def key(self) -> str:
        """Make an API key of the agency whose location it is."""
        store = await open_keys(self.gateway.resources, self.gateway.domain)
        return (await new_key(store, "agency")).secret.reveal()

    async def until_state(self, post: PostRow, state: str, seconds: float = 20) -> None:
        """Wait for a state of the post."""

        async def there() -> bool:
            return (await self.stage.read(post)).state == state

        await until(there, seconds)

    async def types(self) -> list[str]:
        """Return the types of all events."""
        async with self.stage.domain.db.read() as tx:
            return [event.type for event in await events.after(tx, LOCATION, 0, limit=1000)]


@asynccontextmanager
async def whole(database_url: str, folder: Path, *, roles: Roles = EVERYTHING, **config: Any) -> AsyncIterator[Whole]:
    """Run a gateway and its vendor, which sends it webhooks."""
    address = f"127.0.0.1:{free_port()}"
    url = f"http://{address}/webhooks/tiktok" if config.pop("telling", False) else None
    async with (
        simulated(rate_limits=False, webhook_url=url, **config) as (vendor, pointing),
        running(database_url, folder, roles=roles, http_address=address, **pointing) as gateway,
    ):
        stage = Stage(gateway.domain, vendor, gateway.domain.clock)  # type: ignore[arg-type]
        yield Whole(gateway, stage)


async def test_a_webhook_ends_a_post_within_a_second(database_url: str, tmp_path: Path) -> None:
    """The next poll is a minute away; from the vendor's request to the final state less than a second passes."""
    async with whole(database_url, tmp_path, processing_seconds=3600) as running_whole:
        post = await running_whole.processing()
        [publish_id] = running_whole.stage.vendor.publisher.publications
        began = time.monotonic()
        assert 200 == await running_whole.tell("post.publish.complete", {"publish_id": publish_id})
        await running_whole.until_state(post, "PUBLISHED", 1.0)
        took = time.monotonic() - began

    assert took < 1.0
    assert post.due_at is not None
    assert post.due_at - now() > timedelta(seconds=30)


async def test_a_caller_sees_what_a_webhook_reports(database_url: str, tmp_path: Path) -> None:
    """A watch over gRPC ends with PUBLISHED, and a removed grant is EXPIRED with its reason: without a poll."""
    async with (
        whole(database_url, tmp_path, processing_seconds=3600) as running_whole,
        grpc.aio.insecure_channel(target_of(running_whole.gateway)) as channel,
    ):
        metadata = (("authorization", f"Bearer {await running_whole.key()}"),)
        post = await running_whole.processing()
        request = post_service_pb2.WatchPostRequest(name=f"locations/{LOCATION}/posts/{post.id}")
        posts: Any = post_service_pb2_grpc.PostServiceStub(channel)
        watching = posts.WatchPost(request, metadata=metadata, timeout=20)
        seen = [(await watching.read()).post.state]
        [publish_id] = running_whole.stage.vendor.publisher.publications
        await running_whole.tell("post.publish.complete", {"publish_id": publish_id})
        while (message := await watching.read()) is not grpc.aio.EOF:
            seen.append(message.post.state)
        assert [post_pb2.Post.PROCESSING, post_pb2.Post.PUBLISHED] == seen

        await running_whole.tell("authorization.removed", {"reason": 1})
        stub: Any = connection_service_pb2_grpc.ConnectionServiceStub(channel)
        asked = connection_service_pb2.GetConnectionRequest(name=f"locations/{LOCATION}/connections/c1")

        async def expired() -> bool:
            found = await stub.GetConnection(asked, metadata=metadata)
            return bool(found.status == connection_pb2.Connection.EXPIRED)

        await until(expired)
        found = await stub.GetConnection(asked, metadata=metadata)

    assert connection_pb2.REASON_CODE_TOKEN_REVOKED == found.reason_code
    assert (True, False) == ("disconnected" in found.reason_message, found.HasField("authorization"))


async def test_a_process_without_workers_receives_what_another_one_applies(database_url: str, tmp_path: Path) -> None:
    """The HTTP edge and the workers may be two processes: it is applied within the same second."""
    async with (
        whole(database_url, tmp_path / "edge", roles=CALLS) as edge,
        running(database_url, tmp_path / "worker", roles=JOBS),
    ):
        await edge.stage.connect()
        began = time.monotonic()
        assert 200 == await edge.tell("authorization.removed", {"reason": 2})

        async def expired() -> bool:
            async with edge.stage.domain.db.read() as tx:
                return (await connections.get(tx, LOCATION, "c1")).status == "EXPIRED"

        await until(expired, 1.0)
        assert time.monotonic() - began < 1.0


async def test_the_vendors_own_deliveries_publish_a_post_with_its_uri(database_url: str, tmp_path: Path) -> None:
    """A public post, with webhooks from the simulated vendor's own socket: published, then its id and URL, without a
    poll.
    """
    async with whole(
        database_url, tmp_path, telling=True, processing_seconds=1.5, moderation_seconds=0.5
    ) as running_whole:
        post = await running_whole.processing(options={"privacy_level": "public"})
        asked = sum(call.operation == "status" for call in running_whole.stage.vendor.requests)

        async def public() -> bool:
            return bool((await running_whole.stage.read(post)).public_uri)

        await until(public, 10)
        found, [posted] = await running_whole.stage.read(post), running_whole.stage.vendor.posts
        after = sum(call.operation == "status" for call in running_whole.stage.vendor.requests)
        await until(lambda: [200, 200] == [row.status for row in running_whole.stage.vendor.deliveries])

        async def reported() -> bool:
            return "POST_PUBLICLY_AVAILABLE" in await running_whole.types()

        await until(reported)

    assert asked == after
    assert ("PUBLISHED", str(posted.post_id)) == (found.state, found.provider_post_id)
    assert found.public_uri.endswith(f"/video/{posted.post_id}")


async def test_a_delivery_whose_job_was_lost_is_found_again(database_url: str, tmp_path: Path) -> None:
    """An emptied queue, or a worker that died with the job, loses no delivery."""
    async with whole(database_url, tmp_path, roles=CALLS) as edge:
        await edge.stage.connect()
        await edge.tell("something.new", {"a": 1})
        app = queue(edge.stage.domain.db.url)
        async with app.open_async():
            worker = await app.job_manager.register_worker()
            held = await app.job_manager.fetch_job(queues=[deliveries.QUEUE], worker_id=worker)
            async with edge.stage.domain.db.transaction() as tx:
                await tx.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'"))
            await sweep.stalled(app, edge.stage.domain, 10)
        assert held is not None
        due = await deliveries.sweep(edge.stage.domain)
        await deliveries.apply(edge.stage.domain, str(held.task_kwargs["id"]))
        row: WebhookRow | None
        async with edge.stage.domain.db.read() as tx:
            row = await find_delivery(tx, str(held.task_kwargs["id"]))

    assert row is not None
    assert (1, "shown") == (due, row.outcome)

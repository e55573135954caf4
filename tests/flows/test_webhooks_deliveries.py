"""TikTok's webhooks: every event has its effect once, and nothing else has any.

Owns the proofs of `gateway/domain/webhooks/deliveries.py` and `post_events.py`: over the HTTP edge in process, with a
real database; a test does what the job would do. The clock is moved by hand.
"""

import asyncio
import io
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gateway.domain.concurrency import LEASE
from gateway.domain.posts import read
from gateway.domain.publishing import step
from gateway.domain.quotas import standing
from gateway.domain.webhooks import deliveries
from gateway.http.app import Edge
from gateway.jobs import sweep
from gateway.readiness import Report
from providers.simulators.tiktok import Fault, SimulatorConfig
from providers.simulators.tiktok.webhooks import body_of, signature
from storage import accounts, attempts, connections, events, tokens
from storage import posts as rows
from storage.connections import ConnectionRow
from storage.events import EventRow
from storage.fair import FairPlaces
from storage.posts import PostRow
from tests.fixtures import media
from tests.fixtures.domain import LOCATION, Stage, opened
from tests.fixtures.rows import as_grant, connect, connection_row
from tests.fixtures.waiting import until

DATA = media.video()
KEY, SECRET = "sim-client-key", "sim-client-secret"
QUIET = SimulatorConfig(
    rate_limits=False, posts_per_day=None, pending_drafts=None, processing_seconds=10**6, moderation_seconds=10**6
)
PUBLIC = {"privacy_level": "public"}


async def _nobody_asks() -> Report:
    raise AssertionError("nobody asks whether it is ready")


@dataclass
class Telling:
    """A stage, and TikTok's way to send it webhooks."""

    stage: Stage
    edge: httpx.AsyncClient

    async def send(self, body: bytes, header: str | None = None, path: str = "/webhooks/tiktok") -> int:
        """Deliver bytes, signed now unless a header is given, and return the answer's status."""
        sent = signature(SECRET, int(self.stage.clock().timestamp()), body) if header is None else header
        return (await self.edge.post(path, content=body, headers={"TikTok-Signature": sent})).status_code

    def body(self, event: str, content: dict[str, Any], *, at: datetime | None = None, subject: str = "") -> bytes:
        """Return the body of an event about the vendor's first user, as of now."""
        open_id = subject or next(iter(self.stage.vendor.users))
        return body_of(KEY, event, open_id, content, int((at or self.stage.clock()).timestamp()))

    async def tell(self, event: str, content: dict[str, Any], **about: Any) -> list[str]:
        """Deliver an event, apply it, and return the outcomes of all that was due."""
        assert 200 == await self.send(self.body(event, content, **about))
        return await self.apply()

    async def apply(self) -> list[str]:
        """Apply the due deliveries, as the job does, and return the outcomes, "" for what is due again later."""
        waiting = await self.rows("webhooks", "due_at IS NOT NULL ORDER BY receive_time")
        for row in waiting:
            await deliveries.apply(self.stage.domain, row["id"])
        ids = [row["id"] for row in waiting]
        return [row["outcome"] for row in await self.rows("webhooks") if row["id"] in ids]

    async def due(self) -> int:
        """Lease what is due, as a process does, and return how many deliveries that were."""
        taken, _ = await deliveries.take_due(self.stage.domain, FairPlaces(10))
        return len(taken)

    async def rows(self, table: str, where: str = "true") -> list[dict[str, Any]]:
        """Return the rows of a table."""
        async with self.stage.domain.db.read() as tx:
            found = await tx.execute(text(f"SELECT to_jsonb(t) FROM {table} t WHERE {where}"))
            return [row for (row,) in found]

    async def events(self, *types: str, location: str = LOCATION) -> list[EventRow]:
        """Return the events of some types."""
        async with self.stage.domain.db.read() as tx:
            found = await events.after(tx, location, 0, limit=10_000)
        return [event for event in found if event.type in types]

    async def states(self, post: PostRow) -> list[str]:
        """Return the states in the post's events, in order."""
        found = await self.events("POST_STATE_CHANGED")
        return [event.payload["post"]["state"] for event in found if event.payload["post"]["id"] == post.id]

    async def publish_id(self, post: PostRow, number: int = 1) -> str:
        """Return the vendor's publish id of an attempt."""
        async with self.stage.domain.db.read() as tx:
            attempt = await attempts.find(tx, post.location, post.id, number)
        assert attempt is not None
        return attempt.publish_id

    async def connection(self, id: str = "c1", location: str = LOCATION) -> ConnectionRow:
        """Return a connection as it is."""
        async with self.stage.domain.db.read() as tx:
            return await connections.get(tx, location, id)

    async def processing(self, account: str, **changes: Any) -> tuple[PostRow, str]:
        """Publish until only the vendor's status is missing, and return the post and its publish id."""
        post = await self.stage.post(account, await self.stage.upload(DATA), **changes)
        post = await self.stage.step(post)
        assert "PROCESSING" == post.state
        return post, await self.publish_id(post)

    async def draft(self, account: str) -> tuple[PostRow, str]:
        """Deliver a draft to its creator's inbox."""
        post, publish_id = await self.processing(account, mode="creator_inbox", options={})
        await self.tell("post.publish.inbox_delivered", {"publish_id": publish_id})
        post = await self.stage.read(post)
        assert "AWAITING_CREATOR" == post.state
        return post, publish_id


@pytest.fixture
async def telling(database_url: str, tmp_path: Path) -> AsyncIterator[Telling]:
    """Yield a stage whose vendor never finishes by itself, and the edge that takes webhooks."""
    async with opened(database_url, tmp_path, QUIET) as stage, telling_of(stage) as found:
        yield found


@asynccontextmanager
async def telling_of(stage: Stage) -> AsyncIterator[Telling]:
    """Yield the vendor's way to send webhooks to a domain, without sockets."""
    transport = httpx.ASGITransport(Edge(_nobody_asks, domain=stage.domain).app())
    async with httpx.AsyncClient(transport=transport, base_url="http://edge") as edge:
        yield Telling(stage, edge)


# Posts


async def test_a_complete_event_publishes_a_post(telling: Telling) -> None:
    """The vendor's `complete` event publishes the post once, without a poll."""
    post, publish_id = await telling.processing(await telling.stage.connect())
    asked = len(telling.stage.vendor.requests)

    outcomes = await telling.tell("post.publish.complete", {"publish_id": publish_id})

    assert ["applied"] == outcomes
    assert ["QUEUED", "TRANSFERRING", "PROCESSING", "PUBLISHED"] == await telling.states(post)
    assert asked == len(telling.stage.vendor.requests)


async def test_a_failed_event_fails_a_post_with_its_reason(telling: Telling) -> None:
    """The post's error has the vendor's code."""
    post, publish_id = await telling.processing(await telling.stage.connect())

    await telling.tell("post.publish.failed", {"publish_id": publish_id, "reason": "frame_rate_check_failed"})

    found = await telling.stage.read(post)
    assert found.error is not None
    assert ("FAILED", "MEDIA_INVALID", "frame_rate_check_failed") == (
        found.state,
        found.error["reason"],
        found.error["metadata"]["providerCode"],
    )


async def test_a_failure_for_a_daily_cap_teaches_it(telling: Telling) -> None:
    """Callers see which quota is used up and until when; the ledger has it too, and does not count the failed post."""
    account = await telling.stage.connect()
    post, publish_id = await telling.processing(account)

    await telling.tell("post.publish.failed", {"publish_id": publish_id, "reason": "spam_risk_too_many_posts"})

    found = await telling.stage.read(post)
    async with telling.stage.domain.db.read() as tx:
        known = await standing.of_account(telling.stage.domain, await accounts.get(tx, LOCATION, account))
    [cap] = [each for each in known if each.rule.metric == "posts_per_day"]
    until_when = telling.stage.clock() + timedelta(days=1)
    assert (0, True, until_when) == (cap.used, cap.learned, cap.reset_time)
    assert found.error is not None
    assert ("FAILED", "PROVIDER_DAILY_CAP", "posts_per_day", until_when.isoformat()) == (
        found.state,
        found.error["reason"],
        found.error["metadata"]["quota"],
        found.error["metadata"]["retryAt"],
    )


async def test_a_retryable_failure_is_retried(telling: Telling) -> None:
    """`internal` starts another attempt; a second delivery changes nothing."""
    post, publish_id = await telling.processing(await telling.stage.connect())

    content = {"publish_id": publish_id, "reason": "internal"}
    first = await telling.tell("post.publish.failed", content)
    again = await telling.tell("post.publish.failed", content, at=telling.stage.clock() + timedelta(seconds=1))

    found = await telling.stage.read(post)
    assert (["applied"], ["known"]) == (first, again)
    assert ("QUEUED", 2) == (found.state, found.attempt)


async def test_a_draft_waits_for_its_creator_who_may_post_it_more_than_once(telling: Telling) -> None:
    """inbox_delivered, then complete twice: the second changes nothing, and the state never steps back."""
    post, publish_id = await telling.draft(await telling.stage.connect())

    later = telling.stage.clock() + timedelta(seconds=7)
    outcomes = [
        await telling.tell("post.publish.complete", {"publish_id": publish_id}),
        await telling.tell("post.publish.complete", {"publish_id": publish_id}, at=later),
        await telling.tell("post.publish.inbox_delivered", {"publish_id": publish_id}, at=later),
    ]

    assert [["applied"], ["known"], ["known"]] == outcomes
    assert ["AWAITING_CREATOR", "PUBLISHED"] == (await telling.states(post))[-2:]


async def test_a_late_public_id_fills_id_and_uri(telling: Telling) -> None:
    """publicly_available after the end: the exact id, the URL, and one event."""
    post, publish_id = await telling.processing(await telling.stage.connect(), options=PUBLIC)
    await telling.tell("post.publish.complete", {"publish_id": publish_id})
    before = await telling.stage.read(post)

    content = {"publish_id": publish_id, "post_id": "7602997517160123666", "publish_type": "DIRECT_PUBLISH"}
    outcomes = await telling.tell("post.publish.publicly_available", content)

    found, [event] = await telling.stage.read(post), await telling.events("POST_PUBLICLY_AVAILABLE")
    uri = "https://www.tiktok.com/@creator/video/7602997517160123666"
    [row] = await telling.rows("webhooks", "event LIKE '%publicly%'")
    assert ["applied"] == outcomes
    assert ("PUBLISHED", "", "") == (before.state, before.provider_post_id, before.public_uri)
    assert ("PUBLISHED", "7602997517160123666", uri, None) == (
        found.state,
        found.provider_post_id,
        found.public_uri,
        found.due_at,
    )
    assert (f"locations/l1/posts/{post.id}", row["dedupe_key"]) == (event.subject, event.provider_event_id)
    assert ("7602997517160123666", uri) == (event.payload["provider_post_id"], event.payload["post"]["public_uri"])


async def test_every_public_id_is_kept(telling: Telling) -> None:
    """Each publicly_available names one id: two make two ids, in their order, and a repeated one changes nothing."""
    post, publish_id = await telling.processing(await telling.stage.connect(), options=PUBLIC)
    outcomes: list[str] = []
    for id in ("7602997070760331001", "7602997070760331002", "7602997070760331001"):
        at = telling.stage.clock() + timedelta(seconds=len(outcomes))
        content = {"publish_id": publish_id, "post_id": id}
        outcomes += await telling.tell("post.publish.publicly_available", content, at=at)

    found = await telling.stage.read(post)
    assert ["applied", "applied", "known"] == outcomes
    assert ["7602997070760331001", "7602997070760331002"] == found.provider_post_ids
    assert ("PUBLISHED", "7602997070760331001") == (found.state, found.provider_post_id)
    assert found.public_uri.endswith("7602997070760331001")


async def test_publicly_available_alone_means_published(telling: Telling) -> None:
    """Deliveries come in any order: the id may come first; what follows changes nothing."""
    post, publish_id = await telling.processing(await telling.stage.connect(), options=PUBLIC)

    await telling.tell("post.publish.publicly_available", {"publish_id": publish_id, "post_id": 7602997517160123666})
    late = await telling.tell("post.publish.complete", {"publish_id": publish_id})

    found = await telling.stage.read(post)
    assert ["known"] == late
    assert ("PUBLISHED", "7602997517160123666") == (found.state, found.provider_post_id)
    assert 1 == (await telling.states(post)).count("PUBLISHED")


async def test_a_draft_made_public_is_published_with_its_id(telling: Telling) -> None:
    """AWAITING_CREATOR needs no `complete` event before."""
    post, publish_id = await telling.draft(await telling.stage.connect())

    await telling.tell("post.publish.publicly_available", {"publish_id": publish_id, "post_id": "7"})

    found = await telling.stage.read(post)
    assert ("PUBLISHED", "7") == (found.state, found.provider_post_id)


async def test_a_change_of_availability_is_reported(telling: Telling) -> None:
    """Public, public again, hidden (misspelt), hidden (spelt correctly), public: three events; the state stays."""
    post, publish_id = await telling.processing(await telling.stage.connect(), options=PUBLIC)
    content = {"publish_id": publish_id, "post_id": "7"}
    for second, event in enumerate(
        (
            "publicly_available",
            "publicly_available",
            "no_longer_publicaly_available",
            "no_longer_publicly_available",
            "publicly_available",
        )
    ):
        at = telling.stage.clock() + timedelta(seconds=second)
        await telling.tell(f"post.publish.{event}", content, at=at)

    found = await telling.events("POST_PUBLICLY_AVAILABLE", "POST_NO_LONGER_AVAILABLE")
    assert ["POST_PUBLICLY_AVAILABLE", "POST_NO_LONGER_AVAILABLE", "POST_PUBLICLY_AVAILABLE"] == [
        event.type for event in found
    ]
    assert "PUBLISHED" == (await telling.stage.read(post)).state


@pytest.mark.parametrize(
    ("event", "state"), [("complete", "PUBLISHED"), ("failed", "FAILED"), ("inbox_delivered", "AWAITING_CREATOR")]
)
async def test_a_webhook_can_come_before_the_response_to_the_last_bytes(
    telling: Telling, event: str, state: str
) -> None:
    """A post in FINAL_SENT, whose last response is not known yet, is ended by the webhook too."""
    stage = telling.stage
    account = await stage.connect()
    post = await stage.post(account, await stage.upload(DATA))
    stage.vendor.faults.add(
        Fault(match="upload", kind="drop_after"), Fault(match="status", kind="status", status=500, times=9)
    )
    await stage.step(post)
    async with stage.domain.db.read() as tx:
        attempt = await attempts.find(tx, LOCATION, post.id, 1)
    assert attempt is not None
    assert "FINAL_SENT" == attempt.state

    content = {"publish_id": attempt.publish_id, "reason": "spam_risk"}
    assert ["applied"] == await telling.tell(f"post.publish.{event}", content)
    assert state == (await stage.read(post)).state
    assert 1 == (await telling.states(post)).count(state)


async def test_a_webhook_ends_a_doubt(telling: Telling) -> None:
    """INDETERMINATE becomes PUBLISHED when the vendor reports it."""
    stage = telling.stage
    post, publish_id = await telling.processing(await stage.connect())
    stage.vendor.faults.add(Fault(match="status", kind="error", code="invalid_publish_id", times=50))
    assert "INDETERMINATE" == (await stage.finish(post)).state

    assert ["applied"] == await telling.tell("post.publish.complete", {"publish_id": publish_id})
    assert "PUBLISHED" == (await stage.read(post)).state


@pytest.mark.parametrize(
    ("event", "reason", "state"),
    [("failed", "publish_cancelled", "CANCELLED"), ("failed", "internal", "CANCELLED"), ("complete", "", "PUBLISHED")],
)
async def test_a_cancelling_post_ends_as_the_vendor_reports(
    telling: Telling, event: str, reason: str, state: str
) -> None:
    """A CANCELLING post is CANCELLED if its publish failed, PUBLISHED if it succeeded."""
    post, publish_id = await telling.processing(await telling.stage.connect())
    async with telling.stage.domain.db.transaction() as tx:
        await tx.execute(text("UPDATE posts SET state = 'CANCELLING'"))

    await telling.tell(f"post.publish.{event}", {"publish_id": publish_id, "reason": reason})

    assert state == (await telling.stage.read(post)).state


# What contradicts the journal


async def contradiction(telling: Telling, post: PostRow, before: list[str]) -> dict[str, Any]:
    """Return the payload of the one event that reports a contradiction; the post has not moved."""
    [event] = await telling.events("PROVIDER_UNKNOWN")
    assert before == await telling.states(post)
    assert f"locations/l1/posts/{post.id}" == event.subject
    return event.payload


async def test_a_contradiction_of_a_failed_post_is_reported(telling: Telling) -> None:
    """FAILED, and then the vendor reports it as published: an event shows both facts to a person."""
    post, publish_id = await telling.processing(await telling.stage.connect())
    await telling.tell("post.publish.failed", {"publish_id": publish_id, "reason": "spam_risk"})
    before = await telling.states(post)

    outcomes = await telling.tell("post.publish.complete", {"publish_id": publish_id})

    shown = await contradiction(telling, post, before)
    assert ["contradicted"] == outcomes
    assert ("post.publish.complete", {"number": 1, "state": "FAILED", "fail_code": "spam_risk"}, "FAILED") == (
        shown["event"],
        shown["attempt"],
        shown["post"]["state"],
    )


async def test_a_replaced_publish_that_was_published_after_all_stops_the_newer_one(telling: Telling) -> None:
    """Nothing of the newer attempt was sent yet: it never is, and the post has the outcome of the older one."""
    post, publish_id = await telling.processing(await telling.stage.connect())
    await telling.tell("post.publish.failed", {"publish_id": publish_id, "reason": "internal"})

    assert ["applied"] == await telling.tell("post.publish.complete", {"publish_id": publish_id})

    telling.stage.clock.advance(timedelta(minutes=5))
    published = await telling.stage.step(await telling.stage.read(post))
    assert ("PUBLISHED", 2) == (published.state, published.attempt)
    assert 1 == len(telling.stage.vendor.inits)
    content = {"publish_id": publish_id, "post_id": "7602997517160123666"}
    assert ["applied"] == await telling.tell("post.publish.publicly_available", content)
    assert [] == await telling.events("PROVIDER_UNKNOWN")


async def test_a_replaced_publish_is_not_mistaken_for_the_new_one(telling: Telling) -> None:
    """Both were published: the newer attempt continues to its own end, and an event reports what happened."""
    post, publish_id = await telling.processing(await telling.stage.connect())
    await telling.tell("post.publish.failed", {"publish_id": publish_id, "reason": "internal"})
    telling.stage.clock.advance(timedelta(minutes=5))
    assert "PROCESSING" == (await telling.stage.step(await telling.stage.read(post))).state
    before = await telling.states(post)

    assert ["contradicted"] == await telling.tell("post.publish.complete", {"publish_id": publish_id})

    shown = await contradiction(telling, post, before)
    assert ({"number": 1, "state": "ABANDONED", "fail_code": ""}, 2) == (shown["attempt"], shown["post"]["attempt"])


async def test_a_published_post_that_is_reported_as_failed_stays_published(telling: Telling) -> None:
    """A failure reported for a published post is shown as an event, and the post stays published."""
    post, publish_id = await telling.processing(await telling.stage.connect())
    await telling.tell("post.publish.complete", {"publish_id": publish_id})
    before = await telling.states(post)

    outcomes = await telling.tell("post.publish.failed", {"publish_id": publish_id, "reason": "internal"})

    assert ["contradicted"] == outcomes
    assert "PUBLISHED" == (await contradiction(telling, post, before))["post"]["state"]


# Whose connection they concern


async def test_another_users_publish_id_moves_nothing(telling: Telling) -> None:
    """A delivery about another user's publish id changes nothing."""
    post, publish_id = await telling.processing(await telling.stage.connect())

    outcomes = await telling.tell("post.publish.complete", {"publish_id": publish_id}, subject="somebody-else")

    assert ["no_connection"] == outcomes
    assert "PROCESSING" == (await telling.stage.read(post)).state


async def test_a_disconnected_accounts_webhooks_are_stored_and_move_nothing(telling: Telling) -> None:
    """The delivery is stored with its outcome; posts, events and the connection are as before."""
    _, publish_id = await telling.processing(await telling.stage.connect())
    async with telling.stage.domain.db.transaction() as tx:
        await connections.change(tx, LOCATION, "c1", telling.stage.clock(), status="DISCONNECTED")
    before = [await telling.rows(table) for table in ("posts", "attempts", "connections", "events")]

    outcomes = [
        await telling.tell("post.publish.complete", {"publish_id": publish_id}),
        await telling.tell("authorization.removed", {"reason": 2}),
        await telling.tell("something.new", {"a": 1}),
    ]

    assert [["no_connection"]] * 3 == outcomes
    assert 3 == len(await telling.rows("webhooks"))
    assert before == [await telling.rows(table) for table in ("posts", "attempts", "connections", "events")]


async def test_a_webhook_about_an_unknown_publish_is_retried_then_stored(telling: Telling) -> None:
    """An unknown publish id may belong to a submit in progress; after a minute the delivery is stored as unknown."""
    await telling.stage.connect()
    outcomes = await telling.tell("post.publish.complete", {"publish_id": "v_pub_url~never"})
    for _ in range(5):
        telling.stage.clock.advance(timedelta(seconds=40))
        assert 1 == await telling.due()
        outcomes += await telling.apply()

    assert ["", "", "", "", "", "unknown_publish"] == outcomes
    assert [] == await telling.events("PROVIDER_UNKNOWN")


async def test_a_webhook_that_overtakes_the_response_to_a_submit_is_not_lost(telling: Telling) -> None:
    """Delivered before the publish id is in the journal, it is applied as soon as it is."""
    post, publish_id = await telling.processing(await telling.stage.connect())
    async with telling.stage.domain.db.transaction() as tx:
        await tx.execute(text("UPDATE attempts SET publish_id = ''"))
    early = await telling.tell("post.publish.complete", {"publish_id": publish_id})
    async with telling.stage.domain.db.transaction() as tx:
        await tx.execute(text("UPDATE attempts SET publish_id = :id"), {"id": publish_id})
    telling.stage.clock.advance(timedelta(seconds=3))

    assert [""] == early
    assert 1 == await telling.due()
    assert ["applied"] == await telling.apply()
    assert "PUBLISHED" == (await telling.stage.read(post)).state


async def lost_answer(telling: Telling) -> PostRow:
    """Return a post whose submit may have published it, and whose response was lost."""
    post, _ = await telling.processing(await telling.stage.connect(), options=PUBLIC)
    async with telling.stage.domain.db.transaction() as tx:
        await tx.execute(text("UPDATE posts SET state = 'INDETERMINATE'"))
        await tx.execute(text("UPDATE attempts SET state = 'INDETERMINATE', publish_id = ''"))
    return post


async def test_an_attempt_without_an_id_adopts_that_of_the_webhook(telling: Telling) -> None:
    """After a lost response to the submit the webhook supplies the id and the result."""
    post = await lost_answer(telling)

    content = {"publish_id": "v_pub_url~1", "post_id": "7602997517160123666"}
    # A post that became visible may be an old one: it is no proof of a new one.
    assert [""] == await telling.tell("post.publish.publicly_available", content)
    assert ["applied", ""] == sorted(await telling.tell("post.publish.complete", {"publish_id": "v_pub_url~1"}))[::-1]
    assert ["applied"] == await telling.apply()

    found = await telling.stage.read(post)
    assert ("PUBLISHED", "7602997517160123666") == (found.state, found.provider_post_id)
    assert "v_pub_url~1" == await telling.publish_id(post)


async def test_of_two_concurrent_ids_an_attempt_adopts_one(telling: Telling) -> None:
    """Of two unknown publishes at most one is adopted, in any order of delivery."""
    await lost_answer(telling)
    for number in range(10):
        for id in ("v_pub_url~1", "v_pub_url~2"):
            at = telling.stage.clock() + timedelta(seconds=number)
            await telling.send(telling.body("post.publish.complete", {"publish_id": id}, at=at))
    waiting = [row["id"] for row in await telling.rows("webhooks")]
    await asyncio.gather(*(deliveries.apply(telling.stage.domain, id) for id in waiting))

    outcomes = {row["outcome"] for row in await telling.rows("webhooks")}
    assert {"applied", "known", ""} >= outcomes
    assert [10, 1] == [
        len(await telling.rows("webhooks", "outcome = ''")),
        len(await telling.rows("webhooks", "outcome = 'applied'")),
    ]
    assert 1 == len([event for event in await telling.events("POST_STATE_CHANGED") if _published(event)])


def _published(event: EventRow) -> bool:
    return bool(event.payload["post"]["state"] == "PUBLISHED")


# Grants


async def connect_elsewhere(telling: Telling, location: str, connection: str = "c1") -> None:
    """Connect the vendor's first user in another location too."""
    now, grant = telling.stage.clock(), as_grant(telling.stage.vendor.grant(), telling.stage.clock())
    row = connection_row(now, location=location, id=connection, provider_subject=grant.subject)
    await connect(telling.stage.domain, row, grant, [])


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (0, "did not say why"),
        (1, "disconnected the application"),
        (2, "account was deleted"),
        (3, "age of"),
        (4, "account was banned"),
        (5, "developer revoked"),
    ],
)
async def test_a_removed_grant_expires_the_connection_and_says_why(telling: Telling, reason: int, words: str) -> None:
    """EXPIRED with the vendor's reason in words, one event, and no more refreshing."""
    await telling.stage.connect()
    assert ["applied"] == await telling.tell("authorization.removed", {"reason": reason})
    again = telling.stage.clock() + timedelta(seconds=1)
    assert ["known"] == await telling.tell("authorization.removed", {"reason": reason}, at=again)

    row, [event] = await telling.connection(), await telling.events("CONNECTION_STATUS_CHANGED")
    async with telling.stage.domain.db.read() as tx:
        pair = await tokens.find(tx, LOCATION, "c1")
    assert pair is not None
    assert ("EXPIRED", "TOKEN_REVOKED", "authorization.removed", None) == (
        row.status,
        row.reason_code,
        row.last_error_code,
        pair.refresh_at,
    )
    assert words in row.reason_message
    assert words in row.last_error_message
    assert ("EXPIRED", "VALID") == (event.payload["connection"]["status"], event.payload["previous_status"])


async def test_a_removed_grant_expires_in_every_location(telling: Telling) -> None:
    """It expires in each location that the user is connected in; a disconnected connection, and other users, are
    unchanged.
    """
    await telling.stage.connect()
    await connect_elsewhere(telling, "l2")
    await connect_elsewhere(telling, "l3")
    async with telling.stage.domain.db.transaction() as tx:
        now = telling.stage.clock()
        await connections.change(tx, "l3", "c1", now, status="DISCONNECTED")
        await connections.insert(tx, connection_row(now, location="l4", provider_subject="somebody-else"))

    await telling.tell("authorization.removed", {"reason": 2})

    found = [(await telling.connection(location=location)).status for location in ("l1", "l2", "l3", "l4")]
    assert ["EXPIRED", "EXPIRED", "DISCONNECTED", "VALID"] == found
    assert [1, 1, 0] == [
        len(await telling.events("CONNECTION_STATUS_CHANGED", location=location)) for location in ("l1", "l2", "l3")
    ]


async def test_a_grant_that_was_renewed_since_is_left_alone(telling: Telling) -> None:
    """A delivery may be days late: what was authorised after its event stays valid."""
    await telling.stage.connect()
    removed = telling.stage.clock()
    telling.stage.clock.advance(timedelta(minutes=10))
    grant = as_grant(telling.stage.vendor.grant(), telling.stage.clock())
    await telling.stage.domain.tokens.save(LOCATION, "c1", grant, read_version=1)
    telling.stage.clock.advance(timedelta(hours=70))

    assert ["stale"] == await telling.tell("authorization.removed", {"reason": 1}, at=removed)
    assert "VALID" == (await telling.connection()).status
    assert [] == await telling.events("CONNECTION_STATUS_CHANGED")


async def test_the_reason_is_stored_even_after_a_refused_token(telling: Telling) -> None:
    """A connection that is EXPIRED already gets the vendor's reason, and no second event."""
    await telling.stage.connect()
    async with telling.stage.domain.db.transaction() as tx:
        await connections.change(
            tx, LOCATION, "c1", telling.stage.clock(), status="EXPIRED", reason_code="TOKEN_REVOKED"
        )

    assert ["known"] == await telling.tell("authorization.removed", {"reason": 4})
    assert "banned" in (await telling.connection()).reason_message
    assert [] == await telling.events("CONNECTION_STATUS_CHANGED")


async def test_posts_of_an_expired_connection_still_get_their_outcome(telling: Telling) -> None:
    """The vendor's `auth_removed` for a publish in progress fails the post with that reason."""
    post, publish_id = await telling.processing(await telling.stage.connect())
    await telling.tell("authorization.removed", {"reason": 1})
    await telling.tell("post.publish.failed", {"publish_id": publish_id, "reason": "auth_removed"})

    found = await telling.stage.read(post)
    assert found.error is not None
    assert ("FAILED", "REAUTHORIZATION_REQUIRED") == (found.state, found.error["reason"])


# Unknown events


async def test_an_unknown_event_is_reported_where_its_user_is_connected(telling: Telling) -> None:
    """Once in each location, with the vendor's name and the content, also if two connections there are the user's."""
    await telling.stage.connect()
    await connect_elsewhere(telling, "l2")
    await connect_elsewhere(telling, "l2", "c2")

    assert ["shown"] == await telling.tell("live.started", {"room_id": 9007199254740993})

    [first], [second] = [await telling.events("PROVIDER_UNKNOWN", location=location) for location in ("l1", "l2")]
    expected = {"provider": "tiktok", "event": "live.started", "content": {"room_id": 9007199254740993}}
    assert [expected] * 2 == [first.payload, second.payload]
    assert ["locations/l1/connections/c1", "locations/l2/connections/c1"] == [first.subject, second.subject]
    assert first.provider_event_id == second.provider_event_id != ""


async def test_a_long_unknown_event_is_truncated(telling: Telling) -> None:
    """A vendor's unbounded content does not become an unbounded row."""
    await telling.stage.connect()
    await telling.tell("something.new", {"a": "é" * 9000})

    [event] = await telling.events("PROVIDER_UNKNOWN")
    assert 8192 == len(event.payload["content"]["truncated"])


@pytest.mark.parametrize("event", ["video.upload.failed", "video.publish.completed", "portability.download.ready"])
async def test_documented_events_that_do_not_concern_us_are_stored(telling: Telling, event: str) -> None:
    """Also without a user."""
    assert ["no_connection"] == await telling.tell(event, {"request_id": 1}, subject="stranger")


# At once, again, and forged


async def changed_rows(telling: Telling) -> dict[str, list[dict[str, Any]]]:
    """Return everything that a delivery could change."""
    tables = ("posts", "attempts", "connections", "tokens", "events", "event_counters", "webhooks", "data_keys")
    found = {table: await telling.rows(table, "true ORDER BY t::text") for table in tables}
    return found | {"jobs": await telling.rows("procrastinate_jobs", "true ORDER BY id")}


def forged(telling: Telling, genuine: list[tuple[bytes, str]], number: int) -> tuple[bytes, str, int]:
    """Return a delivery that must have no effect: bytes, signature, and the status that it must get."""
    now = int(telling.stage.clock().timestamp())
    body, header = genuine[number % len(genuine)]
    fresh = telling.body("post.publish.failed", {"publish_id": f"p{number}", "reason": "spam_risk"})
    stolen = body.replace(b'"create_time":', b'"create_time":1')
    foreign = body.replace(KEY.encode(), b"other-client-key")
    kinds: list[tuple[bytes, str, int]] = [
        (body, header, 200),
        (fresh, signature("a-guess", now, fresh), 401),
        (fresh, "", 401),
        (fresh, f"t={now},s={'0' * 64}", 401),
        (stolen, header, 401),
        (body[: -1 - number % 40], header, 401),
        (body, f"t={now - 301},s={header[-64:]}", 401),
        (body, signature(SECRET, now - 301, body), 401),
        (body, signature(SECRET, now + 301 + number, body), 401),
        (foreign, signature(SECRET, now, foreign), 401),
        (body[:-1], signature(SECRET, now, body[:-1]), 400),
        (body, f"{header},{header}", 401),
        (fresh, f"t={now},s=nothex", 401),
    ]
    return kinds[number % len(kinds)]


@pytest.mark.chaos
async def test_500_forged_stale_or_replayed_webhooks_change_nothing(telling: Telling) -> None:
    """Posts, attempts, connections, events, jobs and the stored deliveries are unchanged, byte for byte."""
    stage = telling.stage
    account = await stage.connect()
    genuine: list[tuple[bytes, str]] = []
    for event in ("complete", "failed"):
        _, publish_id = await telling.processing(account)
        genuine.append((telling.body(f"post.publish.{event}", {"publish_id": publish_id, "reason": "internal"}), ""))
    genuine.append((telling.body("something.new", {"a": 1}), ""))
    now = int(stage.clock().timestamp())
    genuine = [(body, signature(SECRET, now, body)) for body, _ in genuine]
    waiting, _ = await telling.processing(account)
    assert [200] * 3 == [await telling.send(body, header) for body, header in genuine]
    assert ["applied", "applied", "shown"] == await telling.apply()
    before = await changed_rows(telling)

    wrong = []
    for number in range(500):
        body, header, status = forged(telling, genuine, number)
        path = "/webhooks/tiktok" if number % 2 else "/connect/webhook/tiktok"
        if status != (answered := await telling.send(body, header, path)):
            wrong.append((number, status, answered))

    assert [] == wrong
    assert before == await changed_rows(telling)
    assert "PROCESSING" == (await stage.read(waiting)).state


async def test_a_replay_after_the_window_is_refused_and_within_it_changes_nothing(telling: Telling) -> None:
    """The same bytes with the same signature: 200 for five minutes, 401 ever after, one row."""
    await telling.stage.connect()
    body = telling.body("something.new", {"a": 1})
    header = signature(SECRET, int(telling.stage.clock().timestamp()), body)
    answers = [await telling.send(body, header)]
    telling.stage.clock.advance(timedelta(minutes=5))
    answers.append(await telling.send(body, header))
    telling.stage.clock.advance(timedelta(seconds=1))
    answers.append(await telling.send(body, header))

    assert [200, 200, 401] == answers
    assert 1 == len(await telling.rows("webhooks"))


async def test_a_redelivery_with_a_new_signature_is_recognized_for_days(telling: Telling) -> None:
    """After 72 hours of retries the same event is still recognized."""
    await telling.stage.connect()
    body = telling.body("something.new", {"a": 1})
    await telling.send(body)
    await telling.apply()
    telling.stage.clock.advance(timedelta(hours=73))

    assert 200 == await telling.send(body)
    assert [] == await telling.apply()
    assert 1 == len(await telling.events("PROVIDER_UNKNOWN"))


async def test_an_applied_delivery_is_kept_for_thirty_days(telling: Telling) -> None:
    """It is recognized until then, and deleted afterwards."""
    await telling.stage.connect()
    await telling.tell("something.new", {"a": 1})
    telling.stage.clock.advance(sweep.WEBHOOKS_RETENTION)
    await sweep.old(telling.stage.domain)
    kept = len(await telling.rows("webhooks"))
    telling.stage.clock.advance(timedelta(seconds=1))
    await sweep.old(telling.stage.domain)

    assert (1, 0) == (kept, len(await telling.rows("webhooks")))


async def test_the_same_delivery_many_times_at_once_is_stored_once(telling: Telling) -> None:
    """All are answered with 200; there is one row, one event."""
    await telling.stage.connect()
    body = telling.body("something.new", {"a": 1})
    answers = await asyncio.gather(*(telling.send(body) for _ in range(20)))
    [row] = await telling.rows("webhooks")
    await asyncio.gather(*(deliveries.apply(telling.stage.domain, row["id"]) for _ in range(8)))

    assert [200] * 20 == answers
    assert 1 == len(await telling.events("PROVIDER_UNKNOWN"))


RACES = {
    "complete": ("PUBLISHED", {}),
    "failed": ("FAILED", {"reason": "frame_rate_check_failed"}),
    "inbox_delivered": ("AWAITING_CREATOR", {}),
}


DAY = timedelta(days=1)
ANY = ("QUEUED", "TRANSFERRING", "PROCESSING")
ROUNDS = (2, pytest.param(40, marks=pytest.mark.chaos))


async def later(turns: int, work: Any) -> None:
    """Let other tasks run first, for a few turns of the event loop."""
    for _ in range(turns):
        await asyncio.sleep(0)
    await work


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("event", RACES)
async def test_a_webhook_and_a_poll_with_the_same_outcome_make_one_event(
    telling: Telling, event: str, rounds: int
) -> None:
    """A delivery (applied twice), a poll and a RefreshPost compete, in many rounds and any order."""
    stage, chance = telling.stage, random.Random(event)
    account, (state, content) = await stage.connect(), RACES[event]
    wrong = []
    for number in range(rounds):
        draft: dict[str, Any] = {"mode": "creator_inbox", "options": {}} if event == "inbox_delivered" else {}
        # Neither the quota of a minute nor, for drafts, that of a day is what this is about.
        stage.clock.advance(timedelta(hours=6) if draft else timedelta(minutes=1))
        post, publish_id = await telling.processing(account, **draft)
        if event == "failed":
            stage.vendor.fail_next_publish(content["reason"])
        stage.vendor.advance_processing(publish_id)
        await telling.send(telling.body(f"post.publish.{event}", {"publish_id": publish_id, **content}))
        [row] = await telling.rows("webhooks", "due_at IS NOT NULL")
        works = [
            deliveries.apply(stage.domain, row["id"]),
            deliveries.apply(stage.domain, row["id"]),
            step.step(stage.domain, post.location, post.id),
            read.refresh(stage.domain, post.location, post.id),
        ]
        # A delivery asks nobody and would nearly always be first: every other round it starts behind.
        behind = 40 * (number % 2)
        turns = (behind, behind, 0, 0)
        await asyncio.gather(
            *(later(least + chance.randrange(40), work) for least, work in zip(turns, works, strict=True))
        )
        found = await telling.states(post)
        if ["QUEUED", "TRANSFERRING", "PROCESSING", state] != found:
            wrong.append((number, found))

    assert [] == wrong
    assert {"applied", "known"} >= {row["outcome"] for row in await telling.rows("webhooks")}


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_a_failure_reported_twice_at_once_starts_one_attempt(telling: Telling, rounds: int) -> None:
    """A poll and a webhook that both report `internal` do not submit the post twice."""
    stage, chance = telling.stage, random.Random(1)
    account = await stage.connect()
    for _ in range(rounds):
        stage.clock.advance(timedelta(minutes=1))
        post, publish_id = await telling.processing(account)
        stage.vendor.fail_next_publish("internal")
        stage.vendor.advance_processing(publish_id)
        await telling.send(telling.body("post.publish.failed", {"publish_id": publish_id, "reason": "internal"}))
        [row] = await telling.rows("webhooks", "due_at IS NOT NULL")
        works = [deliveries.apply(stage.domain, row["id"]), step.step(stage.domain, post.location, post.id)]
        await asyncio.gather(*(later(chance.randrange(60), work) for work in works))
        # Whoever was second may have carried the new attempt on: what counts is that there is one.
        assert 2 == (await stage.read(post)).attempt
        assert 2 == (await telling.states(post)).count("QUEUED")
        # Posts of one account go out in order: the next round's would wait for this one, did it not wait itself.
        async with stage.domain.db.transaction() as tx:
            later_on = {"due_at": stage.clock() + DAY, "next_attempt_time": stage.clock() + DAY}
            await rows.change(tx, post.location, post.id, stage.clock(), expect=ANY, **later_on)  # type: ignore[arg-type]


async def test_a_poll_that_is_answered_after_the_webhook_changes_nothing(telling: Telling) -> None:
    """The poll had read PROCESSING before; when the vendor answers it, the post has ended already."""
    stage, gate = telling.stage, asyncio.Event()
    post, publish_id = await telling.processing(await stage.connect())
    stage.vendor.advance_processing(publish_id)

    async def wait(seconds: float) -> None:
        await gate.wait()

    stage.vendor.sleep = wait
    stage.vendor.faults.add(Fault(match="status", kind="slow"))
    polling = asyncio.create_task(step.step(stage.domain, post.location, post.id))
    await until(lambda: bool(stage.vendor.faults.hits["status slow"]))
    outcomes = await telling.tell("post.publish.complete", {"publish_id": publish_id})
    before = await telling.rows("events")
    gate.set()
    await polling

    assert ["applied"] == outcomes
    assert ["QUEUED", "TRANSFERRING", "PROCESSING", "PUBLISHED"] == await telling.states(post)
    assert before == await telling.rows("events")


async def test_a_delivery_whose_process_died_is_found_again(telling: Telling) -> None:
    """It is due once its lease is over, and nobody else takes it before."""
    await telling.stage.connect()
    await telling.send(telling.body("something.new", {"a": 1}))
    taken = [await telling.due(), await telling.due()]
    telling.stage.clock.advance(LEASE)

    assert [1, 0, 1] == [*taken, await telling.due()]
    assert ["shown"] == await telling.apply()


async def test_a_delivery_that_cannot_be_applied_is_retried_until_it_can(telling: Telling) -> None:
    """A fault costs time, never the delivery: tries are counted, and the sweeper retries with growing delays."""
    post, publish_id = await telling.processing(await telling.stage.connect())
    async with telling.stage.domain.db.transaction() as tx:
        await tx.execute(text("ALTER TABLE attempts RENAME TO hidden"))
    broken = await telling.tell("post.publish.complete", {"publish_id": publish_id})
    [first] = await telling.rows("webhooks")
    await telling.apply()
    [second] = await telling.rows("webhooks")
    async with telling.stage.domain.db.transaction() as tx:
        await tx.execute(text("ALTER TABLE hidden RENAME TO attempts"))
    early = await telling.due()
    telling.stage.clock.advance(timedelta(seconds=5))
    due = await telling.due()

    assert ([""], 1, 2) == (broken, first["tries"], second["tries"])
    assert first["due_at"] < second["due_at"]
    assert (0, 1, ["applied"]) == (early, due, await telling.apply())
    assert "PUBLISHED" == (await telling.stage.read(post)).state


async def test_nothing_of_a_delivery_is_logged_or_stored_unsealed(telling: Telling, written: io.StringIO) -> None:
    """Neither its content nor its user nor the secret is logged; the table has the body sealed."""
    await telling.stage.connect()
    body = telling.body("something.new", {"a": "canary-content"})
    wrong = telling.body("something.new", {"a": "canary-forged"})
    await telling.send(body)
    await telling.send(wrong, "t=1,s=canary-signature")
    await telling.apply()
    await telling.send(telling.body("something.new", {"a": "canary-failing"}))
    async with telling.stage.domain.db.transaction() as tx:
        await tx.execute(text("ALTER TABLE connections RENAME TO hidden"))
    await telling.apply()

    kept = json.dumps(await telling.rows("webhooks")) + json.dumps(await telling.rows("procrastinate_jobs"))
    sealed = "".join(bytes.fromhex(row["body_sealed"][2:]).decode("latin-1") for row in await telling.rows("webhooks"))
    lines = written.getvalue()
    assert "something.new" in lines
    assert "signature_malformed" in lines
    for secret in ("canary", SECRET, next(iter(telling.stage.vendor.users))):
        assert secret not in lines
    assert "canary" not in kept + sealed

"""Presigned addresses of callers' media: sealed at rest, shown without their query, and whole where they are fetched.

Owns the proofs of `gateway/domain/media/addresses.py`.
"""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from gateway.domain import post_content
from gateway.domain.media import addresses
from gateway.domain.post_content import Source
from gateway.domain.posts import retry
from gateway.domain.publishing import fetch_media, journal, media_handoff
from providers.http.fetch import Bounds, Fetcher
from providers.simulators.tiktok import SimulatorConfig
from storage import events, key_rotation, posts
from storage.key_ring import KeyRing
from storage.keys import Sealer
from storage.posts import PostRow
from storage.seal import SealBroken
from storage.states import PostState
from tests.fixtures import media
from tests.fixtures.domain import LOCATION, Stage, opened
from tests.fixtures.rows import post_row
from tests.fixtures.settings import RING
from tests.flows.test_publishing_fetch_media import answering, video
from tests.providers.http.support import serving

SECRET = "X-Amz-Signature=5f1c0a9be0d24a5c"
PLAIN = "https://media.example/video.mp4"
WHOLE = f"{PLAIN}?X-Amz-Date=20261130T000000Z&{SECRET}#start"
DATA = media.video()
PUBLIC = {"privacy_level": "public"}


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage whose gateway may fetch from this machine."""
    async with opened(database_url, tmp_path, SimulatorConfig(rate_limits=False, processing_seconds=0)) as made:
        fetcher = Fetcher(allow_loopback=True, bounds=Bounds(pause=0))
        made.domain = replace(made.domain, fetcher=fetcher)
        yield made
        await fetcher.close()


async def posted(stage: Stage, uri: str = WHOLE, *, vendor_pull: bool = True) -> PostRow:
    """Create a post of the file at an address."""
    content = post_content.build_content("video", [Source(uri=uri, vendor_pull=vendor_pull)])
    return await stage.post(await stage.connect(), "", content=content, uploads=[], options=PUBLIC)


async def earlier(stage: Stage, state: PostState = PostState.FAILED, **columns: Any) -> PostRow:
    """Insert a post as earlier versions stored it, with its address in clear."""
    content = post_content.build_content("video", [Source(uri=WHOLE, vendor_pull=True)])
    values = {"account": "a", "content": content, "state": state, "options": PUBLIC, **columns}
    async with stage.domain.db.transaction() as tx:
        return await posts.insert(tx, post_row(stage.clock(), **values))


def read_by_earlier(post: PostRow) -> list[dict[str, Any]]:
    """Return a post's sources if versions without sealed addresses can read them; raises TypeError if not."""

    def source(*, upload: str = "", uri: str = "", vendor_pull: bool = False) -> dict[str, Any]:
        return {"upload": upload, "uri": uri, "vendor_pull": vendor_pull}

    return [source(**stored) for stored in post.content["sources"]]


async def in_clear(stage: Stage, secret: str = SECRET) -> list[str]:
    """Return the tables in which the secret stands as text."""
    found = []
    async with stage.domain.db.read() as tx:
        names = (await tx.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))).scalars().all()
        for name in sorted(names):
            query = text(f'SELECT count(*) FROM "{name}" AS t WHERE t::text LIKE :like')
            found += [name] * bool((await tx.execute(query, {"like": f"%{secret}%"})).scalar_one())
    return found


async def given(stage: Stage, post: PostRow) -> str:
    """Return the address that the vendor would be given for a post."""
    row, attempt = await journal.read(stage.domain, post.location, post.id)
    if row is None or attempt is None:
        raise AssertionError("the post has no attempt")
    content = await media_handoff.content(stage.domain, journal.Work(row, attempt), [])
    return str(content.uri.reveal())  # type: ignore[union-attr]


async def test_the_query_is_sealed_in_the_post_and_in_no_event(stage: Stage) -> None:
    """No table has the query in clear, before and after the post is published, and the vendor gets all of it."""
    post = await posted(stage)

    assert [] == await in_clear(stage)
    assert (Source(uri=PLAIN, vendor_pull=True, sealed=True),) == post_content.sources_of(post)
    assert WHOLE == await addresses.whole(stage.domain, post, 0)
    done = await stage.finish(post)
    async with stage.domain.db.read() as tx:
        found = await events.after(tx, LOCATION, 0, subject=journal.subject(post), limit=100)
    shown = [event.payload["post"]["content"]["sources"][0]["uri"] for event in found]
    assert ("PUBLISHED", {PLAIN}, 3) == (done.state, set(shown), min(len(shown), 3))
    assert not any("addresses_sealed" in event.payload["post"] for event in found)
    assert [] == await in_clear(stage)
    assert WHOLE == await given(stage, post)


async def test_the_gateway_fetches_the_whole_address_also_at_a_second_try(stage: Stage) -> None:
    """The server is asked with the query; after the copy expired, RetryPost fetches from the same whole address."""
    async with serving(answering(video(DATA))) as heard:
        post = await posted(stage, f"{heard.url}/v.mp4?{SECRET}", vendor_pull=False)
        fetched = await fetch_media.fetch(stage.domain, post, 0)
        async with stage.domain.db.transaction() as tx:
            await tx.execute(text("UPDATE uploads SET state = 'EXPIRED'"))
            await tx.execute(text("UPDATE posts SET state = 'FAILED'"))
        again = await retry.retry(stage.domain, post.location, post.id, None)
        assert (True, []) == (post_content.sources_of(fetched)[0].sealed, again.uploads)
        await fetch_media.fetch(stage.domain, again, 0)

    assert 2 == sum(f"/v.mp4?{SECRET}" in head for head in heard.heads)
    assert [] == await in_clear(stage)


async def test_an_address_without_a_query_is_stored_as_it_is(stage: Stage) -> None:
    """Where nothing is hidden nothing is sealed."""
    post = await posted(stage, PLAIN)

    assert (None, False) == (post.addresses_sealed, post_content.sources_of(post)[0].sealed)
    assert PLAIN == await addresses.whole(stage.domain, post, 0)


async def test_a_sealed_address_opens_in_its_own_post_alone(stage: Stage) -> None:
    """Copied to another post's row, the sealed addresses do not open."""
    post = await posted(stage)
    content = post_content.build_content("video", [Source(uri=WHOLE, vendor_pull=True)])
    other = await stage.post(post.account, "", content=content, uploads=[], options=PUBLIC)
    other.addresses_sealed = post.addresses_sealed

    with pytest.raises(SealBroken):
        await addresses.whole(stage.domain, other, 0)


async def test_a_rotation_of_the_keys_keeps_addresses(stage: Stage) -> None:
    """After every data key was wrapped by a new key, a process that has only that one opens the address."""
    post = await posted(stage)
    new = "k2:" + base64.b64encode(b"2" * 32).decode()
    await key_rotation.rewrap(stage.domain.db, KeyRing.parse(f"{new},{RING}"))

    later = replace(stage.domain, sealer=Sealer(stage.domain.db, KeyRing.parse(new)))

    assert WHOLE == await addresses.whole(later, post, 0)


async def test_what_earlier_versions_stored_is_sealed_by_a_job(stage: Stage) -> None:
    """A final post of an earlier version is shown without its query at once and sealed by the sweeper. Workers of that
    version can still read it, and not once it is retried: they would fetch from half an address.
    """
    row = await earlier(stage, account=await stage.connect())
    assert ["posts"] == await in_clear(stage)
    assert PLAIN == journal.snapshot(row)["content"]["sources"][0]["uri"]

    done = [await addresses.hide_earlier(stage.domain) for _ in range(2)]

    sealed = await stage.read(row)
    assert ([1, 0], []) == (done, await in_clear(stage))
    assert (row.version, WHOLE) == (sealed.version, await addresses.whole(stage.domain, sealed, 0))
    assert [{"upload": "", "uri": PLAIN, "vendor_pull": True}] == read_by_earlier(sealed)
    again = await retry.retry(stage.domain, row.location, row.id, None)
    with pytest.raises(TypeError):
        read_by_earlier(again)
    assert WHOLE == await addresses.whole(stage.domain, again, 0)
    assert "PUBLISHED" == (await stage.finish(again, within=timedelta(hours=1))).state


async def test_a_post_under_way_is_left_to_workers_of_earlier_versions(stage: Stage) -> None:
    """A post that is due is not sealed before it is final."""
    now = stage.clock()
    row = await earlier(stage, PostState.QUEUED, account=await stage.connect(), due_at=now)
    asked = await earlier(stage, PostState.INDETERMINATE, id="p2", due_at=now)

    assert 0 == await addresses.hide_earlier(stage.domain)

    assert [row.content, asked.content] == [(await stage.read(each)).content for each in (row, asked)]
    assert WHOLE == read_by_earlier(await stage.read(row))[0]["uri"]
    done = await stage.finish(row, within=timedelta(hours=1))
    assert ("PUBLISHED", 1) == (done.state, await addresses.hide_earlier(stage.domain))


async def test_a_missing_key_keeps_back_its_own_location_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch by batch, all other locations are sealed; the log names the location and the key, once."""
    monkeypatch.setattr(addresses, "SEAL_LIMIT", 1)
    names = ("l1", "l2", "l2", "l3")
    made = [await earlier(stage, location=name, id=f"p{number}") for number, name in enumerate(names)]
    foreign = Sealer(stage.domain.db, KeyRing.parse("k9:" + base64.b64encode(b"9" * 32).decode()))
    async with stage.domain.db.transaction() as tx:
        await foreign.for_location(tx, "l2")

    with capture_logs() as logs:
        assert 2 == await addresses.hide_earlier(stage.domain)

    found = [await stage.read(row) for row in made]
    assert [True, False, False, True] == [row.addresses_sealed is not None for row in found]
    missing = [(entry["location"], entry["key"]) for entry in logs if entry["event"] == "addresses.key_missing"]
    assert [("l2", "k9")] == missing


async def test_events_of_earlier_versions_lose_queries(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweeper cuts queries off in events, page by page, and changes nothing else of them."""
    monkeypatch.setattr(addresses, "EVENTS_LIMIT", 2)
    sources: list[dict[str, Any]] = [{"uri": WHOLE, "vendor_pull": True}, {"upload": "u1"}, {"uri": PLAIN}]
    payload: dict[str, Any] = {
        "post": {"id": "p1", "caption": "really?", "content": {"kind": "photos", "sources": sources}}
    }
    given: list[dict[str, Any]] = [payload, {}, {"post": {"content": {"kind": "text"}}}, payload, payload]
    async with stage.domain.db.transaction() as tx:
        for location in ("l1", "l2"):
            for each in given:
                await events.append(
                    tx, location, type="POST_STATE_CHANGED", subject="s", payload=each, now=stage.clock()
                )

    done = [await addresses.hide_earlier_events(stage.domain) for _ in range(2)]

    async with stage.domain.db.read() as tx:
        found = [event.payload for name in ("l1", "l2") for event in await events.after(tx, name, 0, limit=9)]
    content = {"kind": "photos", "sources": [{**sources[0], "uri": PLAIN}, *sources[1:]]}
    cut = {"post": {**payload["post"], "content": content}}
    assert ([6, 0], []) == (done, await in_clear(stage))
    assert [cut, {}, given[2], cut, cut] * 2 == found

"""Media links over HTTP: every byte that was asked for and no other, for whoever holds the token, while it lives.

Owns the proofs of `gateway/http/media.py` and `gateway/domain/media/links.py`. The edge is the real one, in process.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from starlette.datastructures import Headers

from gateway.domain.concurrency import Superseded
from gateway.domain.media import links, upload_sweep, uploads
from gateway.domain.media.links import Found
from gateway.http.media import requested_range
from gateway.http.middleware import redacted_path
from storage.media import MediaLinkRow
from tests.fixtures import logs
from tests.fixtures.clock import START
from tests.fixtures.domain import LOCATION
from tests.http.links import DATA, HOUR, Linked, linking, post_of


@pytest.fixture
async def linked(database_url: str, tmp_path: Path) -> AsyncIterator[Linked]:
    """Yield an upload with a link."""
    async with linking(database_url, tmp_path) as made:
        yield made


async def test_the_whole_file_with_its_type(linked: Linked) -> None:
    """A plain GET gives every byte, with the type and size of the upload, and is written down."""
    answer = await linked.visitor.get(linked.path, headers={"user-agent": "Vendor/1.0"})

    assert (200, DATA) == (answer.status_code, answer.content)
    assert ("image/jpeg", str(len(DATA)), "bytes") == tuple(
        answer.headers[name] for name in ("content-type", "content-length", "accept-ranges")
    )
    assert [(200, 0, len(DATA), "Vendor/1.0")] == await linked.fetches()


@settings(max_examples=200, deadline=None)
@given(first=st.integers(0, len(DATA) - 1), length=st.integers(1, len(DATA)))
def test_any_range_gives_exactly_those_bytes(first: int, length: int) -> None:
    """For every range inside the file status, first and end are those bytes."""
    values: dict[str, Any] = {
        "location": "l",
        "post": "p",
        "attempt": 1,
        "position": 0,
        "upload": "u",
        "mime_type": "image/jpeg",
    }
    times: dict[str, Any] = {"create_time": START, "expire_time": START}
    found = Found(MediaLinkRow(digest=b"", size_bytes=len(DATA), **values, **times), "ab")
    last = first + length - 1

    assert (206, first, min(last + 1, len(DATA))) == requested_range(Headers({"range": f"bytes={first}-{last}"}), found)
    assert (206, first, len(DATA)) == requested_range(Headers({"range": f"bytes={first}-"}), found)
    assert (206, len(DATA) - length, len(DATA)) == requested_range(Headers({"range": f"bytes=-{length}"}), found)


@pytest.mark.parametrize(
    ("header", "status", "first", "end"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=8388607-8388609", 206, 8388607, 8388610),
        ("bytes=9599000-", 206, 9599000, 9600000),
        ("bytes=-5", 206, 9599995, 9600000),
        ("bytes=-99999999", 206, 0, 9600000),
        ("Bytes = 0 - 0", 206, 0, 1),
        ("bytes=9600000-", 416, 0, 0),
        (f"bytes={'9' * 50}-", 416, 0, 0),
        (f"bytes=0-{'9' * 50}", 206, 0, 9600000),
        ("bytes=-0", 416, 0, 0),
        ("bytes=5-3", 200, 0, 9600000),
        ("bytes=0-1,5-6", 200, 0, 9600000),
        ("bytes=a-b", 200, 0, 9600000),
        ("items=0-1", 200, 0, 9600000),
        ("bytes=-", 200, 0, 9600000),
    ],
)
async def test_ranges_as_vendors_send_them(linked: Linked, header: str, status: int, first: int, end: int) -> None:
    """One range is served, an impossible one is said to be, anything else gets the whole file."""
    answer = await linked.visitor.get(linked.path, headers={"range": header})

    assert (status, DATA[first:end]) == (answer.status_code, answer.content)
    if status == 206:
        assert f"bytes {first}-{end - 1}/{len(DATA)}" == answer.headers["content-range"]
    if status == 416:
        assert f"bytes */{len(DATA)}" == answer.headers["content-range"]


async def test_a_resumed_fetch_is_of_the_same_bytes(linked: Linked) -> None:
    """If-Range with the right tag continues, with another tag the whole file is sent."""
    tag = (await linked.visitor.head(linked.path)).headers["etag"]
    assert f'"{sha256(DATA).hexdigest()}"' == tag
    for sent, status in ((tag, 206), ('"other"', 200), (f"W/{tag}", 200), ("Fri, 02 Jan 2026 03:04:05 GMT", 200)):
        answer = await linked.visitor.get(linked.path, headers={"range": "bytes=10-19", "if-range": sent})
        assert status == answer.status_code


async def test_a_look_is_no_fetch(linked: Linked) -> None:
    """HEAD returns the headers, and does not count as a fetch."""
    answer = await linked.visitor.head(linked.path, headers={"range": "bytes=5-9"})

    assert (200, b"", str(len(DATA))) == (answer.status_code, answer.content, answer.headers["content-length"])
    assert [] == await linked.fetches()
    assert await links.revoke_unfetched(linked.stage.domain, LOCATION, "p1", 1)


async def test_bytes_that_are_not_there_are_no_fetch(linked: Linked) -> None:
    """A range behind the end is written down, and leaves the proof that nobody got anything."""
    assert 416 == (await linked.visitor.get(linked.path, headers={"range": "bytes=9600000-"})).status_code

    assert [(416, 0, 0)] == [fetch[:3] for fetch in await linked.fetches()]
    assert 0 == await links.count_fetched(linked.stage.domain, LOCATION, "p1", 1)
    assert await links.revoke_unfetched(linked.stage.domain, LOCATION, "p1", 1)


async def test_what_is_said_about_the_bytes(linked: Linked) -> None:
    """No copy is kept or changed on the way, nothing is named, and a page elsewhere may show it."""
    headers = (await linked.visitor.get(linked.path)).headers

    assert "private, no-store, no-transform" == headers["cache-control"]
    assert "inline" == headers["content-disposition"]
    assert "cross-origin" == headers["cross-origin-resource-policy"]
    assert "nosniff" == headers["x-content-type-options"]
    assert linked.upload.id not in str(headers)


async def test_what_a_visitor_calls_itself_is_cut(linked: Linked) -> None:
    """A name without end, or with what no name has, is kept in its first 200 characters."""
    await linked.visitor.get(
        linked.path, headers={b"user-agent": b"\xff" + b"x" * 5000, b"x-forwarded-for": b"198.51.100.1"}
    )
    async with linked.stage.domain.db.read() as tx:
        [row] = (await tx.execute(text("SELECT length(user_agent), remote FROM media_fetches"))).all()

    assert (200, "203.0.113.7") == tuple(row)


async def test_what_opens_nothing_is_told_nothing(linked: Linked) -> None:
    """Unknown, expired, closed, replaced, malformed: one answer, byte for byte; there is no list either."""
    domain, clock = linked.stage.domain, linked.stage.clock

    async def answer(path: str) -> tuple[int, bytes]:
        got = await linked.visitor.get(path)
        return got.status_code, got.content

    nothing = await answer("/media/" + "A" * 43)
    assert 404 == nothing[0]
    assert nothing == await answer("/media/..%2f..%2fetc%2fpasswd")
    assert [404, 404] == [(await answer(path))[0] for path in ("/media/", "/media")]
    [newer] = await links.create(domain, post_of(), 1, [linked.upload], clock(), HOUR)
    assert nothing == await answer(linked.path)
    assert 200 == (await answer(urlsplit(newer.reveal()).path))[0]
    await links.revoke(domain, LOCATION, "p1", 1)
    assert nothing == await answer(urlsplit(newer.reveal()).path)
    [last] = await links.create(domain, post_of("p2"), 1, [linked.upload], clock(), HOUR)
    clock.advance(HOUR)
    assert nothing == await answer(urlsplit(last.reveal()).path)
    assert [405, 405] == [(await linked.visitor.request(verb, linked.path)).status_code for verb in ("POST", "PUT")]


async def test_an_upload_lives_as_long_as_its_links(linked: Linked) -> None:
    """A link that is made in the last minute of an upload's time opens it for the whole of its own."""
    domain, clock = linked.stage.domain, linked.stage.clock
    clock.advance(timedelta(days=7, seconds=-60))
    [link] = await links.create(domain, post_of("p3"), 1, [linked.upload], clock(), HOUR)
    clock.advance(HOUR - timedelta(seconds=1))
    await upload_sweep.expire(domain, clock())

    assert 200 == (await linked.visitor.get(urlsplit(link.reveal()).path)).status_code


async def test_a_link_does_not_outlive_its_upload(linked: Linked) -> None:
    """Where the bytes went away the link opens nothing, as if it had never been."""
    nothing = await linked.visitor.get("/media/" + "A" * 43)
    await uploads.delete(linked.stage.domain, LOCATION, linked.upload.id, None)
    for verb in ("GET", "HEAD"):
        answer = await linked.visitor.request(verb, linked.path)
        assert (404, nothing.headers["content-length"]) == (answer.status_code, answer.headers["content-length"])
    assert 0 == await links.count_fetched(linked.stage.domain, LOCATION, "p1", 1)


async def test_whoever_comes_after_the_close_makes_no_links(linked: Linked) -> None:
    """An attempt that was proved to have posted nothing gives no vendor anything to fetch, links or none before."""
    domain = linked.stage.domain
    for post in (post_of(), post_of("never-linked")):
        assert await links.revoke_unfetched(domain, LOCATION, post.id, 1)
        with pytest.raises(Superseded):
            await links.create(domain, post, 1, [linked.upload], linked.stage.clock(), HOUR)
        assert await links.revoke_unfetched(domain, LOCATION, post.id, 1)
        assert 1 == len(await links.create(domain, post, 2, [linked.upload], linked.stage.clock(), HOUR))


async def test_links_and_a_close_exclude_each_other(linked: Linked) -> None:
    """Of links and a proof that there is nothing to fetch, begun at the same moment, never both are had."""
    domain = linked.stage.domain
    for number in range(20):
        post = post_of(f"s{number}")
        making = links.create(domain, post, 1, [linked.upload], linked.stage.clock(), HOUR)
        closing = links.revoke_unfetched(domain, LOCATION, post.id, 1)
        pair = (making, closing) if number % 2 else (closing, making)
        made, closed = (await asyncio.gather(*pair, return_exceptions=True))[:: 1 if number % 2 else -1]
        assert closed is True
        if not isinstance(made, BaseException):
            assert isinstance(made, list)
            assert 404 == (await linked.visitor.get(urlsplit(made[0].reveal()).path)).status_code
        else:
            assert isinstance(made, Superseded)


async def test_fetched_and_closed_exclude_each_other(linked: Linked) -> None:
    """Of a fetch and a proof that nobody fetched, begun at the same moment, exactly one gets what it wants."""
    domain = linked.stage.domain
    for number in range(20):
        [link] = await links.create(domain, post_of(f"r{number}"), 1, [linked.upload], linked.stage.clock(), HOUR)
        opening = linked.visitor.get(urlsplit(link.reveal()).path, headers={"range": "bytes=0-9"})
        closing = links.revoke_unfetched(domain, LOCATION, f"r{number}", 1)
        pair = (opening, closing) if number % 2 else (closing, opening)
        done = await asyncio.gather(*pair)
        answer, closed = done if number % 2 else done[::-1]
        assert isinstance(answer, httpx.Response)
        assert (answer.status_code, closed) in {(206, False), (404, True)}
        assert int(not closed) == await links.count_fetched(domain, LOCATION, f"r{number}", 1)


async def test_many_readers_at_once_get_their_own_bytes(linked: Linked) -> None:
    """Fifty ranges of one file at the same time do not mix."""

    async def one(number: int) -> bool:
        first = number * 190_000
        answer = await linked.visitor.get(linked.path, headers={"range": f"bytes={first}-{first + 99_999}"})
        return answer.content == DATA[first : first + 100_000]

    assert all(await asyncio.gather(*(one(number) for number in range(50))))
    assert 50 == len(await linked.fetches())


async def test_the_token_is_in_no_log_and_not_in_the_database(linked: Linked) -> None:
    """What opens the link is known to whoever was given it, and to nobody else; who came is known."""
    token = linked.path.rpartition("/")[2]
    with logs.capture() as stream:
        for verb, path in (("GET", ""), ("HEAD", ""), ("POST", ""), ("GET", "/"), ("GET", "//behind/a/proxy")):
            await linked.visitor.request(verb, f"http://127.0.0.1{path}{linked.path}")
        await linked.visitor.get(linked.path, headers={"range": "bytes=9600000-"})
    async with linked.stage.domain.db.read() as tx:
        query = "SELECT t::text FROM media_links t UNION SELECT f::text FROM media_fetches f"
        rows = [row for (row,) in (await tx.execute(text(query))).all()]
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]

    assert token not in stream.getvalue() + str(rows)
    assert 6 == sum("/media/…" in line.get("path", "") for line in lines)
    [fetched] = [line for line in lines if line["event"] == "media fetched"]
    assert (LOCATION, "p1", 1, 0, "203.0.113.7", 200, len(DATA)) == tuple(
        fetched[name] for name in ("location", "post", "attempt", "position", "remote", "status", "sent")
    )


@pytest.mark.parametrize("before", ["", "/", "/behind/a/proxy"])
def test_a_path_that_opens_something_is_masked(before: str) -> None:
    """However a link came to us, its token does not go into a line."""
    assert f"{before}/media/…" == redacted_path(f"{before}/media/canary")
    assert "/mediation/canary" == redacted_path("/mediation/canary")

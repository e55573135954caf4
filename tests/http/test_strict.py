"""Requests that two HTTP parsers could read differently are refused, and their connection is closed.

Owns the proofs of `gateway/http/strict.py`, by itself and on real sockets.
"""

import asyncio
from typing import Any

import pytest

from gateway.http import strict
from tests.http.sockets import PATIENCE, connect, serving, status

SOUND = b"POST / HTTP/1.1\r\nhost: x\r\n"
CODED = b"transfer-encoding: chunked\r\n"
CHUNKED = SOUND + CODED + b"\r\n"
LARGE = b"x-filler: " + b"y" * 8180 + b"\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Read the body, and send it back."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


REFUSED = {
    "both-lengths": SOUND + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both-lengths-reversed": SOUND + b"transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n0\r\n\r\n",
    "both-lengths-of-a-head": SOUND.replace(b"POST", b"HEAD")
    + b"content-length: 0\r\ntransfer-encoding: chunked\r\n\r\n",
    "two-lengths": SOUND + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    "bare-lf-after-the-request-line": b"GET / HTTP/1.1\nhost: x\r\n\r\n",
    "bare-lf-after-a-header": b"GET / HTTP/1.1\r\nhost: x\nx-a: b\r\n\r\n",
    "bare-lf-at-the-end": b"GET / HTTP/1.1\r\nhost: x\r\n\n",
    "bare-lf-throughout": b"GET / HTTP/1.1\nhost: x\n\n",
    "bare-lf-in-trailers": CHUNKED + b"5\r\nhello\r\n0\r\nx-a: b\n\n",
    "bare-lf-after-a-chunk": CHUNKED + b"5\r\nhello\n0\r\n\r\n",
    "a-large-head-in-one-piece": SOUND + LARGE * 9 + b"\r\n",
}


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED)
async def test_what_is_ambiguous_is_refused(request_: bytes) -> None:
    """The response is a 400, and the connection is closed: nothing that follows is taken for a request."""
    async with serving(echo) as server:
        reader, writer = await connect(server, request_ + b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            try:
                answer = await reader.read()
            except ConnectionResetError:
                answer = b"HTTP/1.1 400 and closed before all was read"
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert 1 == answer.count(b"HTTP/1.1")
        writer.close()


ACCEPTED = {
    "a-length": SOUND + b"content-length: 5\r\n\r\nhello",
    "the-same-length-twice": SOUND + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello",
    "chunks": CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    "trailers": CHUNKED + b"5\r\nhello\r\n0\r\nx-a: b\r\nx-b: c\r\n\r\n",
    "line-feeds-in-the-body": SOUND + b"content-length: 7\r\n\r\na\nb\n\nc\n",
    "names-as-values": SOUND + b"x-a: content-length: 1\r\nx-content-length: 2\r\n" + CODED + b"\r\n0\r\n\r\n",
    "a-head-of-almost-64-kib": SOUND + LARGE * 7 + b"content-length: 0\r\n\r\n",
}


@pytest.mark.parametrize("pieces", [1, 3], ids=["whole", "in-pieces"])
@pytest.mark.parametrize("request_", ACCEPTED.values(), ids=ACCEPTED)
async def test_what_is_not_ambiguous_is_answered(request_: bytes, pieces: int) -> None:
    """Sound requests are answered, two over one connection, in one piece or in several."""
    async with serving(echo) as server:
        reader, writer = await connect(server)
        both, size = request_ * 2, len(request_) * 2 // pieces + 1
        for first in range(0, len(both), size):
            writer.write(both[first : first + size])
            await writer.drain()
            await asyncio.sleep(0)
        assert [200, 200] == [await status(reader) for _ in range(2)]
        writer.close()


async def test_a_pipelined_request_is_held_to_the_same() -> None:
    """A request that arrives behind another one, in the same piece, is looked at as well."""
    async with serving(echo) as server:
        sound = SOUND + b"content-length: 0\r\n\r\n"
        reader, writer = await connect(server, sound + REFUSED["both-lengths"] + sound)
        assert [200, 400] == [await status(reader) for _ in range(2)]
        assert b"HTTP/1.1" not in await reader.read()
        writer.close()


async def test_a_body_that_is_no_http_ends_a_response_that_has_begun() -> None:
    """When the rest of a body is malformed and the response has begun, the connection is closed, without a fault."""
    begun, faults = asyncio.Event(), []

    async def early(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        begun.set()
        while (await receive())["type"] != "http.disconnect":
            pass

    asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
    async with serving(early) as server:
        reader, writer = await connect(server, CHUNKED)
        await begun.wait()
        writer.write(b"no size\r\n")
        async with asyncio.timeout(PATIENCE):
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()
    assert [] == faults


def test_an_unfinished_head_is_not_judged() -> None:
    """What has not arrived may still be right."""
    for head in (b"", b"GET", REFUSED["both-lengths"].partition(b"\r\n\r\n")[0]):
        assert "" == strict.head_fault(head)
    assert "" != strict.head_fault(REFUSED["both-lengths"])

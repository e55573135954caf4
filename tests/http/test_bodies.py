"""Bodies are read up to a size and a pace, and what is wrong with one is told apart.

Owns the proofs of `gateway/http/bodies.py` and `gateway/http/pace.py`. What a page answers is proved with the page.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request

from gateway.http import bodies
from gateway.http.bodies import BodyTooLarge, BodyTooSlow
from gateway.http.connection_limits import Limits
from gateway.http.pace import Pace

NO_TIME = Pace(first_seconds=0, bytes_per_second=1, total_seconds=60)


def request(pieces: Sequence[bytes | None], length: int | None = None) -> Request:
    """Return a request whose body arrives in these pieces; None for a peer that goes away, and no end if all came."""
    left = list(pieces)

    async def receive() -> dict[str, Any]:
        # Let timers that are due fire.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if not left:
            await asyncio.Event().wait()
        piece = left.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": piece != b""}

    headers = [] if length is None else [(b"content-length", b"%d" % length)]
    return Request({"type": "http", "headers": headers}, receive)


async def test_a_body_is_returned_to_the_byte() -> None:
    """Up to the size that the page takes, in however many pieces."""
    assert b"" == await bodies.read(request([b""]), 4)
    assert b"abcd" == await bodies.read(request([b"ab", b"c", b"d", b""], 4), 4)


async def test_a_large_body_is_not_read() -> None:
    """An announced size above the limit is refused before anything is read, another as soon as it is exceeded."""
    with pytest.raises(BodyTooLarge):
        await bodies.read(request([], 5), 4)
    with pytest.raises(BodyTooLarge):
        await bodies.read(request([b"abc", b"de"]), 4)


async def test_a_body_that_does_not_come_is_too_slow() -> None:
    """A peer that sends nothing, or stops, is given up."""
    with pytest.raises(BodyTooSlow):
        await bodies.read(request([]), 4, NO_TIME)
    with pytest.raises(BodyTooSlow):
        await bodies.read(request([b"a"]), 4, Pace(first_seconds=0.05, bytes_per_second=100, total_seconds=60))


async def test_a_peer_that_goes_away_is_told_apart() -> None:
    """A connection that ends is no slow one."""
    with pytest.raises(ClientDisconnect):
        await bodies.read(request([b"a", None]), 4)


def test_bytes_extend_the_time() -> None:
    """The time for a body grows with what has arrived, at the minimum pace, up to the longest."""
    pace = Pace(first_seconds=10, bytes_per_second=1000, total_seconds=60)
    assert [110, 111, 125, 160, 160] == [pace.deadline(100, size) for size in (0, 1000, 15_000, 50_000, 1_000_000)]


@pytest.mark.parametrize("received", [0, 100, 4096, 65_536, 10**9])
def test_the_page_can_say_why(received: int) -> None:
    """Whatever has arrived, the page gives a body up some seconds before its connection is closed."""
    assert bodies.PACE.deadline(0, received) + 5 <= Limits().body.deadline(0, received)

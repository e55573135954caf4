"""Streams of members: bounded memory, and one writer at a time.

Owns the proofs of `gateway/domain/ads/audience_members.py` that need no real server.
"""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from gateway.audiences.identifiers import IdentifierType
from gateway.domain.ads import audience_members, audiences
from gateway.domain.ads.audience_members import PART_MEMBERS, Piece
from gateway.domain.ads.audiences import AudiencePlace
from gateway.domain.media.upload_slots import UploadSlots
from gateway.errors import Conflict, DeadlineExceeded, MemberOffsetMismatch
from storage.audiences import AudienceRow
from storage.states import AudienceAction
from tests.fixtures.audiences import AudienceWorld

APPEND = AudienceAction.APPEND
MEMBER = {IdentifierType.EMAIL: "ab" * 32}


async def pieces(first: int, end: int, *, finish: bool = False) -> AsyncIterator[Piece]:
    """Yield members from one number to another, a thousand at a time."""
    for offset in range(first, end, 1_000):
        yield Piece(offset, [MEMBER] * min(1_000, end - offset), finish and offset + 1_000 >= end)


async def place_of(world: AudienceWorld) -> AudiencePlace:
    """Create an audience; return its place."""
    _, location, _, account, _, id = (await world.create()).name.split("/")
    return AudiencePlace(location, account, id)


async def test_memory_does_not_grow_with_the_members(audiences: AudienceWorld) -> None:
    """Three times the members take no more memory at their peak: a part is stored as soon as it is full."""
    domain, place, peaks = audiences.world.world.domain, await place_of(audiences), []
    first = 0
    for count in (2 * PART_MEMBERS, 6 * PART_MEMBERS):
        tracemalloc.start()
        row = await audience_members.take(
            domain, UploadSlots(), place, pieces(first, first + count), AudienceAction.APPEND
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        first += count
        assert first == row.gathered
    assert peaks[1] < 1.5 * peaks[0]


async def test_a_broken_stream_keeps_what_was_stored(audiences: AudienceWorld) -> None:
    """Full parts stay; the count tells where the next stream goes on."""
    domain, place = audiences.world.world.domain, await place_of(audiences)

    async def broken() -> AsyncIterator[Piece]:
        async for piece in pieces(0, PART_MEMBERS + 5_000):
            yield piece
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await audience_members.take(domain, UploadSlots(), place, broken(), APPEND)
    assert PART_MEMBERS == (await audiences_row(audiences, place)).gathered


async def audiences_row(world: AudienceWorld, place: AudiencePlace) -> AudienceRow:
    """Return the row of an audience."""
    return await audiences.get(world.world.world.domain, place)


async def test_of_two_streams_one_goes_on(audiences: AudienceWorld) -> None:
    """Both begin at the same member: one is kept, the other is told, and nobody is counted twice."""
    domain, place, slots = audiences.world.world.domain, await place_of(audiences), UploadSlots()
    streams = (audience_members.take(domain, slots, place, pieces(0, 3_000), APPEND) for _ in range(2))
    ended = await asyncio.gather(*streams, return_exceptions=True)
    assert 1 == sum(isinstance(each, Conflict | MemberOffsetMismatch) for each in ended)
    assert 3_000 == (await audiences_row(audiences, place)).gathered


async def test_a_silent_stream_loses_its_place(audiences: AudienceWorld) -> None:
    """Whoever sends nothing does not keep others from sending."""
    domain, place = audiences.world.world.domain, await place_of(audiences)

    async def silent() -> AsyncIterator[Piece]:
        await asyncio.Event().wait()
        yield Piece(0, [], finish=False)

    with pytest.raises(DeadlineExceeded):
        await audience_members.take(domain, UploadSlots(idle_seconds=0.01), place, silent(), APPEND)

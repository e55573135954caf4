"""Members on their way to the vendor: killed, refused and unanswered at every call, none is lost and none sent twice.

Owns the proofs of `gateway/domain/ads/audience_sending.py`. The vendor is simulated; its book has every write.
"""

import asyncio
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from gateway.domain.ads import audience_sending
from gateway.domain.ads.audience_sending import FILE_MEMBERS, LEASE, plan
from providers.models.audiences import MembersFile
from providers.simulators.faults import Fault
from socialgateway.ads.v1.audience_pb2 import Audience
from storage.audiences import AudiencePartRow
from tests.fixtures.audiences import AudienceWorld, digest
from tests.rpc import answers

DAY = 24 * 3_600


class Killed(Exception):
    """The process is gone."""


class Killing:
    """A facet in front of which, or behind which, the process dies once."""

    def __init__(self, inner: Any, method: str, *, after: bool) -> None:
        self._inner, self._method, self._after, self.done = inner, method, after, False

    def __getattr__(self, name: str) -> Any:
        """Return a method that may be the last one."""
        found = getattr(self._inner, name)
        if name != self._method:
            return found

        async def last(*args: Any, **kwargs: Any) -> Any:
            if self.done:
                return await found(*args, **kwargs)
            self.done = True
            if self._after:
                await found(*args, **kwargs)
            raise Killed

        return last


def kill(world: AudienceWorld, method: str, *, after: bool) -> Killing:
    """Let the process die at the next call of a method."""
    providers: Any = world.world.world.domain.providers
    killing = Killing(providers["tiktok"].audiences, method, after=after)
    providers["tiktok"] = replace(providers["tiktok"], audiences=killing)
    return killing


async def run_through(world: AudienceWorld) -> None:
    """Let the background work, and other processes take over whatever a dead one held, until nothing is left."""
    for _ in range(6):
        with suppress(Killed):
            await world.run_due()
        world.world.world.clock.advance(LEASE.total_seconds() + 1)


def writes(world: AudienceWorld, kind: str) -> int:
    """Count the vendor's writes of a kind."""
    return sum(each == kind for each, _, _ in world.book.written)


def everybody(world: AudienceWorld, count: int) -> bool:
    """Return whether the vendor has one audience with exactly these members."""
    [theirs] = world.book.audiences.values()
    return {digest(number) for number in range(count)} == theirs.identifiers


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("method", ["upload", "create", "change"])
async def test_a_killed_process_loses_no_member_and_sends_none_twice(
    audiences: AudienceWorld, method: str, after: bool
) -> None:
    """Whichever call it dies before or after: one audience, every member, one creation, one append."""
    killing = kill(audiences, method, after=after)
    name = (await audiences.create()).name
    await audiences.fill(name, 0, 1_000)
    await run_through(audiences)
    await audiences.fill(name, 1_000, 2_000)
    await run_through(audiences)
    await audiences.run_due(DAY)
    found = await audiences.get(name)

    assert killing.done
    assert everybody(audiences, 2_000)
    assert (1, 1) == (writes(audiences, "create"), writes(audiences, "append"))
    assert (Audience.ACTIVE, 2_000, 0, False) == (found.state, found.size, found.pending_members, found.sending)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "html", "status"])
@pytest.mark.parametrize("operation", ["audience.upload", "audience.create", "audience.update"])
async def test_a_lost_answer_is_looked_for(audiences: AudienceWorld, operation: str, kind: str) -> None:
    """Lost before or after the vendor acted, or unreadable: the same, and no error is left."""
    fault: dict[str, Any] = {"status": 503} if kind == "status" else {}
    audiences.world.vendor.faults.add(Fault(match=operation, kind=kind, **fault))
    name = (await audiences.create()).name
    await audiences.fill(name, 0, 1_000)
    await run_through(audiences)
    await audiences.fill(name, 1_000, 2_000)
    await run_through(audiences)
    await audiences.run_due(DAY)
    found = await audiences.get(name)

    assert everybody(audiences, 2_000)
    assert (1, 1) == (writes(audiences, "create"), writes(audiences, "append"))
    assert (Audience.ACTIVE, 0, 0) == (found.state, found.pending_members, found.error.code)


async def test_two_processes_send_each_file_once(audiences: AudienceWorld) -> None:
    """Of two that look at the same time, one takes each step."""
    name = (await audiences.create()).name
    await audiences.fill(name, 0, 1_000)
    domain = audiences.world.running()
    for _ in range(4):
        await asyncio.gather(*(audience_sending.run_due(domain) for _ in range(2)))
    assert (1, 1) == (writes(audiences, "upload"), writes(audiences, "create"))


async def test_a_frozen_process_makes_no_call_that_others_have_looked_for(audiences: AudienceWorld) -> None:
    """Frozen between the commit and the call, it wakes up too late: another one has made the audience, once."""
    providers: Any = audiences.world.world.domain.providers
    facet, begun, thawed = providers["tiktok"].audiences, asyncio.Event(), asyncio.Event()

    class Freezing(Killing):
        async def create(self, *args: Any, **kwargs: Any) -> str:
            providers["tiktok"] = replace(providers["tiktok"], audiences=facet)
            begun.set()
            await thawed.wait()
            id: str = await facet.create(*args, **kwargs)
            return id

    providers["tiktok"] = replace(providers["tiktok"], audiences=Freezing(facet, "", after=False))
    name = (await audiences.create()).name
    await audiences.fill(name, 0, 1_000)
    first = asyncio.create_task(audiences.run_due())
    await begun.wait()
    await run_through(audiences)
    assert 1 == writes(audiences, "create")
    thawed.set()
    await first
    assert 1 == writes(audiences, "create")
    assert everybody(audiences, 1_000)


async def test_files_that_the_vendor_forgot_are_sent_again(audiences: AudienceWorld) -> None:
    """Before an audience is made of them they can be gone there: they are uploaded once more."""
    audiences.world.vendor.faults.add(Fault(match="audience.create", kind="error", code="40909"))
    name = (await audiences.create()).name
    await audiences.fill(name, 0, 1_000)
    await run_through(audiences)
    assert (2, 1) == (writes(audiences, "upload"), writes(audiences, "create"))
    assert everybody(audiences, 1_000)


async def test_members_that_the_vendor_refuses_end_with_the_reason(audiences: AudienceWorld) -> None:
    """A refusal is final: the audience is FAILED, says why in the vendor's words, and keeps no digest."""
    audiences.world.vendor.faults.add(
        Fault(match="audience.create", kind="error", code="40002", message="No such thing")
    )
    name = (await audiences.create()).name
    await audiences.fill(name, 0, 1_000)
    await run_through(audiences)
    found = await audiences.get(name)
    assert (Audience.FAILED, 0, False) == (found.state, found.pending_members, found.sending)
    answers.assert_status(found.error, "CONTENT_REJECTED", providerCode="40002")
    assert 0 == writes(audiences, "create")


async def test_a_revoked_grant_keeps_the_members(audiences: AudienceWorld) -> None:
    """While nobody may call the vendor they wait, and the error says what is missing."""
    name = (await audiences.create()).name
    await audiences.fill(name, 0, 1_000)
    for grant in audiences.world.vendor.marketing.grants.tokens.values():
        grant.alive = False
    await run_through(audiences)
    found = await audiences.get(name)
    assert (Audience.SENDING, 1_000, True) == (found.state, found.pending_members, found.sending)
    assert found.error.code


async def test_an_audience_that_somebody_else_deleted_is_failed(audiences: AudienceWorld) -> None:
    """What the vendor has no longer is said so, and not read any more."""
    name = (await audiences.create()).name
    await audiences.fill(name, 0, 1_000)
    await audiences.run_due()
    audiences.book.audiences.clear()
    await audiences.run_due(3_600)
    found = await audiences.get(name)
    assert Audience.FAILED == found.state
    answers.assert_status(found.error, "RESOURCE_NOT_FOUND")


async def test_what_a_dead_process_spooled_is_deleted(audiences: AudienceWorld) -> None:
    """Digests without a row are gone after a day; those with one stay."""
    domain = audiences.world.world.domain
    name = (await audiences.create()).name
    await audiences.fill(name, 0, 1_000)
    await domain.blobs.put("audiences/l1/x/0-y", b"orphan")
    audiences.world.world.clock.advance(10**9)
    await audience_sending.orphans(domain)
    [keys] = [sorted(batch) async for batch in domain.blobs.older("audiences", domain.clock())]
    assert [True] == [name.rpartition("/")[2] in key for key in keys]


@pytest.mark.parametrize(
    ("parts", "files"),
    [
        ([1_000], [1_000]),
        ([FILE_MEMBERS], [FILE_MEMBERS]),
        ([FILE_MEMBERS, 20_000], [FILE_MEMBERS, 20_000]),
        ([FILE_MEMBERS, 999], [FILE_MEMBERS + 999]),
        ([20_000] * 26, [FILE_MEMBERS, 20_000]),
        ([1] * 1_000, [1_000]),
    ],
)
def test_parts_make_files_of_the_vendors_size(parts: list[int], files: list[int]) -> None:
    """Half a million members to a file, and never fewer than the vendor takes in the last one."""
    rows = [
        AudiencePartRow(location="l", audience="a", first=sum(parts[:number]), members=count, size=1, key=str(number))
        for number, count in enumerate(parts)
    ]
    made = plan(rows, 1_000)
    assert files == [sum(part.members for part in each) for each in made]
    assert rows == [part for each in made for part in each]


async def test_memory_does_not_grow_with_a_file(audiences: AudienceWorld) -> None:
    """Twelve times the members take no more memory on their way to the vendor: files are streamed from the store."""
    world, peaks = audiences.world.world, []

    class Draining(Killing):
        async def upload(self, access: Any, account: str, file: MembersFile, body: Any) -> str:
            sizes = [len(piece) async for piece in body()]
            assert file.size == sum(sizes)
            return "a/path"

        async def create(self, *args: Any, **kwargs: Any) -> str:
            return "7000000000000000001"

    providers: Any = world.domain.providers
    draining: Any = Draining(providers["tiktok"].audiences, "", after=False)
    providers["tiktok"] = replace(providers["tiktok"], audiences=draining)
    for parts in (1, 12):
        name = (await audiences.create()).name
        await audiences.fill(name, 0, parts * 5_000)
        tracemalloc.start()
        await audience_sending.run_due(audiences.world.running())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 1_000_000, peaks

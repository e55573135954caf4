"""AudienceService through a real server, before a simulated vendor: members come in, resume, are refused, and leave.

Owns the proofs of `gateway/rpc/ads_audiences.py` and the rules behind it.
"""

from collections.abc import Awaitable
from typing import Any

import grpc
import pytest
from sqlalchemy import text

from providers.simulators.faults import Fault
from socialgateway.ads.v1.audience_pb2 import Audience
from socialgateway.ads.v1.audience_service_pb2 import AppendAudienceMembersRequest
from tests.fixtures.audiences import AudienceWorld, digest, members, stream
from tests.rpc import answers

REQUEST_ID = "8d2f4e9c-3b1a-4c5d-9e8f-7a6b5c4d3e2f"


async def refused(call: Awaitable[Any], reason: str, **metadata: str) -> grpc.aio.AioRpcError:
    """Await a call that must be refused for `reason`."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    answers.assert_reason(caught.value, reason, **metadata)
    return caught.value


async def test_members_become_an_audience(audiences: AudienceWorld) -> None:
    """Created empty, filled, sent as one file, matched, and usable under the vendor's id."""
    made = await audiences.create()
    assert (Audience.COLLECTING, 0, "") == (made.state, made.pending_members, made.provider_audience_id)
    assert [] == audiences.book.written

    filled = await audiences.fill(made.name, 0, 1_500)
    assert (Audience.SENDING, 1_500, True) == (filled.state, filled.pending_members, filled.sending)
    await audiences.run_due()
    building = await audiences.get(made.name)
    assert (Audience.BUILDING, 0, 1_500, False) == (
        building.state,
        building.pending_members,
        building.sent_members,
        building.sending,
    )
    [theirs] = audiences.book.audiences.values()
    assert {digest(number) for number in range(1_500)} == theirs.identifiers
    assert theirs.name.startswith("VIPs #")

    await audiences.run_due(3_600)
    active = await audiences.get(made.name)
    assert (Audience.ACTIVE, 1_500, theirs.audience_id) == (active.state, active.size, active.provider_audience_id)


async def test_an_audience_takes_members_again(audiences: AudienceWorld) -> None:
    """They are appended, never replaced; while the vendor is busy with the audience they wait, and are not lost."""
    name = (await audiences.create()).name
    await audiences.fill(name, 0, 1_000)
    await audiences.run_due()
    await audiences.fill(name, 500, 2_000)
    await audiences.run_due()
    waiting = await audiences.get(name)
    assert (True, 1_500) == (waiting.sending, waiting.pending_members)
    answers.assert_status(waiting.error, "PROVIDER_UNAVAILABLE")
    await audiences.run_due(3_600)
    await audiences.run_due(3_600)
    found = await audiences.get(name)
    assert (Audience.ACTIVE, 2_000, 2_500, 0) == (found.state, found.size, found.sent_members, len(found.error.details))
    assert ["upload", "create", "upload", "append"] == [each for each, _, _ in audiences.book.written]


async def test_a_stream_goes_on_where_the_last_one_ended(audiences: AudienceWorld) -> None:
    """Members are kept without `finish`; a wrong offset names the right one, and no member comes twice."""
    name = (await audiences.create()).name
    some = await audiences.append(stream(name, members(0, 700), finish=False))
    assert (700, Audience.COLLECTING, False) == (some.pending_members, some.state, some.sending)
    wrong = audiences.append(stream(name, members(600, 1_000), offset=600))
    await refused(wrong, "UPLOAD_OFFSET_MISMATCH", pendingMembers="700")
    await audiences.append(stream(name, members(700, 1_200), offset=700))
    again = await audiences.append([AppendAudienceMembersRequest(name=name, member_offset=1_200, finish=True)])
    assert (1_200, True) == (again.pending_members, again.sending)
    await audiences.run_due()
    [theirs] = audiences.book.audiences.values()
    assert (1_200, 1_200) == (len(theirs.identifiers), len(theirs.members))


async def test_each_stream_that_changes_something_is_on_record(audiences: AudienceWorld) -> None:
    """One that only finishes changes something too; one that repeats an end does not."""
    name = (await audiences.create()).name
    await audiences.append(stream(name, members(0, 1_000), finish=False))
    for _ in range(2):
        await audiences.append([AppendAudienceMembersRequest(name=name, member_offset=1_000, finish=True)])
    query = "SELECT resource FROM audit_unsealed WHERE outcome = 'COMMITTED' AND method LIKE '%/AppendAudienceMembers'"
    async with audiences.world.world.domain.db.read() as tx:
        assert [name, name] == list((await tx.execute(text(query))).scalars())


BAD: list[tuple[dict[str, str], str]] = [
    ({"email": digest(1)[:63]}, "members[0].email"),
    ({"email": f"{digest(1)}0"}, "members[0].email"),
    ({"email": "canary@example.com"}, "members[0].email"),
    ({"phone": "+41446681800"}, "members[0].phone"),
    ({"maid": ""}, "members[0].maid"),
    ({}, "members[0]"),
]


@pytest.mark.parametrize(("member", "field"), BAD)
async def test_what_is_no_digest_is_refused(audiences: AudienceWorld, member: dict[str, str], field: str) -> None:
    """A digest of 63 characters, a plain value, nothing: the field is named, never the value, and nothing is kept."""
    name = (await audiences.create()).name
    error = await refused(audiences.append(stream(name, [member])), "FIELD_INVALID", field=field)
    assert "canary" not in f"{error.details()} {error.trailing_metadata()}"
    assert 0 == (await audiences.get(name)).pending_members


@pytest.mark.parametrize("count", [0, 999])
async def test_too_few_members_are_not_sent(audiences: AudienceWorld, count: int) -> None:
    """An empty audience, or one that is too small for the vendor: the reason says how many it takes, more can come."""
    name = (await audiences.create()).name
    end = audiences.append(stream(name, members(0, count)))
    await refused(end, "AUDIENCE_TOO_SMALL", members=str(count), fewest="1000")
    await audiences.run_due(3_600)
    assert [] == audiences.book.written
    filled = await audiences.append(stream(name, members(count, 1_000), offset=count))
    assert (1_000, True) == (filled.pending_members, filled.sending)


async def test_plain_members_are_hashed_on_demand(audiences: AudienceWorld) -> None:
    """With `hashing` plain values become digests, and digests stay; without a region a bare phone number is refused."""
    name = (await audiences.create()).name
    plain = [{"email": f" Member{number}@Example.com "} for number in range(999)]
    plain.append({"email": digest(999), "phone": "044 668 18 00"})
    await refused(audiences.append(stream(name, plain, hashing={})), "FIELD_INVALID", field="members[999].phone")
    await refused(
        audiences.append(stream(name, plain, hashing={"phone_region": "XX"})),
        "FIELD_INVALID",
        field="hashing.phone_region",
    )
    await audiences.append(stream(name, plain, hashing={"phone_region": "CH"}))
    await audiences.run_due()
    [theirs] = audiences.book.audiences.values()
    assert {digest(number) for number in range(1_000)} < theirs.identifiers
    assert 1_001 == len(theirs.identifiers)


async def test_messages_of_a_stream_are_checked(audiences: AudienceWorld) -> None:
    """No name, another name later, an empty message in the middle, more members than a message takes."""
    name = (await audiences.create()).name
    few = AppendAudienceMembersRequest(members=members(0, 1))
    for messages, field in (
        ([few], "name"),
        ([*stream(name, members(0, 1), finish=False), AppendAudienceMembersRequest(name=f"{name}x")], "name"),
        ([*stream(name, members(0, 1), finish=False), AppendAudienceMembersRequest()], "members"),
        ([*stream(name, members(0, 1), finish=False), AppendAudienceMembersRequest(hashing={})], "hashing"),
        (stream(name, members(0, 1_001), size=1_001), "members"),
    ):
        await refused(audiences.append(messages), "FIELD_INVALID", field=field)


async def test_members_of_an_unknown_audience_are_refused(audiences: AudienceWorld) -> None:
    """An audience, or an ad account, that does not exist, and the right audience below another account."""
    name = (await audiences.create()).name
    other = f"{audiences.account}x/audiences/{name.rpartition('/')[2]}"
    for missing in (f"{audiences.account}/audiences/no", other):
        await refused(audiences.append(stream(missing, members(0, 1))), "RESOURCE_NOT_FOUND")
        await refused(audiences.get(missing), "RESOURCE_NOT_FOUND")
    absent = audiences.call("CreateAudience", parent=f"{audiences.account}x", audience={"display_name": "x"})
    await refused(absent, "RESOURCE_NOT_FOUND")


@pytest.mark.parametrize("display_name", [" ", "x" * 101])
async def test_a_name_has_1_to_100_characters(audiences: AudienceWorld, display_name: str) -> None:
    """An audience without a name, or with a longer one, is refused."""
    await refused(audiences.create(display_name), "FIELD_INVALID", field="audience.display_name")


async def test_a_request_id_makes_one_audience(audiences: AudienceWorld) -> None:
    """The same request again answers the same audience; lists show each once, newest first, in pages."""
    first = await audiences.create("one", request_id=REQUEST_ID)
    assert first == await audiences.create("one", request_id=REQUEST_ID)
    await refused(audiences.create("two", request_id=REQUEST_ID), "REQUEST_ID_REUSED")
    audiences.world.world.clock.advance(1)
    second = await audiences.create("two")
    page = await audiences.call("ListAudiences", parent=audiences.account, page_size=1)
    rest = await audiences.call("ListAudiences", parent=audiences.account, page_size=1, page_token=page.next_page_token)
    assert ([second], [first], "") == (list(page.audiences), list(rest.audiences), rest.next_page_token)


async def test_a_deleted_audience_leaves_nothing(audiences: AudienceWorld) -> None:
    """It is gone at the vendor and here, with the members that were waiting; a repeat with its id is no error."""
    kept = (await audiences.create("kept")).name
    await audiences.append(stream(kept, members(0, 10), finish=False))
    sent = (await audiences.create("sent")).name
    await audiences.fill(sent, 0, 1_000)
    await audiences.run_due()
    for name in (kept, sent):
        await audiences.call("DeleteAudience", name=name, request_id=REQUEST_ID)
        await audiences.call("DeleteAudience", name=name, request_id=REQUEST_ID)
        await refused(audiences.get(name), "RESOURCE_NOT_FOUND")
        await refused(audiences.call("DeleteAudience", name=name), "RESOURCE_NOT_FOUND")
        break
    await audiences.call("DeleteAudience", name=sent)
    assert {} == audiences.book.audiences
    assert [] == [key async for batch in blobs(audiences) for key in batch]


def blobs(world: AudienceWorld) -> Any:
    """Return the keys of everything that is spooled, in batches."""
    domain = world.world.world.domain
    world.world.world.clock.advance(10**9)
    return domain.blobs.older("audiences", domain.clock())


async def test_one_person_leaves_an_audience(audiences: AudienceWorld) -> None:
    """Nobody else does, although the vendor takes a thousand at a time; made again it changes nothing."""
    name = (await audiences.create()).name
    await audiences.fill(name, 0, 2_000)
    await audiences.run_due()
    await audiences.run_due(3_600)
    leaving = await audiences.remove(name, 17)
    assert (True, True, 1, Audience.ACTIVE) == (
        leaving.removing,
        leaving.sending,
        leaving.pending_members,
        leaving.state,
    )
    await audiences.run_due()
    await audiences.run_due(3_600)
    found = await audiences.get(name)

    [theirs] = audiences.book.audiences.values()
    assert {digest(number) for number in range(2_000) if number != 17} == theirs.identifiers
    assert (Audience.ACTIVE, 1_999, 2_000, 0, False) == (
        found.state,
        found.size,
        found.sent_members,
        found.pending_members,
        found.removing,
    )
    assert ["upload", "create", "upload", "remove"] == [each for each, _, _ in audiences.book.written]
    await audiences.remove(name, 17, 18)
    await audiences.run_due()
    assert 1_998 == len(theirs.members)


async def test_a_lost_answer_to_a_removal_is_looked_for(audiences: AudienceWorld) -> None:
    """Those who leave are told once, and members can be added afterwards."""
    name = (await audiences.create()).name
    await audiences.fill(name, 0, 2_000)
    await audiences.run_due()
    await audiences.run_due(3_600)
    audiences.world.vendor.faults.add(Fault(match="audience.update", kind="drop_after"))
    await audiences.remove(name, 5)
    await audiences.run_due()
    await audiences.run_due(3_600)
    await audiences.fill(name, 2_000, 3_000)
    await audiences.run_due()
    await audiences.run_due(3_600)
    kinds = [each for each, _, _ in audiences.book.written if each != "upload"]
    [theirs] = audiences.book.audiences.values()
    assert (["create", "remove", "append"], 2_999) == (kinds, len(theirs.members))


async def test_what_cannot_be_removed_is_refused(audiences: AudienceWorld) -> None:
    """Of an audience that the vendor does not have, while others are added, and of nobody."""
    name = (await audiences.create()).name
    await refused(audiences.remove(name, 1), "STATE_FORBIDS")
    await audiences.fill(name, 0, 1_500)
    await refused(audiences.remove(name, 1), "STATE_FORBIDS")
    await audiences.run_due()
    await refused(audiences.remove(name), "AUDIENCE_TOO_SMALL")
    await audiences.append(stream(name, members(0, 5), finish=False))
    await refused(audiences.remove(name, 1), "STATE_FORBIDS")

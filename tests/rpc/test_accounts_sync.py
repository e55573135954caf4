"""Accounts inside a grant that holds several: listed, kept up to date, each with its health.

Owns the copies. Attaching and letting go is test_accounts_attach.
"""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, timedelta

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from gateway.domain.access import ConnectionAccess
from gateway.domain.accounts import sync
from gateway.domain.connections import verify
from providers.simulators.highlevel import Fault
from providers.simulators.highlevel.social_accounts import account_json
from providers.simulators.highlevel.tenants import BAKERY
from socialgateway.v1 import account_pb2, account_service_pb2, connection_pb2
from storage import accounts, connections
from storage.states import ConnectionStatus
from tests.fixtures.highlevel import HighWorld
from tests.rpc.answers import assert_error
from tests.rpc.networks import (
    NOW,
    SAID,
    attach,
    by_vendor_id,
    connect,
    consent,
    delete,
    events,
    get,
    listed,
    of_vendor,
    put_post,
)

Account = account_pb2.Account
USABLE = account_pb2.ACCOUNT_HEALTH_USABLE
EXPIRED = account_pb2.ACCOUNT_HEALTH_EXPIRED
INACTIVE = account_pb2.ACCOUNT_HEALTH_INACTIVE
NO_PROFILE = ["bio", "profile_uri", "username", "verified"]
NO_STATS = ["follower_count", "following_count", "like_count", "video_count"]


async def test_a_connection_makes_the_accounts_of_all_its_networks(high: HighWorld) -> None:
    """After a consent each account of the location is there by our names, from one vendor call, with its event."""
    made = await connect(high)

    found = await by_vendor_id(high)

    tiktok, page, business = of_vendor(high)
    assert {
        tiktok.id: ("tiktok", "profile", "Sim Bakery"),
        page.id: ("facebook", "page", "Bakery"),
        business.id: ("tiktok_business", "business", "Bakery GmbH"),
    } == {id: (each.platform, each.kind, each.display_name) for id, each in found.items()}
    assert {(made, "providers/highlevel", Account.ACTIVE, USABLE)} == {
        (each.connection, each.provider, each.state, each.health) for each in found.values()
    }
    assert tiktok.expire == found[tiktok.id].expire_time.ToDatetime(UTC)
    assert sorted(NO_PROFILE + NO_STATS) == list(found[page.id].unavailable_fields)
    assert {("ACCOUNT_ATTACHED", id) for id in found} == set(await events(high))
    assert (1, 0, 0) == (high.calls("accounts.list"), high.calls("posts.list"), high.calls("locations.search"))
    assert connection_pb2.Connection.VALID == (await high.world.get(made)).status


async def test_further_ids_are_kept_and_no_grant_is_an_account(high: HighWorld) -> None:
    """What statistics and posts name an account by stays with it; the location itself is none."""
    await connect(high)

    tiktok = of_vendor(high)[0]
    async with high.world.domain.db.read() as tx:
        row = await accounts.by_provider_id(tx, BAKERY, "highlevel", "tiktok", tiktok.id)
        every = await accounts.page(tx, BAKERY, after=None, limit=10)

    assert row is not None
    assert {
        "profile_id": tiktok.profile_id,
        "oauth_id": tiktok.oauth_id,
        "origin_id": tiktok.origin_id,
    } == row.provider_data
    assert {"tiktok", "facebook", "tiktok_business"} == {each.platform for each in every}


async def test_a_list_costs_nothing_unless_it_must_be_fresh(high: HighWorld) -> None:
    """Without max_staleness the copies are answered; with it one call brings all up to date, when it is due."""
    made = await connect(high)
    asked = high.calls("accounts.list")

    await listed(high)
    await listed(high, connection=made)
    assert asked == high.calls("accounts.list")

    high.vendor.accounts.add(location_id=BAKERY, platform="linkedin", origin_id="o", name="New")
    assert 3 == len((await listed(high, max_staleness=Duration(seconds=60))).accounts)
    assert asked == high.calls("accounts.list")

    high.world.clock.advance(timedelta(seconds=60))
    assert 4 == len((await listed(high, max_staleness=Duration(seconds=60))).accounts)
    assert asked + 1 == high.calls("accounts.list")
    assert 4 == len((await listed(high, connection=made, max_staleness=NOW)).accounts)
    assert asked + 2 == high.calls("accounts.list")


async def test_the_next_page_costs_no_vendor_call(high: HighWorld) -> None:
    """A list is refreshed before its first page, not in the middle."""
    await connect(high)
    first = await listed(high, page_size=2, max_staleness=NOW)
    asked = high.calls("accounts.list")

    second = await listed(high, page_size=2, max_staleness=NOW, page_token=first.next_page_token)

    assert (2, 1, asked) == (len(first.accounts), len(second.accounts), high.calls("accounts.list"))


async def test_health_is_the_vendors(high: HighWorld) -> None:
    """An expired and an inactive account have different healths, and both recover."""
    await connect(high)
    tiktok, page, business = of_vendor(high)
    high.vendor.set_account(tiktok.id, expired=True)
    high.vendor.set_account(page.id, active=False)

    worse = await by_vendor_id(high, max_staleness=NOW)
    high.vendor.set_account(tiktok.id, expired=False)
    high.vendor.set_account(page.id, active=True)
    better = await by_vendor_id(high, max_staleness=NOW)

    ids = (tiktok.id, page.id, business.id)
    assert [EXPIRED, INACTIVE, USABLE] == [worse[id].health for id in ids]
    assert [USABLE, USABLE, USABLE] == [better[id].health for id in ids]
    assert {Account.ACTIVE} == {each.state for each in worse.values()}


async def test_an_end_that_has_come_is_seen_without_a_call(high: HighWorld) -> None:
    """An account's expiry is shown from the copy, without a vendor call."""
    await connect(high)
    tiktok, asked = of_vendor(high)[0], high.calls("accounts.list")
    high.world.clock.advance(tiktok.expire - high.world.clock())

    found = await by_vendor_id(high)

    assert (EXPIRED, asked) == (found[tiktok.id].health, high.calls("accounts.list"))


@pytest.mark.parametrize(("flag", "health"), [(False, USABLE), (True, EXPIRED), (None, EXPIRED)])
async def test_the_vendors_own_flag_decides_before_its_date(high: HighWorld, flag: bool | None, health: int) -> None:
    """An account with a date that is over is usable if HighLevel says that it is not expired, and the date is shown."""
    await connect(high)
    rows = [account_json(each, high.world.clock()) for each in of_vendor(high)]
    past = high.world.clock() - timedelta(days=1)
    for row in rows:
        row["expire"] = past.isoformat()
        row["isExpired"] = flag
    body = json.dumps({"success": True, "statusCode": 200, "results": {"accounts": rows, "groups": []}})
    high.vendor.faults.add(Fault(match="accounts.list", kind="body", body=body))

    found = await by_vendor_id(high, max_staleness=NOW)

    assert {(health, past)} == {(each.health, each.expire_time.ToDatetime(UTC)) for each in found.values()}


async def test_an_account_reconnected_under_a_new_id_stays_the_same(high: HighWorld) -> None:
    """It is the same user of the same network: one account, with its name, and no event of another."""
    await connect(high)
    before = await by_vendor_id(high)
    tiktok, *_ = of_vendor(high)
    high.vendor.accounts.remove(tiktok)
    new = high.vendor.accounts.add(
        location_id=BAKERY, platform="tiktok", origin_id=tiktok.origin_id, name="Sim Bakery", type=tiktok.type
    )

    after = await by_vendor_id(high, max_staleness=NOW)

    assert new.id != tiktok.id
    assert before[tiktok.id].name == after[new.id].name
    assert (len(before), Account.ACTIVE) == (len(after), after[new.id].state)
    assert ["ACCOUNT_ATTACHED"] * len(before) == [kind for kind, _ in await events(high)]


async def test_an_account_that_is_still_listed_is_not_taken_for_another(high: HighWorld) -> None:
    """The same user listed under two ids is two accounts; so is the same number on another network."""
    await connect(high)
    before = await by_vendor_id(high)
    tiktok, page, _ = of_vendor(high)
    same = high.vendor.accounts.add(location_id=BAKERY, platform="tiktok", origin_id=tiktok.origin_id, name="Twice")
    high.vendor.accounts.remove(page)
    other = high.vendor.accounts.add(location_id=BAKERY, platform="linkedin", origin_id=page.origin_id, type="page")

    after = await by_vendor_id(high, max_staleness=NOW)

    assert before[tiktok.id].name == after[tiktok.id].name
    assert {each.name for each in before.values()}.isdisjoint({after[same.id].name, after[other.id].name})
    assert Account.UNREACHABLE == after[page.id].state


async def test_what_vanishes_is_unreachable_and_can_come_back(high: HighWorld) -> None:
    """An account that the vendor no longer lists, or lists as deleted, stays here, says so, and tells it once."""
    await connect(high)
    tiktok, page, business = of_vendor(high)
    before = await by_vendor_id(high)
    high.vendor.accounts.remove(tiktok)
    high.vendor.set_account(page.id, deleted=True)

    for _ in range(2):
        gone = await by_vendor_id(high, max_staleness=NOW)
    high.vendor.accounts.by_id |= {tiktok.id: tiktok, page.id: page}
    back = await by_vendor_id(high, max_staleness=NOW)

    assert [Account.UNREACHABLE, Account.UNREACHABLE, Account.ACTIVE] == [
        gone[each.id].state for each in (tiktok, page, business)
    ]
    assert {Account.ACTIVE} == {each.state for each in back.values()}
    assert {id: each.name for id, each in before.items()} == {id: each.name for id, each in back.items()}
    for id in (tiktok.id, page.id):
        told = [kind for kind, whose in await events(high) if whose == id]
        assert ["ACCOUNT_ATTACHED", "ACCOUNT_DETACHED", "ACCOUNT_ATTACHED"] == told


async def test_a_network_of_no_name_of_ours_keeps_the_vendors(high: HighWorld) -> None:
    """What HighLevel connects one day is listed before we know it."""
    high.vendor.accounts.add(location_id=BAKERY, platform="mastodon", origin_id="m")
    high.vendor.accounts.add(location_id=BAKERY, platform="google", origin_id="g", type="location")
    await connect(high)

    found = await listed(high, platform="mastodon")

    assert [("mastodon", "profile")] == [(each.platform, each.kind) for each in found.accounts]
    assert 1 == len((await listed(high, platform="google_business")).accounts)


async def test_a_list_that_cannot_be_had_names_its_connection(high: HighWorld) -> None:
    """The rest of the answer is what was last known; an empty answer would look as if all were gone."""
    made = await connect(high)
    for kind in ("status", "html", "body"):
        high.vendor.faults.add(Fault(match="accounts.list", kind=kind, body='{"success": true}', times=2))
        answer = await listed(high, max_staleness=NOW)
        assert ([made], 3) == (list(answer.unreachable), len(answer.accounts)), kind
        high.vendor.faults.clear()
    assert {Account.ACTIVE} == {each.state for each in (await listed(high)).accounts}


async def test_a_connection_without_a_grant_is_passed_over(high: HighWorld) -> None:
    """What nobody consented to yet, or what was given up, has no list that could be old."""
    made = await connect(high)
    await high.create(said=SAID, requested_scopes=["socialplanner/account.readonly"])
    await high.disconnect(made)
    asked = high.calls("accounts.list")

    answer = await listed(high, max_staleness=NOW)

    assert ([], asked) == (list(answer.unreachable), high.calls("accounts.list"))
    assert {Account.DETACHED} == {each.state for each in answer.accounts}


async def test_connecting_again_brings_the_same_accounts_back(high: HighWorld) -> None:
    """Disconnecting lets all go; the next consent finds them under their names."""
    made = await connect(high)
    before = {id: each.name for id, each in (await by_vendor_id(high)).items()}
    await high.disconnect(made)

    await connect(high)
    after = await by_vendor_id(high)

    assert before == {id: each.name for id, each in after.items()}
    assert {Account.ACTIVE} == {each.state for each in after.values()}


# One account


async def test_one_old_account_brings_all_up_to_date(high: HighWorld) -> None:
    """GetAccount asks for the list, never for one account: the others are fresh after it."""
    await connect(high)
    tiktok, page, _ = of_vendor(high)
    found = await by_vendor_id(high)
    high.vendor.accounts.by_id[page.id] = replace(page, name="Renamed")
    asked = high.calls("accounts.list")

    high.world.clock.advance(timedelta(minutes=59))
    await get(high, found[tiktok.id].name)
    assert asked == high.calls("accounts.list")
    high.world.clock.advance(timedelta(minutes=1))
    fresh = await get(high, found[tiktok.id].name)
    other = await get(high, found[page.id].name)

    assert asked + 1 == high.calls("accounts.list")
    assert {high.world.clock()} == {each.fetch_time.ToDatetime(UTC) for each in (fresh, other)}
    assert "Renamed" == other.display_name


async def test_a_mask_of_fields_that_no_account_has_is_no_error(high: HighWorld) -> None:
    """Parts that no network's list gives are named unavailable; no permission would bring them."""
    await connect(high)
    name = (await by_vendor_id(high))[of_vendor(high)[0].id].name

    counts = await get(high, name, read_mask=FieldMask(paths=["follower_count"]))
    named = await get(high, name, read_mask=FieldMask(paths=["display_name", "bio", "health"]))

    assert not counts.HasField("follower_count")
    assert "follower_count" in counts.unavailable_fields
    assert ("Sim Bakery", USABLE) == (named.display_name, named.health)
    assert "bio" in named.unavailable_fields


async def test_an_account_of_a_grant_of_its_own_has_no_health(high: HighWorld) -> None:
    """TikTok's own account has neither kind nor health: its connection says it all."""
    await high.world.connect()
    request = account_service_pb2.ListAccountsRequest(parent="locations/l1", max_staleness=NOW)
    (account,) = (await high.world.api.accounts.ListAccounts(request)).accounts

    assert ("", account_pb2.ACCOUNT_HEALTH_UNSPECIFIED, False) == (
        account.kind,
        account.health,
        account.HasField("expire_time"),
    )


# Verification


async def test_a_vendor_that_cannot_list_now_changes_no_status(high: HighWorld) -> None:
    """The connection stays as it was, says that it could not be asked, and keeps its accounts."""
    made = await connect(high)
    high.vendor.faults.add(Fault(match="accounts.list", kind="status", times=None))

    verified = await high.verify(made)

    assert (connection_pb2.Connection.VALID, connection_pb2.REASON_CODE_TEMPORARY_API_FAILURE) == (
        verified.status,
        verified.reason_code,
    )
    assert {Account.ACTIVE} == {each.state for each in (await listed(high)).accounts}


async def test_each_days_verification_brings_the_accounts_up_to_date(high: HighWorld) -> None:
    """The sweeper finds what was connected in HighLevel's own pages, with one call."""
    await connect(high)
    high.vendor.accounts.add(location_id=BAKERY, platform="instagram", origin_id="i", type="page")
    asked = high.calls("accounts.list")
    high.world.clock.advance(verify.INTERVAL)

    await high.sweep()

    assert "instagram" in {each.platform for each in (await listed(high)).accounts}
    assert asked + 1 == high.calls("accounts.list")


# At once


async def test_a_list_from_before_undoes_nothing(high: HighWorld) -> None:
    """A list from before an account was let go, or attached, neither brings it back nor takes it away."""
    made = await connect(high)
    domain, row = high.world.domain, await high.row(made)
    access = ConnectionAccess(domain, "highlevel", BAKERY, row.id)
    old, asked = await domain.providers["highlevel"].networks.linked(access), domain.clock()
    tiktok = (await by_vendor_id(high))[of_vendor(high)[0].id]
    await put_post(high, tiktok, "PUBLISHED")
    await delete(high, tiktok.name)
    async with domain.db.transaction() as tx:
        saved = await sync.save(domain, tx, row, old, asked)

    assert (False, Account.DETACHED) == (saved, (await get(high, tiktok.name)).state)

    row = await high.row(made)
    attached = await attach(high, made, await consent(high, made), "tiktok-1-origin")
    async with domain.db.transaction() as tx:
        saved = await sync.save(domain, tx, row, old, asked)

    assert (False, Account.ACTIVE) == (saved, (await get(high, attached.name)).state)


async def test_an_older_list_never_replaces_a_newer_one(high: HighWorld) -> None:
    """Of two lists that were asked for at different times the later one stays, in whatever order they are saved."""
    made = await connect(high)
    domain, row = high.world.domain, await high.row(made)
    access = ConnectionAccess(domain, "highlevel", BAKERY, row.id)
    old, asked = await domain.providers["highlevel"].networks.linked(access), domain.clock()
    high.vendor.accounts.remove(of_vendor(high)[0])
    high.world.clock.advance(timedelta(seconds=1))
    before = {id: each.state for id, each in (await by_vendor_id(high, max_staleness=NOW)).items()}

    async with domain.db.transaction() as tx:
        assert await sync.save(domain, tx, row, old, asked)

    assert Account.UNREACHABLE in before.values()
    assert before == {id: each.state for id, each in (await by_vendor_id(high)).items()}


async def test_many_readers_at_once_make_each_account_once(high: HighWorld) -> None:
    """Eight callers who find new accounts at once cause one event for each account."""
    await connect(high)
    for number in range(5):
        high.vendor.accounts.add(location_id=BAKERY, platform="facebook", origin_id=f"p{number}", type="page")

    answers = await asyncio.gather(*(listed(high, max_staleness=NOW) for _ in range(8)))

    assert {8} == {len(answer.accounts) for answer in answers}
    told = await events(high)
    assert (8, 8) == (len(told), len(set(told)))


async def test_an_account_that_two_connections_reach_stays_where_it_is(high: HighWorld) -> None:
    """Another connection to the same location does not take over what works, and takes over what does not."""
    first = await connect(high)
    row = await high.row(first)
    domain, now = high.world.domain, high.world.clock()
    access = ConnectionAccess(domain, "highlevel", BAKERY, row.id)
    same = await domain.providers["highlevel"].networks.linked(access)
    async with domain.db.transaction() as tx:
        other = connections.ConnectionRow(
            location=BAKERY,
            id="other",
            provider="highlevel",
            status=ConnectionStatus.VALID,
            create_time=now,
            update_time=now,
        )
        await connections.insert(tx, other)
        assert await sync.save(domain, tx, other, same, now)
    stayed = {each.connection for each in (await listed(high)).accounts}
    async with domain.db.transaction() as tx:
        await connections.change(tx, BAKERY, row.id, now, status="EXPIRED")
        assert await sync.save(domain, tx, other, same, now)
    moved = {each.connection for each in (await listed(high)).accounts}

    assert ({first}, {f"locations/{BAKERY}/connections/other"}) == (stayed, moved)


async def test_a_negative_staleness_is_refused(high: HighWorld) -> None:
    """As everywhere."""
    await connect(high)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await listed(high, max_staleness=Duration(seconds=-1))

    assert_error(caught.value, grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", field="max_staleness")

"""Networks inside a grant: the consent of an account's owner, who is behind it, attaching one, letting one go.

Owns the four RPCs. What becomes of the copies is test_accounts_sync, the page is tests/http/test_network_consents.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest

from providers.simulators.highlevel import Fault
from providers.simulators.highlevel.tenants import BAKERY, GARAGE, OWNER
from socialgateway.v1 import account_pb2, account_service_pb2, connection_service_pb2
from tests.fixtures.highlevel import HighWorld, opened
from tests.fixtures.waiting import until
from tests.rpc.answers import assert_error
from tests.rpc.networks import (
    NOBODY,
    NOW,
    attach,
    by_vendor_id,
    connect,
    consent,
    delete,
    events,
    listed,
    of_vendor,
    put_post,
    row_of,
    start,
)

Account = account_pb2.Account
Code = grpc.StatusCode
WHO = "tiktok-1-origin"


@pytest.fixture
async def v3(database_url: str, tmp_path: Path) -> AsyncIterator[HighWorld]:
    """Yield a gateway that speaks the newer generation of HighLevel's API."""
    async with opened(database_url, tmp_path, version="v3") as world:
        yield world


async def refusal(call: Any) -> grpc.aio.AioRpcError:
    """Return the error of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def attachable(
    high: HighWorld, connection: str, authorization: str, platform: str = "tiktok", **more: Any
) -> Any:
    """List the accounts behind a consent."""
    values = {"platform": platform, "authorization_id": authorization, **more}
    return await high.api.call("ConnectionService/ListAttachableAccounts", parent=connection, **values)


# The page


async def test_a_start_gives_our_page_and_the_vendors(high: HighWorld) -> None:
    """One vendor call, which is not followed; our page lives for ten minutes."""
    made = await connect(high)

    started = await start(high, made)

    assert started.uri.startswith(f"{high.world.domain.public_url}/connect/")
    assert started.provider_uri.startswith("http://127.0.0.1/_sim/social/")
    assert high.world.clock() + timedelta(minutes=10) == started.expire_time.ToDatetime(UTC)
    assert (1, []) == (high.calls("connect.start"), [each for each in high.vendor.requests if "_sim" in each.path])


async def test_a_request_id_gives_the_same_page_while_it_lives(high: HighWorld) -> None:
    """The second call makes none of its own; when the page is over, the id is too."""
    made, id = await connect(high), str(uuid4())

    first, second = await start(high, made, request_id=id), await start(high, made, request_id=id)
    other = await start(high, made)
    assert (first, 2) == (second, high.calls("connect.start"))
    assert other.uri != first.uri

    high.world.clock.advance(timedelta(minutes=10))
    assert_error(await refusal(start(high, made, request_id=id)), Code.INVALID_ARGUMENT, "AUTHORIZATION_STATE_INVALID")
    reused = start(high, made, platform="facebook", request_id=id)
    assert_error(await refusal(reused), Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED")


@pytest.mark.chaos
async def test_two_at_once_with_one_request_id_get_one_page(high: HighWorld) -> None:
    """Both may ask the vendor; both are given what the first made."""
    made, id = await connect(high), str(uuid4())

    pages = await asyncio.gather(*(start(high, made, request_id=id) for _ in range(4)))

    assert 1 == len({page.uri for page in pages})


async def test_a_network_that_the_generation_lacks_is_refused_by_its_field(high: HighWorld) -> None:
    """Under 2021-07-28 some are missing; the vendor's own spelling is not ours. No call is made."""
    made = await connect(high)

    for platform in ("youtube", "pinterest", "threads", "bluesky", "twitter", "google", "../x", "Tiktok"):
        for call in (
            start(high, made, platform),
            attachable(high, made, NOBODY, platform),
            attach(high, made, NOBODY, "o", platform),
        ):
            error = await refusal(call)
            assert_error(error, Code.FAILED_PRECONDITION, "OPTION_UNSUPPORTED", field="platform", provider="highlevel")
            assert "it connects facebook, google_business, instagram" in (error.details() or "")
    assert [] == [each for each in high.vendor.requests if each.operation.startswith("connect.")]


async def test_the_newer_generation_attaches_more_networks(v3: HighWorld) -> None:
    """From the start to an account under our name of the network."""
    made = await connect(v3)

    for platform in ("youtube", "pinterest", "threads", "google_business", "linkedin", "instagram"):
        authorization = await consent(v3, made, platform)
        (who,) = (await attachable(v3, made, authorization, platform)).attachable_accounts
        attached = await attach(v3, made, authorization, who.provider_account_id, platform)
        assert (platform, Account.ACTIVE) == (attached.platform, attached.state)


async def test_a_grant_that_is_one_account_has_no_networks(high: HighWorld) -> None:
    """A TikTok connection has no networks: CAPABILITY_MISSING without a vendor call."""
    made = (await high.world.connect()).name
    (account,) = (await _l1(high)).accounts
    asked = len(high.world.vendor.requests)

    told = [
        (await refusal(call), name)
        for call, name in (
            (start(high, made), "ACCOUNT_ATTACH"),
            (attachable(high, made, NOBODY), "ACCOUNT_ATTACH"),
            (attach(high, made, NOBODY, "o"), "ACCOUNT_ATTACH"),
            (delete(high, account.name), "ACCOUNT_DETACH"),
        )
    ]

    for error, name in told:
        assert_error(error, Code.UNIMPLEMENTED, "CAPABILITY_MISSING", capability=name, support="IMPOSSIBLE")
    assert asked == len(high.world.vendor.requests)


async def _l1(high: HighWorld) -> Any:
    return await high.world.api.accounts.ListAccounts(account_service_pb2.ListAccountsRequest(parent="locations/l1"))


async def test_a_return_uri_must_be_allowed(high: HighWorld) -> None:
    """A return URI that neither the key nor the settings allow is refused."""
    made = await connect(high)

    error = await refusal(start(high, made, return_uri="https://evil.example/"))

    assert_error(error, Code.INVALID_ARGUMENT, "FIELD_INVALID", field="return_uri")
    assert 0 == high.calls("connect.start")


async def test_what_is_not_there_is_not_found(high: HighWorld) -> None:
    """An unknown connection or account is not found, without a vendor call."""
    await connect(high)
    absent, asked = f"locations/{BAKERY}/connections/absent", len(high.vendor.requests)

    for call in (start(high, absent), attachable(high, absent, NOBODY), attach(high, absent, NOBODY, "o")):
        assert_error(await refusal(call), Code.NOT_FOUND, "RESOURCE_NOT_FOUND", resource=absent)
    gone = f"locations/{BAKERY}/accounts/absent"
    assert_error(await refusal(delete(high, gone)), Code.NOT_FOUND, "RESOURCE_NOT_FOUND", resource=gone)
    assert asked == len(high.vendor.requests)


async def test_without_a_grant_a_human_must_consent_first(high: HighWorld) -> None:
    """A disconnected connection starts nothing."""
    made = await connect(high)
    await high.disconnect(made)

    assert_error(await refusal(start(high, made)), Code.FAILED_PRECONDITION, "REAUTHORIZATION_REQUIRED")


# Who is behind a consent


async def test_who_consented_is_listed(high: HighWorld) -> None:
    """Names to show, the network's own id, and whether it is attached already."""
    made = await connect(high)
    authorization = await consent(high, made)

    (before,) = (await attachable(high, made, authorization)).attachable_accounts
    await attach(high, made, authorization, WHO)
    (after,) = (await attachable(high, made, authorization)).attachable_accounts

    assert (WHO, "Sim Tiktok 1", "sim_tiktok_1", "profile", False) == (
        before.provider_account_id,
        before.display_name,
        before.username,
        before.kind,
        before.attached,
    )
    assert after.attached


async def test_the_flat_shape_of_the_tiktok_profile_is_read_too(database_url: str, tmp_path: Path) -> None:
    """`GET …/oauth/:locationId/tiktok/accounts/:accountId`: not only the schema's list, but also the flat example."""
    async with opened(database_url, tmp_path, tiktok_choose="flat") as high:
        made = await connect(high)
        authorization = await consent(high, made)
        (who,) = (await attachable(high, made, authorization)).attachable_accounts

    assert (WHO, "Sim Tiktok 1") == (who.provider_account_id, who.display_name)
    called = high.vendor.requests[-1]
    expected = f"/social-media-posting/oauth/{BAKERY}/tiktok/accounts/{authorization}"
    assert ("GET", expected, "2021-07-28") == (called.method, called.path, called.version)


async def test_a_consent_that_is_not_this_grants_is_not_found(high: HighWorld) -> None:
    """Nobody's, another network's, and another location's: an id from a browser is worth what the vendor says."""
    made = await connect(high)
    facebook = await consent(high, made, "facebook")
    garage = (await high.connect(GARAGE, said={"location_id": GARAGE, "user_id": OWNER})).name
    foreign = await consent(high, garage)

    for authorization in (NOBODY, facebook, foreign):
        for call in (attachable(high, made, authorization), attach(high, made, authorization, WHO)):
            assert_error(await refusal(call), Code.NOT_FOUND, "RESOURCE_NOT_FOUND")
    assert 3 == len((await listed(high)).accounts)


async def test_nonsense_from_a_browser_is_refused(high: HighWorld) -> None:
    """It becomes no part of an address at the vendor: refused without a call, and so is a choice that nobody had."""
    made = await connect(high)
    authorization = await consent(high, made)
    asked = len(high.vendor.requests)

    for nonsense in ("x" * 129, "a\nb", "\u2028", "..", "a/../b", "?q=1"):
        for call in (attachable(high, made, nonsense), attach(high, made, nonsense, WHO)):
            assert_error(await refusal(call), Code.INVALID_ARGUMENT, "FIELD_INVALID", field="authorization_id")
    assert asked == len(high.vendor.requests)
    for nonsense, code in (("x" * 513, Code.INVALID_ARGUMENT), ("a\nb", Code.INVALID_ARGUMENT), ("..", Code.NOT_FOUND)):
        assert code == (await refusal(attach(high, made, authorization, nonsense))).code()
    assert (0, 3) == (high.calls("connect.attach"), len((await listed(high)).accounts))


async def test_pages_of_choices_are_continued(high: HighWorld) -> None:
    """By the network's ids, and a token is worth nothing with another consent."""
    made = await connect(high)
    body = {
        "success": True,
        "results": {"pages": [{"id": str(number), "name": f"Page {number}"} for number in (3, 1, 2)]},
    }
    high.vendor.faults.add(Fault(match="connect.choose", kind="body", body=json.dumps(body), times=2))
    first = await attachable(high, made, NOBODY, "facebook", page_size=2)
    second = await attachable(high, made, NOBODY, "facebook", page_size=2, page_token=first.next_page_token)
    other = attachable(high, made, "another", "facebook", page_token=first.next_page_token)

    assert ["1", "2", "3"] == [
        each.provider_account_id for page in (first, second) for each in page.attachable_accounts
    ]
    assert "" == second.next_page_token
    assert_error(await refusal(other), Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")


# Attach


async def test_an_account_is_attached(high: HighWorld) -> None:
    """Three vendor calls; it is in the vendor's list and here, under the vendor's id, with its event and handle."""
    made = await connect(high)
    authorization = await consent(high, made)
    asked = len(high.vendor.requests)

    attached = await attach(high, made, authorization, WHO)

    assert asked + 3 == len(high.vendor.requests)
    vendors = next(each for each in high.vendor.accounts.of(BAKERY) if each.origin_id == WHO)
    assert (vendors.id, "tiktok", "sim_tiktok_1", Account.ACTIVE, account_pb2.ACCOUNT_HEALTH_USABLE) == (
        attached.provider_account_id,
        attached.platform,
        attached.username,
        attached.state,
        attached.health,
    )
    assert "username" not in attached.unavailable_fields
    assert attached == (await by_vendor_id(high))[vendors.id]
    assert ("ACCOUNT_ATTACHED", vendors.id) == (await events(high))[-1]
    again = (await by_vendor_id(high, max_staleness=NOW))[vendors.id]
    assert ("sim_tiktok_1", 4) == (again.username, len(await events(high)))


async def test_attaching_again_renews(high: HighWorld) -> None:
    """An account that expired works again, under the same name, and no event is repeated."""
    made = await connect(high)
    first = await attach(high, made, await consent(high, made), WHO)
    high.vendor.set_account(first.provider_account_id, expired=True)
    await listed(high, max_staleness=NOW)

    second = await attach(high, made, await consent(high, made, reconnect=True), WHO)

    assert (first.name, account_pb2.ACCOUNT_HEALTH_USABLE) == (second.name, second.health)
    assert 4 == len(await events(high))


async def test_a_request_id_attaches_once(high: HighWorld) -> None:
    """A repeated request_id returns the account as it is, without a vendor call."""
    made, id = await connect(high), str(uuid4())
    authorization = await consent(high, made)
    first = await attach(high, made, authorization, WHO, request_id=id)
    asked = len(high.vendor.requests)

    second = await attach(high, made, authorization, WHO, request_id=id)

    assert (first, asked) == (second, len(high.vendor.requests))
    other = attach(high, made, authorization, "another", request_id=id)
    assert_error(await refusal(other), Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED")


async def test_two_who_attach_the_same_at_once_make_one_account(high: HighWorld) -> None:
    """Two concurrent attachments of one account make one account: the second renews it."""
    made = await connect(high)
    authorization = await consent(high, made)

    attached = await asyncio.gather(*(attach(high, made, authorization, WHO) for _ in range(4)))

    assert (1, 4) == (len({each.name for each in attached}), len(await events(high)))


async def test_two_accounts_that_are_attached_at_once_are_both_there(high: HighWorld) -> None:
    """Two accounts attached at once both stay, although either call's list may miss the other."""
    made = await connect(high)
    one, other = await consent(high, made), await consent(high, made, "facebook")

    attached = await asyncio.gather(
        attach(high, made, one, WHO), attach(high, made, other, "facebook-1-origin", "facebook")
    )

    found = await by_vendor_id(high)
    assert {Account.ACTIVE} == {found[each.provider_account_id].state for each in attached}
    assert 5 == len(await events(high))


async def test_somebody_who_did_not_consent_is_not_attached(high: HighWorld) -> None:
    """An account must be behind the consent; the vendor is not asked to attach another."""
    made = await connect(high)

    error = await refusal(attach(high, made, await consent(high, made), "tiktok-2-origin"))

    assert_error(error, Code.NOT_FOUND, "RESOURCE_NOT_FOUND")
    assert 0 == high.calls("connect.attach")


async def test_tiktok_business_is_refused_with_what_to_do(high: HighWorld) -> None:
    """It can be started and looked at, not attached: the sentence says where it can be, and it is then listed."""
    made = await connect(high)
    authorization = await consent(high, made, "tiktok_business")
    (who,) = (await attachable(high, made, authorization, "tiktok_business")).attachable_accounts

    error = await refusal(attach(high, made, authorization, who.provider_account_id, "tiktok_business"))

    assert_error(error, Code.FAILED_PRECONDITION, "OPTION_UNSUPPORTED", field="platform")
    assert "connect it in HighLevel's Social Planner, and it appears in the list" in (error.details() or "")
    assert 0 == high.calls("connect.attach")
    high.vendor.accounts.add(location_id=BAKERY, platform="tiktok-business", origin_id=who.provider_account_id)
    assert 2 == len((await listed(high, platform="tiktok_business", max_staleness=NOW)).accounts)


# Lost answers


async def test_an_attachment_whose_answer_is_lost_is_found_in_the_list(high: HighWorld) -> None:
    """It happened, the list shows it: that is the answer, and nothing is written twice."""
    made = await connect(high)
    authorization = await consent(high, made)
    high.vendor.faults.add(Fault(match="connect.attach", kind="drop_after"))

    attached = await attach(high, made, authorization, WHO)

    assert (1, "sim_tiktok_1") == (high.calls("connect.attach"), attached.username)
    assert attached.provider_account_id in await by_vendor_id(high)


async def test_an_attachment_that_may_not_have_happened_can_be_repeated(high: HighWorld) -> None:
    """The answer is lost and the list does not show it: UNAVAILABLE after one look, and the next try makes it."""
    made, id = await connect(high), str(uuid4())
    authorization = await consent(high, made)
    high.vendor.faults.add(Fault(match="connect.attach", kind="status", status=502))
    looked = high.calls("accounts.list")

    error = await refusal(attach(high, made, authorization, WHO, request_id=id))
    assert_error(error, Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE")
    assert "Attach it again: that is safe." in (error.details() or "")
    assert (1, looked + 1) == (high.calls("connect.attach"), high.calls("accounts.list"))

    attached = await attach(high, made, authorization, WHO, request_id=id)
    assert (Account.ACTIVE, 4) == (attached.state, len(await events(high)))


@pytest.mark.parametrize("lost", [True, pytest.param(False, marks=pytest.mark.chaos)])
async def test_without_the_list_the_attached_account_is_unknown(high: HighWorld, lost: bool) -> None:
    """Whether the attachment was answered or not, without the list its id is unknown; the next try finds it."""
    made = await connect(high)
    authorization = await consent(high, made)
    if lost:
        high.vendor.faults.add(Fault(match="connect.attach", kind="drop_after"))
    high.vendor.faults.add(Fault(match="accounts.list", kind="status", times=None))

    assert_error(await refusal(attach(high, made, authorization, WHO)), Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE")
    high.vendor.faults.clear()
    attached = await attach(high, made, authorization, WHO)

    assert 1 == sum(each.origin_id == WHO for each in high.vendor.accounts.of(BAKERY))
    assert attached.provider_account_id in await by_vendor_id(high)


async def test_an_expired_account_in_the_list_is_no_answer(high: HighWorld) -> None:
    """A renewal whose answer is lost, and that did not happen, is not taken for done because the account is listed."""
    made = await connect(high)
    first = await attach(high, made, await consent(high, made), WHO)
    high.vendor.set_account(first.provider_account_id, expired=True)
    authorization = await consent(high, made)
    high.vendor.faults.add(Fault(match="connect.attach", kind="status", status=504))

    assert_error(await refusal(attach(high, made, authorization, WHO)), Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE")


@pytest.mark.chaos
async def test_an_attachment_goes_on_without_its_caller(high: HighWorld) -> None:
    """An attachment completes although its caller hangs up."""
    made = await connect(high)
    authorization = await consent(high, made)
    gate, usual = asyncio.Event(), high.vendor.sleep

    async def wait(seconds: float) -> None:
        await gate.wait()

    high.vendor.sleep = wait
    high.vendor.faults.add(Fault(match="connect.attach", kind="slow"))
    request = connection_service_pb2.AttachAccountRequest(
        parent=made, platform="tiktok", authorization_id=authorization, provider_account_id=WHO
    )
    call = high.api.connections.AttachAccount(request)
    await until(lambda: high.vendor.faults.hits["connect.attach slow"] == 1)
    call.cancel()
    gate.set()
    high.vendor.sleep = usual

    async def there() -> bool:
        return 4 == len((await listed(high)).accounts)

    await until(there)


# Let go


async def test_an_account_is_let_go(high: HighWorld) -> None:
    """At the vendor first, then here; the event tells it, and attaching brings it back as a new one."""
    made = await connect(high)
    attached = await attach(high, made, await consent(high, made), WHO)

    await delete(high, attached.name)

    assert (1, 3) == (high.calls("accounts.delete"), len((await listed(high, max_staleness=NOW)).accounts))
    assert attached.provider_account_id not in high.vendor.accounts.by_id
    assert ("ACCOUNT_DETACHED", attached.provider_account_id) == (await events(high))[-1]
    again = await attach(high, made, await consent(high, made), WHO)
    assert (Account.ACTIVE, True) == (again.state, again.name != attached.name)


async def test_an_account_with_posts_stays_detached(high: HighWorld) -> None:
    """Nothing that a post refers to is removed; a second call changes nothing, and attaching brings it back."""
    made = await connect(high)
    attached = await attach(high, made, await consent(high, made), WHO)
    await put_post(high, attached, "PUBLISHED")

    for _ in range(2):
        await delete(high, attached.name)
        row = await row_of(high, attached)
        assert row is not None
        assert "DETACHED" == row.state
    assert (1, 5) == (high.calls("accounts.delete"), len(await events(high)))

    await listed(high, max_staleness=NOW)
    row = await row_of(high, attached)
    assert row is not None
    assert "DETACHED" == row.state
    again = await attach(high, made, await consent(high, made), WHO)
    assert Account.ACTIVE == again.state


async def test_an_account_with_unfinished_posts_is_not_let_go(high: HighWorld) -> None:
    """STATE_FORBIDS, without a vendor call, for its own posts and for those that go out through it."""
    await connect(high)
    found = await by_vendor_id(high)
    tiktok, page, _ = (found[each.id] for each in of_vendor(high))
    await put_post(high, tiktok, "QUEUED")
    await put_post(high, tiktok, "PROCESSING", named_account=page.name.rpartition("/")[2])

    for account in (tiktok, page):
        error = await refusal(delete(high, account.name))
        assert_error(error, Code.FAILED_PRECONDITION, "STATE_FORBIDS", state="ACTIVE")
    assert 0 == high.calls("accounts.delete")


async def test_a_request_id_lets_go_once(high: HighWorld) -> None:
    """With it the second call is answered; without it the account is not found."""
    await connect(high)
    account, id = (await by_vendor_id(high))[of_vendor(high)[0].id], str(uuid4())

    await delete(high, account.name, request_id=id)
    await delete(high, account.name, request_id=id)

    assert 1 == high.calls("accounts.delete")
    assert_error(await refusal(delete(high, account.name)), Code.NOT_FOUND, "RESOURCE_NOT_FOUND")


async def test_what_the_vendor_does_not_have_any_more_is_let_go_too(high: HighWorld) -> None:
    """Somebody was faster in HighLevel's own pages."""
    await connect(high)
    tiktok = of_vendor(high)[0]
    account = (await by_vendor_id(high))[tiktok.id]
    high.vendor.accounts.remove(tiktok)

    await delete(high, account.name)

    assert tiktok.id not in await by_vendor_id(high)


async def test_a_letting_go_whose_answer_is_lost_is_looked_up(high: HighWorld) -> None:
    """When the list no longer has it that is the answer; when it has, or cannot be had, nothing changes here."""
    await connect(high)
    tiktok, page, business = of_vendor(high)
    found = await by_vendor_id(high)
    high.vendor.faults.add(Fault(match="accounts.delete", kind="drop_after"))
    await delete(high, found[tiktok.id].name)

    high.vendor.faults.add(Fault(match="accounts.delete", kind="status", status=502))
    error = await refusal(delete(high, found[page.id].name))
    assert_error(error, Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE")
    high.vendor.faults.add(
        Fault(match="accounts.delete", kind="drop_after"), Fault(match="accounts.list", kind="status", times=2)
    )
    error = await refusal(delete(high, found[business.id].name))
    assert_error(error, Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE")
    left = await by_vendor_id(high)
    assert {page.id: Account.ACTIVE, business.id: Account.ACTIVE} == {id: each.state for id, each in left.items()}

    await delete(high, found[page.id].name)
    await delete(high, found[business.id].name)
    assert {} == await by_vendor_id(high)


async def test_a_missing_permission_is_named(high: HighWorld) -> None:
    """Without the scope to write, the account stays, and the scope is in the answer."""
    scopes = ["socialplanner/account.readonly", "socialplanner/oauth.readonly"]
    made = await connect(high, requested_scopes=scopes)
    account = (await by_vendor_id(high))[of_vendor(high)[0].id]

    error = await refusal(delete(high, account.name))
    lacking = await refusal(attach(high, made, await consent(high, made), WHO))

    assert_error(error, Code.FAILED_PRECONDITION, "SCOPE_NOT_GRANTED", scope="socialplanner/account.write")
    assert_error(lacking, Code.FAILED_PRECONDITION, "SCOPE_NOT_GRANTED", scope="socialplanner/oauth.write")
    assert Account.ACTIVE == (await by_vendor_id(high))[account.provider_account_id].state

"""Agencies, over a real server: one consent that gives the grants of many locations, and what renews and ends them.

Owns companies' connections and what comes from them. What webhooks add is in tests/flows/test_webhooks_grant_events.py.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.domain.access import ConnectionAccess
from gateway.domain.connections import agencies, derived_grants
from providers.errors import GrantRevoked, ProviderError, Unavailable
from providers.simulators.highlevel import Fault
from providers.simulators.highlevel.tenants import BAKERY, COMPANY, GARAGE
from socialgateway.v1 import connection_pb2, connection_service_pb2
from storage import tokens
from storage.tokens import TokenRow
from tests.fixtures.highlevel import HighWorld, opened
from tests.fixtures.settings import REDIRECT_URI
from tests.rpc import networks
from tests.rpc.answers import assert_error

Code = grpc.StatusCode
VALID, EXPIRED, PENDING, DISCONNECTED, ERROR = (
    connection_pb2.Connection.VALID,
    connection_pb2.Connection.EXPIRED,
    connection_pb2.Connection.PENDING,
    connection_pb2.Connection.DISCONNECTED,
    connection_pb2.Connection.ERROR,
)
DAY = timedelta(hours=25)


async def the_agency(high: HighWorld) -> connection_pb2.Connection:
    """Return the one connection of an agency."""
    (found,) = [each for each in await high.listed() if each.grant_kind == connection_pb2.GRANT_KIND_COMPANY]
    return found


async def access(high: HighWorld, name: str) -> ConnectionAccess:
    """Return a connection's access."""
    _, location, _, id = name.split("/")
    return ConnectionAccess(high.world.domain, "highlevel", location, id)


async def test_an_agency_s_consent_connects_the_location(high: HighWorld) -> None:
    """The company's grant is a connection of its own, in the same location, and gives the location's."""
    made = await high.connect_agency(BAKERY, BAKERY)
    await high.sweep()
    agency = await the_agency(high)

    assert (VALID, BAKERY, connection_pb2.GRANT_ORIGIN_PARENT, agency.name) == (
        made.status,
        made.provider_subject,
        made.grant_origin,
        made.parent_connection,
    )
    assert (COMPANY, BAKERY) == (made.provider_settings["company_id"], made.provider_settings["location_id"])
    assert (VALID, COMPANY, connection_pb2.GRANT_ORIGIN_CONSENT, "") == (
        agency.status,
        agency.provider_subject,
        agency.grant_origin,
        agency.parent_connection,
    )
    assert "location_id" not in agency.provider_settings
    assert agency.name.startswith(f"locations/{BAKERY}/")


async def test_the_location_s_own_connection_speaks_for_it(high: HighWorld) -> None:
    """A page that asks whether the location is connected hears of its own connection, never of the agency's."""
    made = await high.connect_agency(BAKERY, BAKERY)
    request = connection_service_pb2.GetConnectionStatusRequest(
        parent=f"locations/{BAKERY}", provider="providers/highlevel"
    )
    connected = await high.api.connections.GetConnectionStatus(request)
    await high.disconnect(made.name)

    assert (made.name, made.name) == (connected.name, (await high.api.connections.GetConnectionStatus(request)).name)


async def test_an_agency_holds_no_accounts_itself(high: HighWorld) -> None:
    """Its location's connection lists them, once; a network's consent is no agency's to start, and nobody is asked."""
    made = await high.connect_agency(BAKERY, BAKERY)
    await high.sweep()
    agency = (await the_agency(high)).name
    listed = await networks.listed(high, max_staleness=networks.NOW)
    asked = len(high.vendor.requests)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await networks.start(high, agency)

    assert ([], {made.name}) == (list(listed.unreachable), {each.connection for each in listed.accounts})
    assert_error(caught.value, Code.INVALID_ARGUMENT, "FIELD_INVALID", field="parent")
    assert asked == len(high.vendor.requests)


async def test_an_agency_connects_itself(high: HighWorld) -> None:
    """A connection of the kind COMPANY gets the company's grant, and its verification is the list of its locations."""
    made = await high.begin("agency", kind="GRANT_KIND_COMPANY")
    done = await high.world.complete(await high.consent(made.authorization.uri, BAKERY, agency=True))

    assert (made.name, VALID, COMPANY) == (done.name, done.status, done.provider_subject)
    assert 1 == high.calls("oauth.installed")


async def test_all_installed_locations_get_their_grant(high: HighWorld) -> None:
    """One that waits under another name, one whose id is a location of the agency, and one that is nobody's yet."""
    high.vendor.tenants.set_location("fresh-one")
    waiting = await high.begin("shop", said={"location_id": GARAGE})
    await high.connect_agency(BAKERY, BAKERY, GARAGE, "fresh-one")
    await high.sweep()

    found = {each.name.split("/")[1]: each for each in await high.listed() if each.grant_origin != 1}

    assert {BAKERY: VALID, "shop": VALID, "fresh-one": VALID} == {name: each.status for name, each in found.items()}
    assert waiting.name == found["shop"].name
    assert {(await the_agency(high)).name} == {each.parent_connection for each in found.values()}
    assert {BAKERY, GARAGE, "fresh-one"} == {each.provider_subject for each in found.values()}


async def test_another_agency_s_locations_are_never_touched(high: HighWorld) -> None:
    """A location that others' key names, and a connection of theirs that waits for a place elsewhere, get nothing."""
    await high.world.key("other", locations=[GARAGE])
    other = high.world.client(await high.world.key("other"))
    theirs = await high.begin(GARAGE, api=other.connections)
    also = await high.begin("their-shop", said={"location_id": BAKERY}, api=other.connections)
    await high.connect_agency(BAKERY, BAKERY, GARAGE)
    await high.sweep()

    listed = await high.listed(api=other.connections)

    assert {(theirs.name, PENDING), (also.name, PENDING)} == {(each.name, each.status) for each in listed}
    assert [BAKERY, BAKERY] == [each.name.split("/")[1] for each in await high.listed()]


async def test_what_was_given_up_stays_so(high: HighWorld) -> None:
    """A connection that its caller disconnected is not brought back by the agency's list."""
    made = await high.connect_agency(BAKERY, BAKERY)
    await high.disconnect(made.name)
    high.world.clock.advance(DAY)
    await high.sweep()

    assert DISCONNECTED == (await high.world.get(made.name)).status


async def test_a_refused_agency_leaves_nothing_behind(high: HighWorld) -> None:
    """An agency without the connection's place is refused before anything is written: no connection, no claimed
    location, no setting, also after a sweep; the right agency's consent is accepted afterwards.
    """
    made = await high.begin(BAKERY)
    before = await high.row(made.name)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.world.complete(await high.consent(made.authorization.uri, GARAGE, agency=True))
    await high.sweep()

    assert_error(caught.value, Code.FAILED_PRECONDITION, "STATE_FORBIDS")
    assert [(made.name, PENDING)] == [(each.name, each.status) for each in await high.listed()]
    assert (before.provider_settings, "") == ((await high.row(made.name)).provider_settings, before.provider_subject)
    assert [] == await high.world.events(BAKERY)
    other = high.world.client(await high.world.key("other"))
    assert PENDING == (await high.begin(GARAGE, api=other.connections)).status

    high.vendor.install([BAKERY])
    await reauthorize(high, made.name)
    assert VALID == (await high.world.get(made.name)).status


async def test_an_agency_that_cannot_be_proved_now_leaves_nothing_behind(high: HighWorld) -> None:
    """Neither the place's token nor the list of installations can be had: PROVIDER_UNAVAILABLE, and nothing is kept."""
    made = await high.begin(BAKERY)
    query = await high.consent(made.authorization.uri, BAKERY, agency=True)
    for operation in ("oauth.location_token", "oauth.installed"):
        high.vendor.faults.add(Fault(match=operation, kind="status", status=503, times=4))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.world.complete(query)

    assert_error(caught.value, Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE")
    high.vendor.faults.clear()
    assert [(made.name, PENDING)] == [(each.name, each.status) for each in await high.listed()]
    await reauthorize(high, made.name)
    assert VALID == (await high.world.get(made.name)).status


async def test_a_place_that_is_only_listed_proves_the_agency_too(high: HighWorld) -> None:
    """Without its token now the list says that the place is not the agency's: refused, and nothing is kept."""
    made = await high.begin(BAKERY)
    query = await high.consent(made.authorization.uri, GARAGE, agency=True)
    high.vendor.faults.add(Fault(match="oauth.location_token", kind="drop_after"))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.world.complete(query)

    assert_error(caught.value, Code.FAILED_PRECONDITION, "STATE_FORBIDS")
    assert [(made.name, PENDING)] == [(each.name, each.status) for each in await high.listed()]


async def test_an_agency_at_a_location_whose_place_nobody_stated(high: HighWorld) -> None:
    """An agency's token names no place: it is the location's own id, if the agency has one of that id; else refused."""
    high.vendor.tenants.set_location("fresh-one")
    refused = await high.begin("acme-paris")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.world.complete(await high.consent(refused.authorization.uri, BAKERY, agency=True))
    assert_error(caught.value, Code.FAILED_PRECONDITION, "STATE_FORBIDS")
    assert [refused.name] == [each.name for each in await high.listed()]

    made = await high.connect_agency("fresh-one", "fresh-one")
    assert (VALID, "fresh-one") == (made.status, made.provider_settings["location_id"])


async def test_a_connection_that_waits_without_a_place_is_served_by_its_location_s_id(high: HighWorld) -> None:
    """A location of the id that an agency installs later gets its grant, although its connection states no place."""
    high.vendor.tenants.set_location("fresh-one")
    waiting = await high.begin("fresh-one")
    await high.connect_agency(BAKERY, BAKERY, "fresh-one")
    await high.sweep()

    now = await high.world.get(waiting.name)
    assert (VALID, "fresh-one") == (now.status, now.provider_settings["location_id"])


async def test_another_agency_than_was_said_is_refused(high: HighWorld) -> None:
    """A connection that names its company takes no other company's grant, and keeps nothing of it."""
    made = await high.begin(BAKERY, said={"company_id": "AnotherCompany"})

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.world.complete(await high.consent(made.authorization.uri, BAKERY, agency=True))

    assert_error(caught.value, Code.FAILED_PRECONDITION, "STATE_FORBIDS")
    assert [(made.name, PENDING)] == [(each.name, each.status) for each in await high.listed()]


async def test_a_vendor_that_gives_no_location_token_now_gives_it_later(high: HighWorld) -> None:
    """The consent is done, the connection waits, and the sweeper gets its grant."""
    high.vendor.faults.add(Fault(match="oauth.location_token", kind="drop_after"))

    made = await high.connect_agency(BAKERY, BAKERY)
    await high.sweep()

    assert (PENDING, VALID) == (made.status, (await high.world.get(made.name)).status)


# Renewal


@pytest.mark.parametrize("refreshes", [False, True])
async def test_a_child_is_renewed(database_url: str, tmp_path: Path, refreshes: bool) -> None:
    """By its own refresh token when it has one, else by asking the agency: one call, ahead of its end."""
    async with opened(database_url, tmp_path, location_token_refreshes=refreshes) as high:
        made = await high.connect_agency(BAKERY, BAKERY)
        agency = await the_agency(high)
        asked = high.exchanges("location_token"), high.exchanges()
        high.world.clock.advance(timedelta(hours=23, minutes=50))
        await (await access(high, agency.name)).token()
        renewed = high.exchanges()[len(asked[1]) :]
        token = await (await access(high, made.name)).token()

        assert (2, ["ok"]) == (token.version, renewed)
        again = len(high.exchanges("location_token")) - len(asked[0]), len(high.exchanges()) - len(renewed)
        assert ((0, 1) if refreshes else (1, 0)) == again


async def test_a_child_without_refresh_token_is_renewed_ahead_of_its_end(high: HighWorld) -> None:
    """The schedule knows that it can be renewed."""
    made = await high.connect_agency(BAKERY, BAKERY)
    high.world.clock.advance(timedelta(hours=23, minutes=50))

    await high.world.domain.tokens.renew_due()

    _, location, _, id = made.name.split("/")
    async with high.world.domain.db.read() as tx:
        pair = await tokens.find(tx, location, id)
    assert pair is not None
    assert (2, True) == (pair.version, pair.refresh_at is not None)


async def test_a_child_whose_refresh_token_is_refused_asks_the_agency(database_url: str, tmp_path: Path) -> None:
    """One call more, and it lives; the dead token is not tried again."""
    async with opened(database_url, tmp_path, location_token_refreshes=True) as high:
        made = await high.connect_agency(BAKERY, BAKERY)
        high.vendor.grants.end(BAKERY)

        token = await (await access(high, made.name)).renew_refused_token(await (await access(high, made.name)).token())

        assert (2, VALID) == (token.version, (await high.world.get(made.name)).status)
        assert ["Invalid grant: refresh token is invalid"] == high.exchanges()


async def refused_in_bare_words(high: HighWorld, made: connection_pb2.Connection) -> TokenRow:
    """Let a proxy refuse to renew a child's token with a page of its own; return the row of its pair after that."""
    page = "<html>Forbidden</html>"
    high.vendor.faults.add(Fault(match="oauth.token", kind="status", status=403, body=page))
    high.world.clock.advance(DAY)
    _, location, _, id = made.name.split("/")
    with suppress(ProviderError):
        await high.world.domain.tokens.fresh(location, id)
    assert 1 == high.vendor.faults.hits["oauth.token status"]
    async with high.world.domain.db.read() as tx:
        pair = await tokens.find(tx, location, id)
    assert pair is not None
    return pair


@pytest.mark.parametrize("parent", ["uninstalled", "away"])
async def test_one_refusal_in_bare_words_ends_no_child(database_url: str, tmp_path: Path, parent: str) -> None:
    """It is counted as it is for every connection, whatever the agency's grant says then, and the child lives on."""
    async with opened(database_url, tmp_path, location_token_refreshes=True) as high:
        made = await high.connect_agency(BAKERY, BAKERY)
        agency = await the_agency(high)
        high.world.clock.advance(DAY - timedelta(hours=2))
        await (await access(high, agency.name)).token()
        if parent == "uninstalled":
            del high.vendor.installs[BAKERY]
        else:
            high.vendor.faults.add(Fault(match="oauth.location_token", kind="status", status=503, times=None))

        pair = await refused_in_bare_words(high, made)

        assert (VALID, 1, 1) == ((await high.world.get(made.name)).status, pair.version, pair.refusals)


async def test_a_refusal_in_bare_words_ends_no_refresh_token(database_url: str, tmp_path: Path) -> None:
    """The agency's grant gives an access token alone; the child keeps the refresh token that may still be good."""
    async with opened(database_url, tmp_path, location_token_refreshes=True) as high:
        made = await high.connect_agency(BAKERY, BAKERY)
        high.vendor.config = replace(high.vendor.config, location_token_refreshes=False)

        pair = await refused_in_bare_words(high, made)

        assert (2, True) == (pair.version, pair.refresh_sealed is not None)


async def test_64_callers_of_an_expired_child_ask_the_agency_once(high: HighWorld) -> None:
    """One flight, one exchange of the agency's token, one of the child's."""
    made = await high.connect_agency(BAKERY, BAKERY)
    before = len(high.exchanges("location_token"))
    high.world.clock.advance(DAY)
    mine = await access(high, made.name)

    found = await asyncio.gather(*(mine.token() for _ in range(64)))

    assert ({2}, 1, ["ok"]) == (
        {each.version for each in found},
        len(high.exchanges("location_token")) - before,
        high.exchanges(),
    )


async def test_a_dead_agency_ends_its_children_when_they_must_be_renewed(high: HighWorld) -> None:
    """The child says why: the agency must authorise again. When it does, the child lives again by itself."""
    made = await high.connect_agency(BAKERY, BAKERY)
    agency = await the_agency(high)
    high.vendor.grants.end(COMPANY)
    high.vendor.grants.end(BAKERY)
    high.world.clock.advance(DAY)

    with pytest.raises(GrantRevoked):
        await (await access(high, made.name)).token()
    dead = await high.world.get(made.name)
    also = await high.world.get(agency.name)

    assert (EXPIRED, agencies.PARENT_GONE, EXPIRED) == (dead.status, dead.reason_message, also.status)
    await reauthorize(high, agency.name)
    await high.sweep()
    assert (VALID, VALID) == ((await high.world.get(agency.name)).status, (await high.world.get(made.name)).status)


async def reauthorize(high: HighWorld, name: str) -> None:
    """Let the agency consent again, to its own connection."""
    request = connection_service_pb2.ReauthorizeConnectionRequest(name=name, redirect_uri=REDIRECT_URI)
    opened_again = await high.api.connections.ReauthorizeConnection(request)
    await high.world.complete(await high.consent(opened_again.authorization.uri, BAKERY, agency=True))


async def test_an_agency_that_is_away_changes_no_status(high: HighWorld) -> None:
    """The child cools down, while its old token is lent to whoever did not see it refused; it is never EXPIRED for
    that.
    """
    made = await high.connect_agency(BAKERY, BAKERY)
    high.vendor.faults.add(Fault(match="oauth.location_token", kind="status", status=503))
    mine = await access(high, made.name)

    lent = await mine.token()
    with pytest.raises(Unavailable):
        await mine.renew_refused_token(lent)
    assert lent.version == (await mine.token()).version
    high.world.clock.advance(timedelta(minutes=2))

    assert VALID == (await high.world.get(made.name)).status
    assert 2 == (await mine.renew_refused_token(lent)).version


# Reconciling


async def test_an_uninstalled_location_expires_with_a_clear_reason(high: HighWorld) -> None:
    """The daily list no longer has it; installed again, it lives again."""
    made = await high.connect_agency(BAKERY, BAKERY)
    await high.sweep()
    del high.vendor.installs[BAKERY]
    high.world.clock.advance(DAY)
    await high.sweep()
    gone = await high.world.get(made.name)

    high.vendor.install([BAKERY])
    high.world.clock.advance(DAY)
    await high.sweep()

    assert (EXPIRED, connection_pb2.REASON_CODE_TOKEN_REVOKED, agencies.UNINSTALLED) == (
        gone.status,
        gone.reason_code,
        gone.reason_message,
    )
    assert VALID == (await high.world.get(made.name)).status


@pytest.mark.parametrize("kind", ["status", "drop_after", "body"])
async def test_a_list_that_was_not_read_whole_ends_nothing(high: HighWorld, kind: str) -> None:
    """A list that was not read completely ends no grant."""
    made = await high.connect_agency(BAKERY, BAKERY)
    await high.sweep()
    high.world.clock.advance(DAY)
    more: dict[str, Any] = {"body": "{}"} if kind == "body" else {}
    high.vendor.faults.add(Fault(match="oauth.installed", kind=kind, times=2, **more))
    await high.sweep()

    assert VALID == (await high.world.get(made.name)).status


@pytest.mark.chaos
async def test_many_locations_are_served_in_rounds(high: HighWorld) -> None:
    """More than one round's worth, and more than the vendor allows in ten seconds: each gets its grant once, and the
    next round goes on with the rest as soon as it may.
    """
    places = [f"place-{number}" for number in range(derived_grants.BATCH + 20)]
    for place in places:
        high.vendor.tenants.set_location(place)
    await high.connect_agency(BAKERY, BAKERY, *places)
    await high.sweep()
    first = len(await derived(high))
    high.world.clock.advance(timedelta(seconds=11))
    await high.sweep()

    found = await derived(high)
    assert derived_grants.BATCH <= first < len(places)
    assert (len(places) + 1, {VALID}) == (len(found), {each.status for each in found})
    assert len(places) + 1 == len(high.exchanges("location_token"))


async def derived(high: HighWorld) -> list[connection_pb2.Connection]:
    """Return what comes from agencies' grants."""
    return [each for each in await high.listed(page_size=1000) if each.parent_connection]


async def test_a_death_in_the_middle_goes_on(high: HighWorld) -> None:
    """The next call continues from the stored rows, and repeats no vendor call."""
    for number in range(6):
        high.vendor.tenants.set_location(f"place-{number}")
    high.vendor.faults.add(Fault(match="oauth.location_token", kind="drop_before", after=3, times=4))
    await high.connect_agency(BAKERY, BAKERY, *(f"place-{number}" for number in range(6)))
    await high.sweep()
    high.world.clock.advance(timedelta(minutes=6))
    await high.sweep()

    found = await derived(high)
    assert (7, {VALID}) == (len(found), {each.status for each in found})
    assert 7 == len(high.exchanges("location_token"))


async def test_a_company_that_may_not_list_is_an_error(high: HighWorld) -> None:
    """Without oauth.readonly nothing can be verified: ERROR, with the scope's refusal."""
    made = await high.begin("agency", kind="GRANT_KIND_COMPANY", requested_scopes=["oauth.write"])
    done = await high.world.complete(await high.consent(made.authorization.uri, BAKERY, agency=True))

    assert (ERROR, "scope_not_granted") == (done.status, done.last_error_code)

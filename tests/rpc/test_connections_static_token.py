"""Tokens that a person brings, over a real server: proved, kept, replaced, refused, forgotten.

Owns CreateConnection with a static token, and what is different about such a connection afterwards.
"""

import asyncio
from datetime import timedelta
from uuid import uuid4

import grpc
import pytest
from sqlalchemy import text

from gateway.domain.access import ConnectionAccess
from providers.errors import GrantRevoked
from providers.highlevel.capabilities import SCOPES as EVERY
from providers.simulators.highlevel import SCOPES, Fault
from providers.simulators.highlevel.tenants import BAKERY, GARAGE
from socialgateway.v1 import connection_pb2, connection_service_pb2
from storage import tokens
from tests.fixtures.highlevel import HighWorld
from tests.rpc.answers import assert_error

Code = grpc.StatusCode
VALID, EXPIRED, PENDING, DISCONNECTED = (
    connection_pb2.Connection.VALID,
    connection_pb2.Connection.EXPIRED,
    connection_pb2.Connection.PENDING,
    connection_pb2.Connection.DISCONNECTED,
)
ALL = len(EVERY)


async def test_a_static_token_makes_a_verified_connection(high: HighWorld) -> None:
    """One read proves it, two verify it; it is VALID, of its location, without page and without end."""
    made = await high.create(BAKERY, static_token=high.vendor.private_token(BAKERY))

    assert (VALID, BAKERY, connection_pb2.GRANT_ORIGIN_STATIC_TOKEN) == (
        made.status,
        made.provider_subject,
        made.grant_origin,
    )
    assert not made.HasField("authorization")
    assert not made.HasField("refresh_expire_time")
    assert not made.HasField("access_expire_time")
    assert (ALL, ALL) == (len(made.requested_scopes), len(made.granted_scopes))
    assert ["accounts.list", "accounts.list", "users.list"] == [call.operation for call in high.vendor.requests]
    assert [*["ACCOUNT_ATTACHED"] * 3, "CONNECTION_STATUS_CHANGED"] == [
        event.type for event in await high.world.events(BAKERY)
    ]


async def test_its_maker_says_what_it_may(high: HighWorld) -> None:
    """Named scopes are those it is taken to have: with the accounts' alone there is nothing to publish with."""
    named = ["socialplanner/account.readonly", "users.readonly"]
    made = await high.create(BAKERY, static_token=high.vendor.private_token(BAKERY), requested_scopes=named)

    assert (set(named), set(named)) == (set(made.requested_scopes), set(made.granted_scopes))
    assert (True, False) == (made.capabilities.can_read_profile, made.capabilities.can_publish)


async def test_a_request_id_makes_one_connection(high: HighWorld) -> None:
    """Six calls at once and one later give one connection; the later one asks the vendor nothing."""
    token, request_id = high.vendor.private_token(BAKERY), str(uuid4())

    made = await asyncio.gather(*(high.create(BAKERY, static_token=token, request_id=request_id) for _ in range(6)))
    asked = len(high.vendor.requests)
    later = await high.create(BAKERY, static_token=token, request_id=request_id)

    assert (1, 1, asked) == (
        len({each.name for each in (*made, later)}),
        len(await high.listed()),
        len(high.vendor.requests),
    )


async def test_two_without_a_request_id_are_one_too(high: HighWorld) -> None:
    """One connection per place of the vendor in a location, also when two begin at once."""
    token = high.vendor.private_token(BAKERY)

    made = await asyncio.gather(*(high.create(BAKERY, static_token=token) for _ in range(4)))

    assert (1, 1) == (len({each.name for each in made}), len(await high.listed()))


DEAD = "pit-00000000-0000-0000-0000-000000000000"
CASES: dict[str, tuple[str, Code, str]] = {
    "no such token": ("eyJ.a.b", Code.INVALID_ARGUMENT, "FIELD_INVALID"),
    "two lines": ("pit-a\nb", Code.INVALID_ARGUMENT, "FIELD_INVALID"),
    "too long": ("pit-" + "a" * 5000, Code.INVALID_ARGUMENT, "FIELD_INVALID"),
    "dead": (DEAD, Code.FAILED_PRECONDITION, "AUTHORIZATION_DENIED"),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_token_that_opens_nothing_leaves_nothing(high: HighWorld, case: str) -> None:
    """A token without any access is an error, and leaves neither connection nor claimed location."""
    token, code, reason = CASES[case]

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.create(BAKERY, static_token=token)

    assert_error(caught.value, code, reason)
    assert token not in f"{caught.value!r} {caught.value.details()} {caught.value.trailing_metadata()}"
    await _is_free(high)


async def _is_free(high: HighWorld) -> None:
    """Assert that nothing is there, and that the location is still nobody's."""
    assert [] == await high.listed()
    other = high.world.client(await high.world.key("other"))
    assert PENDING == (await high.begin(BAKERY, api=other.connections)).status


async def test_a_token_of_another_location_is_refused(high: HighWorld) -> None:
    """A token of another location is refused by the vendor, and nothing is stored."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.create(BAKERY, static_token=high.vendor.private_token(GARAGE))

    assert_error(caught.value, Code.FAILED_PRECONDITION, "AUTHORIZATION_DENIED", providerCode="wrong_location")
    await _is_free(high)


async def test_a_token_without_the_least_scope_is_refused(high: HighWorld) -> None:
    """A token that cannot list accounts is refused with the missing scope."""
    token = high.vendor.private_token(BAKERY, tuple(each for each in SCOPES if "account.readonly" not in each))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.create(BAKERY, static_token=token)

    assert_error(caught.value, Code.FAILED_PRECONDITION, "SCOPE_NOT_GRANTED", scope="socialplanner/account.readonly")
    await _is_free(high)


async def test_a_vendor_that_is_away_leaves_nothing(high: HighWorld) -> None:
    """PROVIDER_UNAVAILABLE; the same call works when it is back."""
    high.vendor.faults.add(Fault(match="accounts.list", kind="status", status=503))
    token = high.vendor.private_token(BAKERY)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.create(BAKERY, static_token=token)

    assert_error(caught.value, Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE")
    assert [] == await high.listed()
    assert VALID == (await high.create(BAKERY, static_token=token)).status


async def test_a_page_has_no_meaning_with_a_token(high: HighWorld) -> None:
    """A redirect URI together with a static token is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.begin(BAKERY, static_token=high.vendor.private_token(BAKERY))

    assert_error(caught.value, Code.INVALID_ARGUMENT, "FIELD_INVALID", field="redirect_uri")


async def test_an_agency_s_token_is_none(high: HighWorld) -> None:
    """HighLevel opens nothing of the planner to it."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.create(BAKERY, kind="GRANT_KIND_COMPANY", static_token=high.vendor.private_token(None))

    assert_error(caught.value, Code.INVALID_ARGUMENT, "FIELD_INVALID", field="connection.grant_kind")


async def test_what_was_kept_and_not_verified_is_verified_later(high: HighWorld) -> None:
    """A process that dies between the two leaves a connection with its token, which the sweeper verifies."""
    high.vendor.faults.add(Fault(match="users.list", kind="status", status=503, times=2))

    made = await high.create(BAKERY, static_token=high.vendor.private_token(BAKERY))
    high.world.clock.advance(timedelta(minutes=6))
    await high.sweep()

    assert (PENDING, connection_pb2.REASON_CODE_TEMPORARY_API_FAILURE) == (made.status, made.reason_code)
    assert VALID == (await high.world.get(made.name)).status


async def test_what_cannot_be_kept_whole_leaves_nothing(high: HighWorld) -> None:
    """Row, token and request id are one transaction: when its last part fails there is nothing."""
    request_id, token = str(uuid4()), high.vendor.private_token(BAKERY)
    await sql(high, "ALTER TABLE tokens ADD CONSTRAINT full_up CHECK (version < 0)")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.create(BAKERY, static_token=token, request_id=request_id)

    assert_error(caught.value, Code.INTERNAL, "INTERNAL")
    await _is_free(high)
    await sql(high, "ALTER TABLE tokens DROP CONSTRAINT full_up; DELETE FROM connections; DELETE FROM locations")
    assert VALID == (await high.create(BAKERY, static_token=token, request_id=request_id)).status


async def sql(high: HighWorld, statements: str) -> None:
    """Do something to the database that the gateway does not do."""
    async with high.world.domain.db.transaction() as tx:
        for statement in statements.split(";"):
            await tx.execute(text(statement))


# Afterwards


async def test_a_rotated_token_is_brought_in_by_creating_again(high: HighWorld) -> None:
    """The older connection gets the new token, keeps its name, and lives again; calls use the new one at once."""
    first = high.vendor.private_token(BAKERY)
    made = await high.create(BAKERY, static_token=first)
    second = high.vendor.grants.rotate_private(first, high.vendor.now())
    high.world.clock.advance(timedelta(seconds=1))
    dead = await high.verify(made.name)

    again = await high.create(BAKERY, static_token=second, connection_id="another")

    assert (EXPIRED, made.name, VALID) == (dead.status, again.name, again.status)
    _, location, _, id = made.name.split("/")
    access = ConnectionAccess(high.world.domain, "highlevel", location, id)
    assert second == (await access.token()).value.reveal()
    assert [made.name] == [each.name for each in await high.listed()]


async def test_a_token_that_dies_ends_the_connection(high: HighWorld) -> None:
    """Any 401 to it: EXPIRED by the tokens' rules, with a word for what to do; the status is told, once."""
    token = high.vendor.private_token(BAKERY)
    made = await high.create(BAKERY, static_token=token)
    high.vendor.grants.revoke_private(token)

    now = await high.verify(made.name)
    later = await high.verify(made.name)

    assert (EXPIRED, connection_pb2.REASON_CODE_TOKEN_REVOKED) == (now.status, now.reason_code)
    assert "create the connection again" in now.reason_message
    told = [event.type for event in await high.world.events(BAKERY) if event.type != "ACCOUNT_ATTACHED"]
    assert (now.etag, ["CONNECTION_STATUS_CHANGED"] * 2) == (later.etag, told)
    _, location, _, id = made.name.split("/")
    with pytest.raises(GrantRevoked):
        await ConnectionAccess(high.world.domain, "highlevel", location, id).token()


async def test_a_token_has_no_page_to_reauthorize_on(high: HighWorld) -> None:
    """CAPABILITY_MISSING, and the connection goes on working."""
    made = await high.create(BAKERY, static_token=high.vendor.private_token(BAKERY))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await high.api.connections.ReauthorizeConnection(
            connection_service_pb2.ReauthorizeConnectionRequest(name=made.name)
        )

    assert_error(caught.value, Code.UNIMPLEMENTED, "CAPABILITY_MISSING", capability="OAUTH")
    assert made == await high.world.get(made.name)


async def test_a_consent_takes_the_place_of_a_token(high: HighWorld) -> None:
    """The same location by OAuth: the older connection is renewed, and may be authorised again from now on."""
    made = await high.create(BAKERY, static_token=high.vendor.private_token(BAKERY))

    again = await high.connect(BAKERY)

    assert (made.name, connection_pb2.GRANT_ORIGIN_CONSENT) == (again.name, again.grant_origin)
    assert again.HasField("refresh_expire_time")
    await high.api.connections.ReauthorizeConnection(
        connection_service_pb2.ReauthorizeConnectionRequest(name=made.name)
    )


@pytest.mark.parametrize("by", ["token", "consent"])
async def test_disconnecting_forgets_and_says_what_remains(high: HighWorld, by: str) -> None:
    """HighLevel has no call that ends a grant: none is made, the tokens are gone, and the answer says so."""
    token = high.vendor.private_token(BAKERY)
    made = await (high.create(BAKERY, static_token=token) if by == "token" else high.connect(BAKERY))
    asked = len(high.vendor.requests)

    gone = await high.disconnect(made.name)

    assert (DISCONNECTED, connection_pb2.REASON_CODE_GRANT_REMAINS) == (gone.status, gone.reason_code)
    assert asked == len(high.vendor.requests)
    _, location, _, id = made.name.split("/")
    async with high.world.domain.db.read() as tx:
        assert await tokens.find(tx, location, id) is None
    back = await high.create(BAKERY, static_token=token)
    assert (made.name, VALID) == (back.name, back.status)

"""The token protocol: one exchange however many ask, and no grant lost whatever happens around it.

Owns the flows within one process, with two gateways over one database where it takes two. Processes that are killed are
in test_credentials_tokens_processes.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import grpc
import psycopg
import pytest
from google.protobuf.duration_pb2 import Duration
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import text

from gateway.domain.credentials import connection_status, refresh
from providers.errors import GrantRevoked, ProviderError, Unavailable
from providers.models.grants import AccessToken
from providers.models.secret import Secret
from providers.simulators.tiktok import Fault
from socialgateway.v1 import account_pb2, account_service_pb2, connection_pb2, connection_service_pb2
from storage import connections, tokens
from storage.database import Transaction
from storage.keys import LocationSealer
from storage.tokens import TokenRow
from tests.fixtures.gateway import World
from tests.fixtures.waiting import until
from tests.rpc.answers import assert_error

VALID = connection_pb2.Connection.VALID
EXPIRED = connection_pb2.Connection.EXPIRED
Code = grpc.StatusCode
DAY = timedelta(days=1)


def id_of(made: connection_pb2.Connection) -> tuple[str, str]:
    """Return (location, connection) of a name."""
    _, location, _, connection = made.name.split("/")
    return location, connection


async def ask(world: World) -> account_pb2.Account:
    """Make one call that needs a token: fetch the one account of l1 from the vendor now."""
    listed = await world.api.accounts.ListAccounts(account_service_pb2.ListAccountsRequest(parent="locations/l1"))
    request = account_service_pb2.GetAccountRequest(name=listed.accounts[0].name, max_staleness=Duration())
    return await world.api.accounts.GetAccount(request)


async def fresh(world: World, made: connection_pb2.Connection) -> AccessToken:
    """Ask the rules for a token, as a call would."""
    return await world.domain.tokens.fresh(*id_of(made))


async def row_of(world: World, made: connection_pb2.Connection) -> TokenRow | None:
    """Return the connection's token row."""
    async with world.domain.db.read() as tx:
        return await tokens.find(tx, *id_of(made))


def asked_tokens(world: World) -> int:
    """Count the calls of the vendor's token endpoint, answered or not."""
    return world.calls("oauth.token")


@pytest.mark.chaos
async def test_64_callers_on_an_expired_grant_make_one_exchange(gateway: World) -> None:
    """However many calls find the token expired, the vendor is asked once, and all of them are answered."""
    await gateway.connect()
    gateway.clock.advance(2 * DAY)

    answers = await asyncio.gather(*(ask(gateway) for _ in range(64)))

    assert {"sim.patisserie"} == {answer.username for answer in answers}
    assert ["ok"] == gateway.exchanges()


async def test_two_gateways_over_one_database_make_one_exchange(gateway: World) -> None:
    """Two replicas that meet one expired grant in the same moment share one exchange through the lease."""
    made = await gateway.connect()
    async with gateway.another("replica") as replica, gateway.holding("oauth.token") as held:
        gateway.clock.advance(2 * DAY)
        asking = asyncio.gather(*(fresh(world, made) for world in (gateway, replica) for _ in range(32)))
        await held.reached()
        held.release()
        got = await asking

    assert {2} == {token.version for token in got}
    assert ["ok"] == gateway.exchanges()


async def test_a_valid_token_is_lent_without_asking_anybody(gateway: World) -> None:
    """A token that is not about to expire comes from memory, without a call or a query."""
    made = await gateway.connect()
    first = await fresh(gateway, made)
    await gateway.domain.db.close()
    gateway.domain.db._reads = None  # type: ignore[assignment]

    assert first is await fresh(gateway, made)
    assert [] == gateway.exchanges()


@pytest.mark.parametrize(("left", "exchanges"), [(16, 0), (15, 1), (1, 1)])
async def test_a_token_is_renewed_when_less_than_the_margin_is_left(gateway: World, left: int, exchanges: int) -> None:
    """The margin is fifteen minutes for TikTok's tokens of a day."""
    made = await gateway.connect()
    gateway.clock.advance(DAY - timedelta(minutes=left))

    await fresh(gateway, made)

    assert exchanges == len(gateway.exchanges())


async def test_a_caller_that_goes_away_in_the_exchange_loses_nothing(gateway: World) -> None:
    """The exchange goes on without its caller, and the next one has the new token."""
    await gateway.connect()
    gateway.clock.advance(2 * DAY)
    async with gateway.holding("oauth.token") as held:
        calling = asyncio.ensure_future(ask(gateway))
        await held.reached()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
    await gateway.domain.tokens.close()

    assert ["ok"] == gateway.exchanges()
    assert "sim.patisserie" == (await ask(gateway)).username
    assert ["ok"] == gateway.exchanges()


async def test_a_stop_that_is_cut_short_cancels_no_exchange(gateway: World) -> None:
    """A second signal ends the wait, not what it waits for: a pair that the vendor issues is saved all the same."""
    made = await gateway.connect()
    gateway.clock.advance(2 * DAY)
    async with gateway.holding("oauth.token") as held:
        calling = asyncio.ensure_future(fresh(gateway, made))
        await held.reached()
        guarded = asyncio.ensure_future(gateway.domain.tokens.guard(held.gate.wait()))
        stopping = asyncio.ensure_future(gateway.domain.tokens.close())
        await asyncio.sleep(0)
        stopping.cancel()
        with suppress(asyncio.CancelledError):
            await stopping
        held.release()
        token = await calling
        await guarded

    assert (2, ["ok"]) == (token.version, gateway.exchanges())


FAULTS = [
    Fault(match="oauth.token", kind="status", status=503),
    Fault(match="oauth.token", kind="drop_before"),
    Fault(match="oauth.token", kind="html"),
    Fault(match="oauth.token", kind="corrupt_json"),
    Fault(match="oauth.token", kind="error", code="temporarily_unavailable"),
    Fault(match="oauth.token", kind="error", code="invalid_client"),
    Fault(match="oauth.token", kind="error", code="a_code_nobody_knows"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.code if fault.kind == "error" else fault.kind)
async def test_a_failed_refresh_never_changes_the_status(gateway: World, fault: Fault) -> None:
    """The old token is used while it lives, nobody asks again before the cool-down is over, and then all is well."""
    made = await gateway.connect()
    gateway.clock.advance(DAY - timedelta(minutes=10))
    gateway.vendor.faults.add(fault)

    old = [await fresh(gateway, made) for _ in range(3)]

    assert {1} == {token.version for token in old}
    assert 1 == gateway.vendor.faults.hits[f"{fault.match} {fault.kind}"]
    assert VALID == (await gateway.get(made.name)).status
    gateway.clock.advance(timedelta(seconds=30))
    assert 2 == (await fresh(gateway, made)).version
    assert VALID == (await gateway.get(made.name)).status


async def test_the_cool_down_doubles_and_is_told_to_callers(gateway: World) -> None:
    """After the old token's end a call is UNAVAILABLE with the time to come back; the pause doubles each time."""
    made = await gateway.connect()
    gateway.clock.advance(2 * DAY)
    gateway.vendor.faults.add(Fault(match="oauth.token", kind="status", status=503, times=None))
    pauses = []
    for _ in range(3):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(gateway)
        assert_error(caught.value, Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE")
        row = await row_of(gateway, made)
        assert row is not None
        assert row.cooldown_until is not None
        pauses.append((row.cooldown_until - gateway.clock()).total_seconds())
        gateway.clock.time = row.cooldown_until

    assert [30, 60, 120] == pauses
    assert VALID == (await gateway.get(made.name)).status


async def test_a_cool_down_counts_for_all_replicas(gateway: World) -> None:
    """Of two replicas that wait for one failing refresh, only the first asks the vendor."""
    made = await gateway.connect()
    gateway.vendor.faults.add(Fault(match="oauth.token", kind="status", status=503, times=None))
    asked = asked_tokens(gateway)
    async with gateway.another("replica") as replica:
        gateway.clock.advance(2 * DAY)
        got = await asyncio.gather(fresh(gateway, made), fresh(replica, made), return_exceptions=True)

    assert 2 == sum(isinstance(each, Exception) for each in got)
    assert asked + 1 == asked_tokens(gateway)


async def test_a_revoked_grant_expires_the_connection_once(gateway: World) -> None:
    """invalid_grant means EXPIRED, with one event; later calls do not ask the vendor again."""
    made = await gateway.connect()
    gateway.vendor.revoke(made.provider_subject)
    gateway.clock.advance(2 * DAY)

    refusals = await asyncio.gather(*(ask(gateway) for _ in range(16)), return_exceptions=True)
    with pytest.raises(grpc.aio.AioRpcError):
        await ask(gateway)

    for refusal in refusals:
        assert isinstance(refusal, grpc.aio.AioRpcError)
        assert_error(refusal, Code.FAILED_PRECONDITION, "REAUTHORIZATION_REQUIRED", connection=made.name)
    now = await gateway.get(made.name)
    assert (EXPIRED, connection_pb2.REASON_CODE_TOKEN_REVOKED) == (now.status, now.reason_code)
    assert ["invalid_grant"] == gateway.exchanges()
    assert ["PENDING", "VALID"] == [
        event.payload["previous_status"]
        for event in await gateway.events()
        if event.type == "CONNECTION_STATUS_CHANGED"
    ]


async def refused_until(world: World, made: connection_pb2.Connection, span: timedelta) -> int:
    """Ask again whenever the cool-down is over, for this long, and return how often the vendor was asked."""
    asked, end = asked_tokens(world), world.clock() + span
    while world.clock() < end:
        with suppress(ProviderError):
            await fresh(world, made)
        row = await row_of(world, made)
        assert row is not None
        world.clock.time = max(row.cooldown_until or end, world.clock() + timedelta(minutes=1))
    return asked_tokens(world) - asked


@pytest.mark.parametrize("code", ["invalid_request", "a_code_nobody_knows"])
async def test_a_refusal_in_other_words_ends_after_a_day(gateway: World, code: str) -> None:
    """A vendor that refuses for a day, and often, without OAuth's word for it is not asked for a year."""
    made = await gateway.connect()
    gateway.clock.advance(2 * DAY)
    gateway.vendor.faults.add(Fault(match="oauth.token", kind="error", code=code, times=None))

    first = await refused_until(gateway, made, DAY - timedelta(hours=1))
    patient = await gateway.get(made.name)
    await refused_until(gateway, made, timedelta(hours=3))
    now = await gateway.get(made.name)
    asked = asked_tokens(gateway)
    with pytest.raises(GrantRevoked):
        await fresh(gateway, made)

    assert (VALID, EXPIRED) == (patient.status, now.status)
    assert connection_pb2.REASON_CODE_TOKEN_INVALID_OR_EXPIRED == now.reason_code
    assert "refused to renew" in now.reason_message
    assert code == now.last_error_code
    assert first >= refresh.MAX_REFUSALS
    assert asked == asked_tokens(gateway)


async def test_a_success_begins_the_count_of_refusals_anew(gateway: World) -> None:
    """Refusals before a renewal do not count against the grant after it."""
    made = await gateway.connect()
    gateway.clock.advance(2 * DAY)
    refused = Fault(match="oauth.token", kind="error", code="invalid_request", times=None)
    gateway.vendor.faults.add(refused)
    await refused_until(gateway, made, timedelta(hours=23))
    before = await row_of(gateway, made)
    gateway.vendor.faults.clear()
    gateway.clock.advance(timedelta(hours=1))
    await fresh(gateway, made)
    after = await row_of(gateway, made)
    gateway.clock.advance(DAY)
    gateway.vendor.faults.add(refused)
    await refused_until(gateway, made, timedelta(hours=23))

    assert before is not None
    assert after is not None
    assert before.refusals >= refresh.MAX_REFUSALS
    assert (0, None) == (after.refusals, after.refused_since)
    assert VALID == (await gateway.get(made.name)).status


@pytest.mark.parametrize(
    "fault",
    [
        Fault(match="oauth.token", kind="status", status=503, times=None),
        Fault(match="oauth.token", kind="error", code="invalid_client", times=None),
    ],
    ids=["no answer", "the application"],
)
async def test_what_says_nothing_of_a_grant_never_ends_it(gateway: World, fault: Fault) -> None:
    """A vendor that is away for three days, or an application whose secret is wrong, expires no connection."""
    made = await gateway.connect()
    gateway.clock.advance(2 * DAY)
    gateway.vendor.faults.add(fault)
    await refused_until(gateway, made, 3 * DAY)
    status = (await gateway.get(made.name)).status
    gateway.vendor.faults.clear()

    assert VALID == status
    assert 2 == (await fresh(gateway, made)).version


async def test_a_refresh_token_that_ran_out_is_not_sent(gateway: World) -> None:
    """A grant whose refresh token is past its end expires without a vendor call."""
    made = await gateway.connect()
    gateway.clock.advance(366 * DAY)

    with pytest.raises(GrantRevoked):
        await fresh(gateway, made)

    now = await gateway.get(made.name)
    assert (EXPIRED, connection_pb2.REASON_CODE_TOKEN_INVALID_OR_EXPIRED) == (now.status, now.reason_code)
    assert [] == gateway.exchanges()


async def test_a_refused_token_is_renewed_once_for_all_callers(gateway: World) -> None:
    """A 401 on a token that should still live leads to one refresh per version, and each call is made once more."""
    await gateway.connect()
    gateway.vendor.expire_access_tokens()

    answers = await asyncio.gather(*(ask(gateway) for _ in range(16)))

    assert {"sim.patisserie"} == {answer.username for answer in answers}
    assert ["ok"] == gateway.exchanges()


async def test_a_token_that_is_refused_again_ends_in_an_error_not_in_a_loop(gateway: World) -> None:
    """A vendor that refuses even the renewed token gets two calls and one refresh."""
    made = await gateway.connect()
    gateway.vendor.faults.add(
        Fault(match="user.info", kind="error", code="access_token_invalid", status=401, times=None)
    )
    before = gateway.calls("user.info")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(gateway)

    assert_error(caught.value, Code.FAILED_PRECONDITION, "REAUTHORIZATION_REQUIRED")
    assert (before + 2, ["ok"]) == (gateway.calls("user.info"), gateway.exchanges())
    assert VALID == (await gateway.get(made.name)).status


async def test_an_expired_connection_lives_again_after_a_consent(gateway: World) -> None:
    """The same connection, VALID again, with the new tokens."""
    made = await gateway.connect()
    gateway.vendor.revoke(made.provider_subject)
    gateway.clock.advance(2 * DAY)
    with pytest.raises(GrantRevoked):
        await fresh(gateway, made)

    again = await gateway.connect()

    assert (made.name, VALID) == (again.name, again.status)
    assert "sim.patisserie" == (await ask(gateway)).username


async def test_a_disconnect_is_felt_on_every_replica(gateway: World) -> None:
    """A token in another replica's memory is gone within a second of the disconnect."""
    made = await gateway.connect()
    async with gateway.another("replica") as replica:
        await fresh(replica, made)
        await gateway.api.connections.DisconnectConnection(
            connection_service_pb2.DisconnectConnectionRequest(name=made.name)
        )

        async def gone() -> bool:
            try:
                await fresh(replica, made)
            except GrantRevoked:
                return True
            return False

        await until(gone, seconds=1)


async def test_a_refresh_that_ends_after_a_disconnect_brings_nothing_back(gateway: World) -> None:
    """The pair of an exchange that was under way during a disconnect is not saved."""
    made = await gateway.connect()
    gateway.clock.advance(2 * DAY)
    async with gateway.holding("oauth.token") as held:
        flying = asyncio.ensure_future(fresh(gateway, made))
        await held.reached()
        async with gateway.domain.db.transaction() as tx:
            location, connection = id_of(made)
            row = await connections.get(tx, location, connection, lock=True)
            await gateway.domain.tokens.wipe(tx, location, connection)
            await connection_status.move(tx, row, gateway.clock(), status="DISCONNECTED")

    with pytest.raises(GrantRevoked):
        await flying

    assert await row_of(gateway, made) is None
    assert [] == list(gateway.folder.glob("*"))


async def test_a_new_consent_wins_over_a_refresh_under_way(gateway: World) -> None:
    """A refresh of the old grant that ends after a new consent does not replace the new grant's tokens."""
    made = await gateway.connect(scopes=("user.info.profile",))
    gateway.clock.advance(2 * DAY)
    async with gateway.holding("oauth.token") as held:
        flying = asyncio.ensure_future(fresh(gateway, made))
        await held.reached()
        again = await gateway.connect()
    token = await flying

    assert "video.publish" in token.scopes
    assert (made.name, VALID, 6) == (again.name, again.status, len((await fresh(gateway, made)).scopes))


async def test_a_new_consent_wins_over_a_refresh_that_was_faster(gateway: World) -> None:
    """A pair that was saved between the consent's exchange and its save is replaced, not kept."""
    made = await gateway.connect()
    held = await gateway.domain.providers["tiktok"].authorization.refresh(await refresh_token(gateway, made))
    await gateway.domain.tokens.save(*id_of(made), held, read_version=1)
    newer = await gateway.domain.providers["tiktok"].authorization.refresh(await refresh_token(gateway, made))

    await gateway.domain.tokens.adopt(await seal_of(gateway, made), made.name.split("/")[-1], newer)

    assert newer.access_token == (await fresh(gateway, made)).value


async def seal_of(world: World, made: connection_pb2.Connection) -> LocationSealer:
    """Return what seals the connection's pairs."""
    async with world.domain.db.read() as tx:
        return await world.domain.sealer.for_location(tx, id_of(made)[0])


async def refresh_token(world: World, made: connection_pb2.Connection) -> Secret:
    """Return the connection's refresh token in clear."""
    row, seal = await row_of(world, made), await seal_of(world, made)
    assert row is not None
    assert row.refresh_sealed is not None
    return Secret(seal.open("tokens", id_of(made)[1], "refresh", row.version, row.refresh_sealed).decode())


# Ahead of time


async def test_a_token_is_renewed_ahead_of_its_end(gateway: World) -> None:
    """The sweeper renews between the margin plus a tenth of the lifetime and the margin before the end; then rests."""
    made = await gateway.connect()
    assert 0 == await gateway.domain.tokens.renew_due()
    row = await row_of(gateway, made)
    assert row is not None
    assert row.refresh_at is not None
    assert timedelta(minutes=15) <= row.access_expire_time - row.refresh_at <= timedelta(minutes=15) + DAY / 10
    gateway.clock.time = row.refresh_at

    renewed = [await gateway.domain.tokens.renew_due() for _ in range(2)]

    assert ([1, 0], ["ok"]) == (renewed, gateway.exchanges())
    assert 2 == (await fresh(gateway, made)).version


async def test_two_replicas_renew_ahead_once(gateway: World) -> None:
    """Both sweepers may find the same token due; the vendor is asked once."""
    await gateway.connect()
    async with gateway.another("replica") as replica:
        gateway.clock.advance(DAY - timedelta(minutes=15))
        await asyncio.gather(gateway.domain.tokens.renew_due(), replica.domain.tokens.renew_due())

    assert ["ok"] == gateway.exchanges()


async def test_a_failed_renewal_ahead_disturbs_nobody(gateway: World) -> None:
    """A vendor that is down when the sweeper asks is asked again after the cool-down; callers keep the old token."""
    made = await gateway.connect()
    gateway.clock.advance(DAY - timedelta(minutes=15))
    gateway.vendor.faults.add(Fault(match="oauth.token", kind="status", status=503))

    assert 1 == await gateway.domain.tokens.renew_due()
    assert 0 == await gateway.domain.tokens.renew_due()
    assert (1, VALID) == ((await fresh(gateway, made)).version, (await gateway.get(made.name)).status)
    gateway.clock.advance(timedelta(seconds=30))
    assert 1 == await gateway.domain.tokens.renew_due()
    assert 2 == (await fresh(gateway, made)).version


async def test_a_dead_grant_is_found_ahead_of_time_and_left_alone(gateway: World) -> None:
    """A revoked grant becomes EXPIRED by the sweeper and is not asked for again."""
    made = await gateway.connect()
    gateway.vendor.revoke(made.provider_subject)
    gateway.clock.advance(DAY - timedelta(minutes=15))

    swept = [await gateway.domain.tokens.renew_due() for _ in range(2)]

    assert ([1, 0], EXPIRED) == (swept, (await gateway.get(made.name)).status)


# Leases and lost holders


async def abandon(world: World, made: connection_pb2.Connection) -> None:
    """Leave a lease behind as a process that was killed does: taken, never given back, past its end."""
    async with world.domain.db.transaction() as tx:
        statement = "UPDATE tokens SET lease_owner = 'dead', lease_until = clock_timestamp() - interval '1 second'"
        await tx.execute(text(statement))


async def test_an_abandoned_lease_is_taken_over(gateway: World) -> None:
    """A holder that died before it asked the vendor costs nothing: the next one renews."""
    made = await gateway.connect()
    await abandon(gateway, made)
    gateway.clock.advance(2 * DAY)

    assert 2 == (await fresh(gateway, made)).version
    assert ["ok"] == gateway.exchanges()


@asynccontextmanager
async def held_up(world: World, table: str) -> AsyncIterator[Transaction]:
    """Hold the table's rows: whoever wants to lock one reads what was, and waits until the block ends."""
    async with world.domain.db.transaction() as tx:
        await tx.execute(text(f"SELECT 1 FROM {table} FOR UPDATE"))
        yield tx


async def until_waiting(world: World) -> None:
    """Return when somebody waits for a lock in the test's database."""

    async def waits() -> bool:
        query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        async with world.domain.db.read() as tx:
            return (await tx.execute(text(query))).first() is not None

    await until(waits)


@pytest.mark.parametrize(
    ("change", "outcome"),
    [("access_expire_time = :later", None), ("cooldown_until = :later", Unavailable)],
    ids=["a newer pair", "a cool-down"],
)
async def test_what_the_holder_before_did_is_seen_after_the_lease(
    gateway: World, change: str, outcome: type[Exception] | None
) -> None:
    """Who gets the lease reads the row again: a pair that was saved, or a refusal, makes an exchange needless."""
    made = await gateway.connect()
    gateway.clock.advance(2 * DAY)
    async with held_up(gateway, "tokens") as tx:
        flying = asyncio.ensure_future(fresh(gateway, made))
        await until_waiting(gateway)
        await tx.execute(text(f"UPDATE tokens SET {change}"), {"later": gateway.clock() + DAY})

    if outcome is None:
        assert 1 == (await flying).version
    else:
        with pytest.raises(outcome):
            await flying
    assert [] == gateway.exchanges()


async def test_a_new_consents_pair_is_saved_over_one_that_came_in_between(gateway: World) -> None:
    """A refresh that is saved between the consent's read and its save does not win."""
    made = await gateway.connect()
    newer = await gateway.domain.providers["tiktok"].authorization.refresh(await refresh_token(gateway, made))
    seal = await seal_of(gateway, made)
    async with held_up(gateway, "connections") as tx:
        adopting = asyncio.ensure_future(gateway.domain.tokens.adopt(seal, id_of(made)[1], newer))
        await until_waiting(gateway)
        await tx.execute(text("UPDATE tokens SET version = 2"))
    await adopting

    token = await fresh(gateway, made)
    assert (3, newer.access_token) == (token.version, token.value)
    assert [] == list(gateway.folder.glob("*"))


async def test_a_lost_pair_expires_the_connection_after_a_grace(gateway: World) -> None:
    """A holder that died with the only copy of the new pair leaves nothing to save: EXPIRED, but not at once."""
    made = await gateway.connect()
    await gateway.domain.providers["tiktok"].authorization.refresh(await refresh_token(gateway, made))
    await abandon(gateway, made)
    gateway.clock.advance(2 * DAY)

    flying = asyncio.ensure_future(fresh(gateway, made))
    await until(lambda: "invalid_grant" in gateway.exchanges())
    in_grace = (await gateway.get(made.name)).status
    with pytest.raises(GrantRevoked):
        await flying

    assert (VALID, EXPIRED) == (in_grace, (await gateway.get(made.name)).status)


async def test_a_pair_saved_within_the_grace_is_adopted(gateway: World) -> None:
    """When the dead holder's pair is saved by its successor during the grace, the waiting caller takes it."""
    made = await gateway.connect()
    lost = await gateway.domain.providers["tiktok"].authorization.refresh(await refresh_token(gateway, made))
    await abandon(gateway, made)
    gateway.clock.advance(timedelta(hours=23, minutes=50))
    async with gateway.another("successor") as successor:
        flying = asyncio.ensure_future(fresh(gateway, made))
        await until(lambda: "invalid_grant" in gateway.exchanges())
        await successor.domain.tokens.save(*id_of(made), lost, read_version=1)
        token = await flying

    assert lost.access_token == token.value
    assert VALID == (await gateway.get(made.name)).status


async def test_the_refusal_of_an_old_pair_does_not_give_up_a_newer_one(gateway: World) -> None:
    """A connection whose pair was replaced while the vendor refused the old one stays as it is."""
    made = await gateway.connect()
    refused = GrantRevoked("refused", code="invalid_grant")
    async with gateway.domain.db.transaction() as tx:
        await tx.execute(text("UPDATE tokens SET version = 2"))
    async with gateway.domain.db.transaction() as tx:
        given_up = await connection_status.expire(
            tx, *id_of(made), "TOKEN_REVOKED", refused, gateway.clock(), at_version=1
        )

    assert (False, VALID) == (given_up, (await gateway.get(made.name)).status)


# The database away


@asynccontextmanager
async def database_away(admin: psycopg.Connection, world: World) -> AsyncIterator[None]:
    """Cut every connection to the test's database and let nobody in until the block ends."""
    name = str(conninfo_to_dict(world.domain.db.url)["dbname"])
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    admin.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
    admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
    try:
        yield
    finally:
        admin.execute(allow.format(sql.Identifier(name), sql.SQL("true")))


async def spilled(world: World) -> Path:
    """Wait for a pair on disk and give its file."""
    await until(lambda: len(list(world.folder.glob("*.json"))) == 1)
    return next(world.folder.glob("*.json"))


async def test_a_pair_that_cannot_be_saved_waits_on_disk(gateway: World, database_admin: psycopg.Connection) -> None:
    """A database that is away in the moment of the save loses nothing: the spill keeps the pair until it is back."""
    made = await gateway.connect()
    gateway.clock.advance(2 * DAY)
    async with gateway.holding("oauth.token") as held:
        flying = asyncio.ensure_future(fresh(gateway, made))
        await held.reached()
        async with database_away(database_admin, gateway):
            held.release()
            kept = (await spilled(gateway)).read_text()
            assert not flying.done()
    token = await flying

    assert (2, ["ok"]) == (token.version, gateway.exchanges())
    assert token.value.reveal() not in kept
    assert [] == list(gateway.folder.glob("*"))


async def test_a_consent_survives_a_database_that_is_away(gateway: World, database_admin: psycopg.Connection) -> None:
    """A grant that was given while the database was away is kept when it is back: nobody has to consent again."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)
    async with gateway.holding("oauth.token") as held:
        completing = asyncio.ensure_future(gateway.complete(query))
        await held.reached()
        async with database_away(database_admin, gateway):
            held.release()
            await until(lambda: gateway.exchanges("authorization_code") == ["ok"])

    assert VALID == (await completing).status


async def test_a_spill_that_was_left_behind_is_saved_at_the_next_start(gateway: World) -> None:
    """A process that ends before it could save leaves a file; the next one on that folder saves it before it serves."""
    made = await gateway.connect()
    gateway.clock.advance(2 * DAY)
    left = gateway.folder.parent.parent / "next" / "data" / "spills"
    async with held_up(gateway, "connections"):
        flying = asyncio.ensure_future(fresh(gateway, made))
        await spilled(gateway)
        shutil.copytree(gateway.folder, left)
    await flying
    async with gateway.domain.db.transaction() as tx:
        # As if the save had never come to be.
        await tx.execute(text("UPDATE tokens SET version = 1, access_expire_time = now() - interval '400 days'"))

    async with gateway.another("next") as restarted:
        token = await fresh(restarted, made)

    assert (2, ["ok"]) == (token.version, gateway.exchanges())
    assert [] == list(left.glob("*"))


async def test_an_old_spill_cannot_bring_a_disconnected_grant_back(gateway: World) -> None:
    """A file that was saved and not removed is of no use after a disconnect."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri)
    kept = gateway.folder.parent / "kept"
    async with gateway.domain.db.transaction() as tx:
        # Holds the save up, so that the spill can be seen.
        await tx.execute(text("LOCK TABLE tokens IN EXCLUSIVE MODE"))
        completing = asyncio.ensure_future(gateway.complete(query))
        await spilled(gateway)
        shutil.copytree(gateway.folder, kept)
    await completing
    await gateway.api.connections.DisconnectConnection(
        connection_service_pb2.DisconnectConnectionRequest(name=made.name)
    )

    shutil.copytree(kept, gateway.folder, dirs_exist_ok=True)
    assert 1 == await gateway.domain.tokens.replay()

    assert await row_of(gateway, made) is None
    assert [] == list(gateway.folder.glob("*"))

"""API keys and locations through a real server over a real database, on one replica and on two.

Owns the proofs of `gateway/domain/api_keys.py`, `gateway/domain/locations.py` and `gateway/interceptors/auth.py`.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import grpc
import pytest
from sqlalchemy import text

from gateway.caller import Caller, current_caller
from gateway.domain import api_keys
from gateway.domain.api_keys import SCOPES, KeyStore
from gateway.domain.locations import Owners, authorize, claim_location
from gateway.errors import FieldInvalid, LocationForbidden, ResourceNotFound, Unauthenticated
from providers.models.secret import Secret
from socialgateway.v1 import post_pb2, post_service_pb2, post_service_pb2_grpc
from storage.api_keys import TOPIC
from storage.database import Database
from storage.listener import Listener
from tests.fixtures.clock import Clock
from tests.rpc.answers import assert_error
from tests.rpc.serving import posts, serving

PEPPER = b"p" * 32
BOOTSTRAP = "any string of thirty-two characters or more"
NAME = "locations/l1/posts/p1"


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@asynccontextmanager
async def replica(
    database: Database, clock: Clock, bootstrap: str | None = None, listener: Listener | None = None
) -> AsyncIterator[KeyStore]:
    """Yield one replica's key store, with a listener of its own unless one is given."""
    listener = listener or Listener(database)
    key = Secret(bootstrap) if bootstrap else None
    store = api_keys.open_store(database, listener, pepper=PEPPER, clock=clock, bootstrap_key=key)
    await listener.start()
    try:
        yield store
    finally:
        await listener.stop()


@pytest.fixture
def listener(database: Database) -> Listener:
    """Return the listener of the replica below."""
    return Listener(database)


@pytest.fixture
async def store(database: Database, clock: Clock, listener: Listener) -> AsyncIterator[KeyStore]:
    """Yield a replica with a bootstrap key."""
    async with replica(database, clock, BOOTSTRAP, listener) as made:
        yield made


async def notified_key(store: KeyStore, listener: Listener) -> str:
    """Make a key, and wait for its notification, which drops what is cached of the key until then."""
    heard = asyncio.Event()
    listener.subscribe(TOPIC, lambda _: heard.set())
    key = await new_key(store)
    await heard.wait()
    return key.secret.reveal()


async def new_key(store: KeyStore, **values: Any) -> api_keys.NewKey:
    """Make a key of agency A for location l1 that reads posts, or as told."""
    defaults: dict[str, Any] = {"agency": "A", "locations": ["l1"], "scopes": ["posts.read"], "random": os.urandom}
    return await api_keys.create(store, **{**defaults, **values})


class Posts:
    """A PostService that checks the location and tells who called."""

    def __init__(self, owners: Owners) -> None:
        """Keep who owns what."""
        self.owners = owners
        self.callers: list[Caller] = []

    def __getattr__(self, name: str) -> Any:
        """Serve the other methods by nothing."""

        async def nothing(request: Any, context: Any) -> Any:
            raise NotImplementedError

        return nothing

    async def GetPost(self, request: Any, context: Any) -> post_pb2.Post:
        """Read a post of the location that the name says."""
        self.callers.append(current_caller.get())
        await authorize(self.owners, current_caller.get(), request.name.split("/")[1])
        raise ResourceNotFound(request.name)

    async def CreatePost(self, request: Any, context: Any) -> post_pb2.Post:
        """Claim the location."""
        self.callers.append(current_caller.get())
        await claimed(self.owners, current_caller.get(), request.parent.split("/")[1])
        return post_pb2.Post(name=NAME)


async def claimed(owners: Owners, by: Caller, location: str) -> None:
    """Let a caller use a location for the first time, with a transaction that does nothing else."""
    async with owners.database.transaction() as tx:
        await claim_location(tx, owners, by, location)


@asynccontextmanager
async def gateway(store: KeyStore, clock: Clock) -> AsyncIterator[tuple[post_service_pb2_grpc.PostServiceStub, Posts]]:
    """Serve the posts with the store's keys."""
    servicer = Posts(Owners(store.database, clock))

    async def known(key: str) -> Caller:
        return await api_keys.authenticate(store, key)

    async with serving(posts(servicer), known=known) as served:
        yield post_service_pb2_grpc.PostServiceStub(served.channel), servicer


async def get(stub: Any, metadata: Sequence[tuple[str, Any]], name: str = NAME) -> grpc.aio.AioRpcError:
    """Read a post that is not there; the error tells how far the call came."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetPost(post_service_pb2.GetPostRequest(name=name), metadata=metadata)
    return caught.value


def bearer(key: str) -> tuple[tuple[str, str], ...]:
    """Write the metadata that carries a key."""
    return (("authorization", f"Bearer {key}"),)


async def test_a_key_opens_what_it_names(store: KeyStore, clock: Clock) -> None:
    """A key reaches the method, which sees the key's id, agency, locations and scopes."""
    key = await new_key(store, redirect_uris=["https://app.example/done"])
    async with gateway(store, clock) as (stub, servicer):
        assert_error(await get(stub, bearer(key.secret.reveal())), grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")
    expected = Caller(
        key.key_id, "A", frozenset({"l1"}), frozenset({"posts.read"}), frozenset({"https://app.example/done"})
    )
    assert [expected] == servicer.callers


BAD_METADATA: list[tuple[tuple[str, Any], ...]] = [
    (),
    (("authorization", ""),),
    (("authorization", "Bearer"),),
    (("authorization", "Bearer "),),
    (("authorization", "Basic " + "x" * 40),),
    (("authorization", "x" * 43),),
    bearer("short"),
    bearer("sg_" + "x" * 43),
    bearer("x" * 5_000),
    bearer("sg_" + "' OR 1=1; --" * 3),
    (*bearer(BOOTSTRAP), *bearer(BOOTSTRAP)),
    (("authorization-bin", BOOTSTRAP.encode()),),
]


@pytest.mark.parametrize("metadata", BAD_METADATA)
async def test_no_key_and_garbage_are_refused_alike(store: KeyStore, clock: Clock, metadata: Any) -> None:
    """Whatever is not exactly one valid key is UNAUTHENTICATED, before the request is looked at."""
    async with gateway(store, clock) as (stub, servicer):
        assert_error(await get(stub, metadata, ""), grpc.StatusCode.UNAUTHENTICATED, "API_KEY_INVALID")
    assert [] == servicer.callers


async def test_the_bootstrap_key_may_be_longer_than_those_that_are_made(database: Database, clock: Clock) -> None:
    """The operator's own key of 600 characters opens every method."""
    await claimed(Owners(database, clock), caller("default"), "l1")
    async with replica(database, clock, "k" * 600) as store, gateway(store, clock) as (stub, _):
        error = await get(stub, bearer("k" * 600))
    assert_error(error, grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")


async def test_the_scheme_may_be_written_in_any_case(store: KeyStore, clock: Clock) -> None:
    """`bearer` is as good as `Bearer`."""
    await claimed(Owners(store.database, clock), caller("default"), "l1")
    async with gateway(store, clock) as (stub, _):
        error = await get(stub, (("authorization", f"bearer {BOOTSTRAP}"),))
    assert_error(error, grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")


async def test_the_bootstrap_key_may_do_everything(store: KeyStore, clock: Clock) -> None:
    """The bootstrap key belongs to the default agency, with every location and scope."""
    async with gateway(store, clock) as (stub, servicer):
        await get(stub, bearer(BOOTSTRAP))
    assert [Caller("bootstrap", "default", None, SCOPES)] == servicer.callers


async def test_the_bootstrap_key_dies_with_its_setting(database: Database, clock: Clock, store: KeyStore) -> None:
    """A replica that starts without the bootstrap key refuses it: nothing of it is kept."""
    await api_keys.authenticate(store, BOOTSTRAP)
    async with replica(database, clock) as without:
        with pytest.raises(Unauthenticated):
            await api_keys.authenticate(without, BOOTSTRAP)


async def test_a_missing_scope_is_named(store: KeyStore, clock: Clock) -> None:
    """A key without the method's scope is refused with the missing scope."""
    key = await new_key(store, scopes=["uploads.read"])
    async with gateway(store, clock) as (stub, _):
        error = await get(stub, bearer(key.secret.reveal()))
    assert_error(error, grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING", scope="posts.read")


async def test_a_key_dies_at_its_expiry(store: KeyStore, clock: Clock) -> None:
    """A key is refused from the second of its expiry on, also when it is remembered."""
    key = (await new_key(store, expire_time=clock.time + timedelta(hours=1))).secret.reveal()
    assert "A" == (await api_keys.authenticate(store, key)).agency
    clock.time += timedelta(hours=1)
    with pytest.raises(Unauthenticated):
        await api_keys.authenticate(store, key)


async def test_a_revoked_key_dies_on_every_replica(database: Database, clock: Clock, store: KeyStore) -> None:
    """A key that another replica remembers is refused there as soon as the notification arrives; twice is as good."""
    key = await new_key(store)
    async with replica(database, clock) as other:
        await api_keys.authenticate(other, key.secret.reveal())
        await api_keys.revoke(store, key.key_id)
        with pytest.raises(Unauthenticated):
            await api_keys.authenticate(store, key.secret.reveal())
        async with asyncio.timeout(10):
            await until_forgotten(other, key.secret.reveal())
        with pytest.raises(Unauthenticated):
            await api_keys.authenticate(other, key.secret.reveal())
    await api_keys.revoke(store, key.key_id)


async def until_forgotten(store: KeyStore, key: str) -> None:
    """Wait until a replica remembers a key no longer."""
    digest = api_keys.digest_of(PEPPER, key).hex()
    while store.valid.get(digest) is not None:  # noqa: ASYNC110 - the notification comes over the listener's connection
        await asyncio.sleep(0.01)


async def test_revoking_what_is_not_there_says_so(store: KeyStore) -> None:
    """An unknown key id cannot be revoked."""
    with pytest.raises(ResourceNotFound):
        await api_keys.revoke(store, "k0")


async def test_a_remembered_key_needs_no_database(store: KeyStore, listener: Listener) -> None:
    """A key that was used once is known without a query, and so is one that was refused."""
    key = await notified_key(store, listener)
    await api_keys.authenticate(store, key)
    with pytest.raises(Unauthenticated):
        await api_keys.authenticate(store, "sg_" + "x" * 43)
    async with store.database.transaction() as tx:
        await tx.execute(text("DROP TABLE api_keys"))
    assert "A" == (await api_keys.authenticate(store, key)).agency
    with pytest.raises(Unauthenticated):
        await api_keys.authenticate(store, "sg_" + "x" * 43)


async def test_refused_keys_push_no_good_key_out(store: KeyStore, listener: Listener) -> None:
    """Unknown keys fill a separate cache, and evict no valid key."""
    key = await notified_key(store, listener)
    await api_keys.authenticate(store, key)
    for number in range(20):
        with pytest.raises(Unauthenticated):
            await api_keys.authenticate(store, f"{number:043d}")
    assert (1, 20) == (len(store.valid), len(store.refused))


async def test_a_key_is_nowhere_in_the_database(store: KeyStore) -> None:
    """The table holds neither the key nor a plain hash of it, and the answer's repr hides it."""
    key = await new_key(store)
    async with store.database.read() as tx:
        rows = (await tx.execute(text("SELECT * FROM api_keys"))).all()
    secret = key.secret.reveal()
    assert secret[:-4] not in repr(rows) + repr(key) + repr(store)
    assert api_keys.digest_of(PEPPER, secret) != api_keys.digest_of(b"other", secret)
    assert (True, 46) == (secret.startswith("sg_"), len(secret))


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("agency", {"agency": ""}),
        ("agency", {"agency": "a/b"}),
        ("locations", {"locations": []}),
        ("locations", {"locations": ["-"]}),
        ("scopes", {"scopes": []}),
        ("scopes", {"scopes": ["posts.everything"]}),
    ],
)
async def test_a_key_that_could_not_be_used_is_not_made(store: KeyStore, field: str, values: dict[str, Any]) -> None:
    """Unknown scopes, no locations and malformed ids are refused by field."""
    with pytest.raises(FieldInvalid) as caught:
        await new_key(store, **values)
    assert field == caught.value.violations[0].field


async def test_a_location_that_a_key_does_not_name_is_forbidden(store: KeyStore, clock: Clock) -> None:
    """Existing or not, a location outside the key's list is answered alike, before anything is looked for."""
    key = await new_key(store)
    async with gateway(store, clock) as (stub, _):
        error = await get(stub, bearer(key.secret.reveal()), "locations/l2/posts/p1")
    assert_error(error, grpc.StatusCode.PERMISSION_DENIED, "LOCATION_FORBIDDEN", location="locations/l2")


def caller(agency: str, *locations: str) -> Caller:
    """Return a caller of an agency, for some locations or for all."""
    return Caller(f"k-{agency}", agency, frozenset(locations) if locations else None, SCOPES)


async def test_a_location_belongs_to_whom_used_it_first(database: Database, clock: Clock) -> None:
    """The first change makes a location the agency's; from then on others are kept out, also those who name it."""
    owners = Owners(database, clock)
    await claimed(owners, caller("A"), "l1")
    await authorize(owners, caller("A", "l1"), "l1")
    for other in (caller("B"), caller("B", "l1")):
        for fresh in (owners, Owners(database, clock)):
            with pytest.raises(LocationForbidden):
                await claimed(fresh, other, "l1")
            with pytest.raises(LocationForbidden):
                await authorize(fresh, other, "l1")


async def test_reading_claims_nothing(database: Database, clock: Clock) -> None:
    """A location that nobody has cannot be read, as little as somebody else's, and trying to does not claim it."""
    owners = Owners(database, clock)
    for _ in range(2):
        with pytest.raises(LocationForbidden):
            await authorize(owners, caller("A"), "l1")
    await claimed(owners, caller("B"), "l1")
    with pytest.raises(LocationForbidden):
        await authorize(owners, caller("A"), "l1")
    await authorize(owners, caller("B"), "l1")


async def test_of_two_first_users_one_wins(database: Database, clock: Clock) -> None:
    """Ten agencies that use a location first at the same moment: exactly one gets it."""
    owners = Owners(database, clock)
    claims = [claimed(owners, caller(f"A{number}"), "l1") for number in range(10)]
    outcomes = await asyncio.gather(*claims, return_exceptions=True)
    assert 1 == outcomes.count(None)
    assert 9 == sum(isinstance(outcome, LocationForbidden) for outcome in outcomes)


async def test_a_claim_is_undone_with_its_transaction(database: Database, clock: Clock) -> None:
    """A claim is rolled back with its transaction."""
    owners = Owners(database, clock)
    with pytest.raises(KeyError):
        await _claim_and_fail(database, owners)
    await claimed(owners, caller("B"), "l1")


async def _claim_and_fail(database: Database, owners: Owners) -> None:
    async with database.transaction() as tx:
        await claim_location(tx, owners, caller("A"), "l1")
        raise KeyError


async def test_a_claim_within_a_transaction_keeps_others_out(database: Database, clock: Clock) -> None:
    """A location claimed within a transaction is the agency's once it is committed."""
    owners = Owners(database, clock)
    async with database.transaction() as tx:
        await claim_location(tx, owners, caller("A"), "l1")
    for other in (caller("B"), caller("B", "l2")):
        with pytest.raises(LocationForbidden):
            await claimed(owners, other, "l1")

"""Nobody administers what is not theirs: every method of the Admin API, with every key that is the wrong one.

Owns the sweep. The table of sound requests is `admin_requests.py`; a method without a row there fails.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import grpc
import psycopg
import pytest
from google.rpc import status_pb2

from gateway.domain import api_keys
from gateway.interceptors.scopes import ADMIN_SCOPES
from tests.fixtures.client import ADMIN_METHODS, METHODS
from tests.fixtures.settings import KEY
from tests.security.admin_requests import VALUES, Tenant, sound
from tests.security.recorded import RecordedGateway, opened
from tests.security.status_checks import RowCounts, reason_of, without_id

OPERATE = "admin.operate"
OF_AGENCY = sorted(name for name, method in ADMIN_METHODS.items() if ADMIN_SCOPES[method.path] != OPERATE)
"""The methods that an agency's administrator may call for his own."""
NOT_OPERATING = api_keys.SCOPES - {OPERATE}


@dataclass
class Land:
    """A gateway with the agency `acme`, which has a location and a key, and the agency `rival`."""

    recorded: RecordedGateway
    tenant: Tenant
    rows: RowCounts
    wrong: dict[str, str] = field(default_factory=dict)

    @property
    def absent(self) -> Tenant:
        """Ids of what is not there, as long as the others: a status has lengths in it."""
        return Tenant("none", "nope", "k" + "0" * 16)

    async def check(self, method: str, tenant: Tenant, key: str | None, *reasons: str) -> status_pb2.Status:
        """Call a method that must be refused for one of these reasons, and return the status."""
        request = sound(method, tenant)
        error = await self.recorded.refused(method, [request.SerializeToString()], key=key)
        if error is None:
            self.wrong[method] = "was answered"
            return status_pb2.Status()
        status = without_id(error)
        if reason_of(status) not in reasons:
            self.wrong.setdefault(method, f"{reason_of(status)} instead of {' or '.join(reasons)}")
        return status

    async def check_alike(self, method: str, key: str | None, *reasons: str) -> None:
        """Call a method for what is there and for what is not: the same refusal but for the name that was asked for."""
        there, absent = [await self.check(method, tenant, key, *reasons) for tenant in (self.tenant, self.absent)]
        if _renamed(there.SerializeToString(), self.tenant, self.absent) != absent.SerializeToString():
            self.wrong.setdefault(method, "tells what is there from what is not")

    def check_untouched(self, before: dict[str, int]) -> None:
        """Fail unless all methods were refused as they had to be, and no table has a row more or less."""
        assert {} == self.wrong
        assert before == self.rows.counts()


def _renamed(raw: bytes, old: Tenant, new: Tenant) -> bytes:
    """Return a status with other names in it."""
    for one, other in ((old.agency, new.agency), (old.location, new.location)):
        raw = raw.replace(f"/{one}".encode(), f"/{other}".encode())
    return raw


@pytest.fixture
async def land(database_url: str, tmp_path: Path) -> AsyncIterator[Land]:
    """Yield two agencies whose keys were used: every cache is warm."""
    async with opened(database_url, tmp_path) as recorded:
        made = await recorded.new_key("acme", locations=["shop"], scopes=["posts.read"])
        await recorded.key("rival")
        await recorded.call("AgencyService/ListAgencies")
        with psycopg.connect(database_url, autocommit=True) as database:
            yield Land(recorded, Tenant("acme", "shop", made.key_id), RowCounts(database))


def test_every_method_has_a_sound_request() -> None:
    """The sweep covers the whole Admin API: a new method needs a row."""
    assert set(ADMIN_METHODS) == set(VALUES)
    assert {method.path for method in ADMIN_METHODS.values()} == set(ADMIN_SCOPES)


async def test_nobody_is_let_in_without_a_key_that_is_valid_now(land: Land) -> None:
    """No key, a wrong one, an expired one and a revoked one are refused by every method, all alike."""
    expired = await land.recorded.key(expire_time=land.recorded.clock() + timedelta(hours=1))
    revoked = await land.recorded.new_key()
    for used in (expired, revoked.secret.reveal()):
        await land.recorded.call("AgencyService/ListAgencies", key=used)
    land.recorded.clock.advance(timedelta(hours=1))
    await api_keys.revoke(land.recorded.store, revoked.key_id)
    before = land.rows.counts()

    for method in ADMIN_METHODS:
        for key in (None, "sg_" + "A" * 43, KEY + "x", expired, revoked.secret.reveal()):
            await land.check_alike(method, key, "API_KEY_INVALID")

    land.check_untouched(before)


async def test_every_method_wants_its_scope(land: Land) -> None:
    """A key with every scope but the method's own is refused, for its own agency too, before anything is looked at."""
    keys = {
        (agency, scope): await land.recorded.key(agency, scopes=api_keys.SCOPES - {scope})
        for agency in ("acme", "rival")
        for scope in set(ADMIN_SCOPES.values())
    }
    before = land.rows.counts()

    for method, each in ADMIN_METHODS.items():
        for agency in ("acme", "rival"):
            await land.check_alike(method, keys[agency, ADMIN_SCOPES[each.path]], "SCOPE_MISSING")

    land.check_untouched(before)


async def test_another_agency_is_kept_out(land: Land) -> None:
    """An administrator of another agency, and one for some locations only, do not even learn that acme exists."""
    keys = [
        await land.recorded.key("rival", scopes=NOT_OPERATING),
        await land.recorded.key("rival", scopes=api_keys.SCOPES, locations=["stall"]),
    ]
    before = land.rows.counts()

    for method in OF_AGENCY:
        for key in keys:
            await land.check_alike(method, key, "AGENCY_FORBIDDEN", "LOCATION_FORBIDDEN")

    land.check_untouched(before)


async def test_a_key_for_some_locations_administers_nothing(land: Land) -> None:
    """With all scopes it could give itself the other locations: its own agency is refused to it, too."""
    key = await land.recorded.key("acme", scopes=api_keys.SCOPES, locations=["other"])
    before = land.rows.counts()

    for method in ADMIN_METHODS:
        await land.check_alike(method, key, "AGENCY_FORBIDDEN", "LOCATION_FORBIDDEN", "SCOPE_MISSING")

    land.check_untouched(before)


async def test_a_suspended_agency_administers_nothing(land: Land) -> None:
    """Its administrators are refused like all its keys, until it is resumed."""
    key = await land.recorded.key("acme", scopes=NOT_OPERATING)
    operator = await land.recorded.key("rival")
    await land.recorded.call("AgencyService/SuspendAgency", name="agencies/acme", key=operator)
    before = land.rows.counts()

    for method in OF_AGENCY:
        await land.check(method, land.tenant, key, "AGENCY_SUSPENDED")

    land.check_untouched(before)


async def test_neither_port_serves_the_methods_of_the_other(land: Land) -> None:
    """Callers cannot administer on their port, nor is anything published on the Admin API's, with whatever key."""
    metadata = (("authorization", f"Bearer {KEY}"),)
    pairs = [
        (ADMIN_METHODS["AgencyService/ListAgencies"], land.recorded.channel),
        (METHODS["ProviderService/ListProviders"], land.recorded.admin),
    ]
    for method, channel in pairs:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await method.send(channel, [b""], metadata)
        assert grpc.StatusCode.UNIMPLEMENTED == refused.value.code()

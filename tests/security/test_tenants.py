"""Nobody reaches what is not theirs: every method of the contract, with every key that is the wrong one.

Owns the sweep over keys. The table of sound requests is `requests.py`; a method without a row there fails.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from google.rpc import error_details_pb2, status_pb2
from psycopg import sql

from gateway.domain import api_keys
from gateway.interceptors.scopes import ANY_KEY, METHOD_SCOPES
from socialgateway.v1 import account_pb2, connection_pb2, post_pb2
from tests.rpc.answers import detail, status_of
from tests.security.requests import VALUES, Things, make, sound
from tests.security.scene import BOOTSTRAP_KEY, METHODS, Scene, opened

FOR_ANY_KEY = {name for name in METHODS if METHOD_SCOPES[f"/socialgateway.v1.{name}"] == ANY_KEY}
OWNED = sorted(METHODS.keys() - FOR_ANY_KEY)
"""The methods that belong to a location."""


@dataclass
class Land:
    """A scene in which the location l1 belongs to the agency `default` and holds one of each."""

    scene: Scene
    things: Things
    url: str
    wrong: dict[str, str] = field(default_factory=dict)

    async def refusal(self, method: str, request: Any, key: str | None) -> status_pb2.Status:
        """Call a method that must be refused, without a vendor call and without a trace in the database."""
        before = (len(self.scene.wire.requests), counts(self.url))
        error = await self.scene.refused(method, [request.SerializeToString()], key=key)
        if error is None:
            self.wrong[method] = "was answered"
        elif before != (len(self.scene.wire.requests), counts(self.url)):
            self.wrong[method] = "called the vendor, or wrote something"
        return without_id(error) if error is not None else status_pb2.Status()

    async def check(self, method: str, request: Any, key: str | None, reason: str) -> status_pb2.Status:
        """Call a method that must be refused for this reason."""
        status = await self.refusal(method, request, key)
        told = reason_of(status)
        if told != reason:
            self.wrong.setdefault(method, f"{told} instead of {reason}")
        return status

    async def check_both(self, method: str, key: str | None, reason: str) -> None:
        """Call a method for what is there and for what is not: the same refusal, letter by letter."""
        there = await self.check(method, sound(method, self.things), key, reason)
        absent = await self.check(method, sound(method, self.things.absent()), key, reason)
        if there != absent:
            self.wrong.setdefault(method, "tells what is there from what is not")


def without_id(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """Give the status of a refusal without the id of its call."""
    status = status_of(error)
    kept = [each for each in status.details if not each.Is(error_details_pb2.RequestInfo.DESCRIPTOR)]
    return status_pb2.Status(code=status.code, message=status.message, details=kept)


def reason_of(status: status_pb2.Status) -> str:
    """Give the reason of a status."""
    info = detail(status, error_details_pb2.ErrorInfo)
    return str(info.reason) if info is not None else ""


def counts(url: str) -> dict[str, int]:
    """Count the rows of every table of ours."""
    with psycopg.connect(url) as connection:
        names = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        query = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT {}, count(*) FROM {}").format(sql.Literal(name), sql.Identifier(name))
            for name in names
            if not name.startswith("procrastinate_worker")
        )
        return {str(name): int(count) for name, count in connection.execute(query)}


@pytest.fixture
async def land(database_url: str, tmp_path: Path) -> AsyncIterator[Land]:
    """Give a location that holds one of each, and whose owner has just read them all: every cache is warm."""
    async with opened(database_url, tmp_path) as scene:
        things = await make(scene, BOOTSTRAP_KEY)
        for method in OWNED:
            if "/Get" in method or "/List" in method:
                await scene.call(method, sound(method, things))
        yield Land(scene, things, database_url)


def test_every_method_has_a_sound_request() -> None:
    """The sweeps cover the whole contract: a new method needs a row."""
    assert set(METHODS) == set(VALUES)
    assert {f"/socialgateway.v1.{name}" for name in METHODS} == set(METHOD_SCOPES)


async def test_the_sound_requests_are_sound(land: Land) -> None:
    """With the owner's key no method refuses its request for who asks: the sweeps below refuse the key, not the rest."""
    refused = {}
    for method in sorted(METHODS, key=lambda name: ("Delete" in name, "Disconnect" in name, name)):
        if method == "PostService/WatchPost":
            continue
        error = await land.scene.refused(method, [sound(method, land.things).SerializeToString()])
        if error is not None:
            refused[method] = reason_of(without_id(error))

    # A made-up code is no code, a queued post cannot be retried, a complete upload takes no more bytes, one in use stays.
    expected = {
        "ConnectionService/CompleteConnection": "AUTHORIZATION_DENIED",
        "PostService/RetryPost": "STATE_FORBIDS",
        "UploadService/DeleteUpload": "STATE_FORBIDS",
        "UploadService/WriteUpload": "STATE_FORBIDS",
    }
    assert expected == refused


async def test_another_agency_is_kept_out(land: Land) -> None:
    """A key of another agency, for all its locations, learns nothing of l1: not even what is there."""
    key = await land.scene.key("rival")

    for method in OWNED:
        await land.check_both(method, key, foreign_reason(method))

    assert {} == land.wrong


async def test_another_location_of_the_same_agency_is_kept_out(land: Land) -> None:
    """A key for l2 alone learns nothing of l1, nor whether a third location exists."""
    key = await land.scene.key(locations=["l2"])

    for method in OWNED:
        await land.check_both(method, key, foreign_reason(method))
        if method != COMPLETE:
            await land.check(method, sound(method, land.things.moved("nowhere")), key, "LOCATION_FORBIDDEN")

    assert {} == land.wrong


COMPLETE = "ConnectionService/CompleteConnection"


def foreign_reason(method: str) -> str:
    """Give the reason for which a stranger is refused: a state says nothing of whose it is."""
    return "AUTHORIZATION_STATE_INVALID" if method == COMPLETE else "LOCATION_FORBIDDEN"


async def test_every_method_wants_its_scope(land: Land) -> None:
    """A key with every scope but the method's own is refused before anything is looked at."""
    for method in OWNED:
        scope = METHOD_SCOPES[METHODS[method].path]
        key = await land.scene.key(scopes=api_keys.SCOPES - {scope})
        await land.check_both(method, key, "SCOPE_MISSING")

    assert {} == land.wrong


GARBAGE = {
    "none": None,
    "empty": "",
    "short": "sg_short",
    "unknown": "sg_" + "A" * 43,
    "bootstrap with a tail": BOOTSTRAP_KEY + "x",
    "bootstrap cut": BOOTSTRAP_KEY[:-1],
    "bootstrap twice": f"{BOOTSTRAP_KEY} {BOOTSTRAP_KEY}",
    "bootstrap in upper case": BOOTSTRAP_KEY.upper(),
    "endless": "k" * 6000,
    "wildcards": "%" * 40,
    "quotes": "' OR 1=1; --" * 4,
}


async def test_nobody_is_let_in_without_a_key(land: Land) -> None:
    """No key, a wrong one and garbage are refused alike by every method, those for any key included."""
    for method in METHODS:
        told = [await land.check(method, sound(method, land.things), key, "API_KEY_INVALID") for key in GARBAGE.values()]
        if len({status.SerializeToString() for status in told[1:]} - {told[0].SerializeToString()}) > 2:
            land.wrong.setdefault(method, "tells one wrong key from another")

    assert {} == land.wrong


async def test_a_key_is_worth_nothing_after_its_time(land: Land) -> None:
    """An expired key and a revoked one, both used before, are refused by every method."""
    expired = await land.scene.key(expire_time=land.scene.clock() + timedelta(hours=1))
    revoked = await land.scene.key()
    for key in (expired, revoked):
        await land.scene.call("ConnectionService/GetConnection", sound("ConnectionService/GetConnection", land.things), key=key)
    land.scene.clock.ahead += timedelta(hours=1)
    await api_keys.revoke(land.scene.store, key_id_of(land.url, revoked))

    for method in METHODS:
        for key in (expired, revoked):
            await land.check_both(method, key, "API_KEY_INVALID")

    assert {} == land.wrong

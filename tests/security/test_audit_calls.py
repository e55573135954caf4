"""Who did what is on record: every method that changes something leaves one row in the audit log, however it ends.

Owns the sweep over the contract, so that no new method can be forgotten, and that rows hold no secret and no text. The
sound requests are in `requests.py` and `admin_requests.py`; the chain of the rows is tests/storage/test_audit.py.
"""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from psycopg.rows import dict_row

from gateway.domain import api_keys
from gateway.interceptors.scopes import METHOD_SCOPES, changes_something
from storage.states import AuditOutcome
from tests.fixtures.app import base_of
from tests.fixtures.client import ADMIN_METHODS, ALL_METHODS, METHODS
from tests.fixtures.settings import KEY
from tests.fixtures.waiting import until
from tests.rpc.answers import facts_of
from tests.security import admin_requests
from tests.security.admin_requests import Tenant
from tests.security.recorded import RecordedGateway, opened
from tests.security.requests import Things, make, sound
from tests.security.status_checks import reason_of, without_id

CHANGING = sorted(name for name, method in METHODS.items() if changes_something(method.path))
READING = sorted(set(METHODS) - set(CHANGING))
FOREIGN = "ConnectionService/CompleteConnection"
"""The method whose request names no location that could be foreign."""

AFTER_COMMIT = {FOREIGN, "CampaignService/CreateCampaign"}
"""Methods whose sound request the vendor refuses after something was committed."""

WITHOUT_EFFECT = {"PostService/RefreshPost", "WebhookEndpointService/TestWebhookEndpoint"}
"""Methods that succeed without a change of their own: what the vendor says may change the post, a test is sent."""

ADMINISTERING = (
    "AgencyService/CreateAgency",
    "ApiKeyService/CreateApiKey",
    "ApiKeyService/UpdateApiKey",
    "ApiKeyService/RotateApiKey",
    "ApiKeyService/RevokeApiKey",
    "FailedJobService/RetryFailedJob",
    "FailedJobService/DropFailedJob",
    "EncryptionKeyService/RotateEncryptionKey",
    "AgencyService/SuspendAgency",
    "AgencyService/ResumeAgency",
    "LocationService/MoveLocation",
    "LocationService/DeleteLocation",
    "AgencyService/DeleteAgency",
)
"""The changing methods of the Admin API, in an order in which each has something to change."""

FAILED_JOB = """
    INSERT INTO webhooks (provider, dedupe_key, id, event, subject, body_sealed, receive_time, due_at, tries, outcome)
    VALUES ('tiktok', 'f1', 'f1', '', '', '', now(), now() + interval '1 day', 3, '')
"""
NEW = {"AgencyService/CreateAgency", "LocationService/MoveLocation"}
"""Methods that want an agency, or a location, that is not there yet."""


@dataclass
class Log:
    """A gateway with one of each resource, and the rows that its calls leave."""

    recorded: RecordedGateway
    things: Things
    database: psycopg.Connection[Any]
    seen: set[int] = field(default_factory=set)

    def rows(self, *methods: str) -> list[dict[str, Any]]:
        """Return the new rows of these methods, in the order in which they were written."""
        paths = [ALL_METHODS[method].path for method in methods]
        with self.database.cursor(row_factory=dict_row) as cursor:
            query = "SELECT * FROM audit_unsealed WHERE method = ANY(%s) ORDER BY id"
            return [row for row in cursor.execute(query, (paths,)).fetchall() if row["id"] not in self.seen]

    def forget(self) -> None:
        """Let the rows that are there now be none of the new ones."""
        self.seen |= {row["id"] for row in self.rows(*METHODS)}

    async def waited(self, count: int, *methods: str) -> list[dict[str, Any]]:
        """Return the new rows of these methods once there are so many: what was refused is written soon after."""

        async def arrived() -> bool:
            return len(self.rows(*methods)) >= count

        await until(arrived, 30)
        return self.rows(*methods)


@pytest.fixture
async def log(database_url: str, tmp_path: Path) -> AsyncIterator[Log]:
    """Yield a gateway whose location l1 has one of each resource; without jobs, so that no row is sealed."""
    async with opened(database_url, tmp_path) as recorded:
        things = await make(recorded, KEY)
        with psycopg.connect(database_url, autocommit=True) as database:
            log = Log(recorded, things, database)
            log.forget()
            yield log


async def test_every_change_leaves_one_row(log: Log) -> None:
    """Each changing method that succeeds leaves one row, committed with its change; reads leave none."""
    failed, requests = {}, {}
    for method in sorted(METHODS, key=lambda name: ("Delete" in name, "Disconnect" in name, name)):
        if method != "PostService/WatchPost":
            requests[method] = sound(method, log.things)
            error = await log.recorded.refused(method, [requests[method].SerializeToString()])
            if error is not None:
                failed[method] = f"{error.code().name}/{reason_of(without_id(error))}"

    rows = await log.waited(len(CHANGING) + len(AFTER_COMMIT), *METHODS)
    begun = {row["method"] for row in rows if row["outcome"] == AuditOutcome.COMMITTED}
    ends = Counter(row["method"] for row in rows if row["outcome"] != AuditOutcome.COMMITTED)
    assert [] == log.rows(*READING)
    for method in CHANGING:
        path = METHODS[method].path
        found = [row for row in rows if row["method"] == path]
        if method not in failed:
            outcome = AuditOutcome.ANSWERED if method in WITHOUT_EFFECT else AuditOutcome.COMMITTED
            assert [(outcome, "")] == [(row["outcome"], row["reason"]) for row in found], method
        else:
            # One for what was committed before the error, if anything was, and one for the error.
            assert (path in begun) + 1 == len(found), method
            assert (1, failed[method]) == (ends[path], found[-1]["reason"]), method
        assert {("bootstrap", "default")} == {(row["actor"], row["agency"]) for row in found}, method
        assert all(row["peer"] and row["request_id"] for row in found), method
        assert all(row["resource"].startswith("locations/l1") for row in found), (method, found)
    # The vendor refuses these two after what they announced was committed: a used state, an operation.
    assert AFTER_COMMIT == {method for method in CHANGING if METHODS[method].path in begun and method in failed}


async def _administer(log: Log, method: str, request: Any) -> None:
    """Call a method that must succeed, with a confirmation if it wants one."""
    # What was tried again has failed again.
    log.database.execute("UPDATE webhooks SET tries = 3, agency = 'acme'")
    error = await log.recorded.refused(method, [request.SerializeToString()])
    if error is not None:
        assert "CONFIRMATION_REQUIRED" == facts_of(error)["reason"], method
        request.confirmation = facts_of(error)["confirmation"]
        await log.recorded.call(method, request)


async def test_every_change_by_an_administrator_leaves_one_row(log: Log) -> None:
    """Each changing method of the Admin API leaves one row, committed with its change."""
    assert sorted(ADMINISTERING) == sorted(name for name, each in ADMIN_METHODS.items() if changes_something(each.path))
    made = await log.recorded.new_key("acme", locations=["shop"], scopes=["posts.read"])
    there, new = Tenant("acme", "shop", made.key_id), Tenant("fresh", "free", "")
    log.database.execute(FAILED_JOB)

    for method in ADMINISTERING:
        await _administer(log, method, admin_requests.sound(method, new if method in NEW else there))

    for method in ADMINISTERING:
        rows = [row for row in log.rows(method) if row["outcome"] == AuditOutcome.COMMITTED]
        assert [("bootstrap", "default")] == [(row["actor"], row["agency"]) for row in rows], method
        assert all(row["resource"] or row["result_id"] == "fresh" for row in rows), method
    reading = sorted(set(ADMIN_METHODS) - set(ADMINISTERING))
    assert [] == log.rows(*reading)


async def test_a_suspended_agency_is_on_record(log: Log) -> None:
    """Its calls are refused, and the rows say whose key it was."""
    made = await log.recorded.new_key("acme")
    await log.recorded.call("AgencyService/SuspendAgency", name="agencies/acme")
    body = sound("PostService/CancelPost", log.things).SerializeToString()
    await log.recorded.refused("PostService/CancelPost", [body], key=made.secret.reveal())
    [row] = await log.waited(1, "PostService/CancelPost")
    assert (made.key_id, "acme", AuditOutcome.REFUSED) == (row["actor"], row["agency"], row["outcome"])
    assert row["reason"].endswith("/AGENCY_SUSPENDED")


async def test_every_refusal_leaves_one_row(log: Log) -> None:
    """Without a key, without the scope and of a foreign location: one row each, with the reason."""
    foreign = await log.recorded.new_key("rival")
    scopes = {METHOD_SCOPES[METHODS[method].path] for method in CHANGING}
    less = {scope: await log.recorded.new_key(scopes=api_keys.SCOPES - {scope}) for scope in scopes}
    for method in CHANGING:
        without = less[METHOD_SCOPES[METHODS[method].path]]
        for key in (None, without.secret.reveal(), foreign.secret.reveal()):
            await log.recorded.refused(method, [sound(method, log.things).SerializeToString()], key=key)

    rows = await log.waited(3 * len(CHANGING), *CHANGING)
    assert {AuditOutcome.REFUSED} == {row["outcome"] for row in rows}
    for method in CHANGING:
        path = METHODS[method].path
        without = less[METHOD_SCOPES[path]]
        last = "INVALID_ARGUMENT/AUTHORIZATION_STATE_INVALID" if method == FOREIGN else None
        assert [
            ("", "", "UNAUTHENTICATED/API_KEY_INVALID"),
            (without.key_id, "default", "PERMISSION_DENIED/SCOPE_MISSING"),
            (foreign.key_id, "rival", last or "PERMISSION_DENIED/LOCATION_FORBIDDEN"),
        ] == [(row["actor"], row["agency"], row["reason"]) for row in rows if row["method"] == path], method


async def test_a_repeated_request_is_on_record_as_such(log: Log) -> None:
    """The same `request_id` once more changes nothing, and says so."""
    request = sound("UploadService/CreateUpload", log.things)
    request.request_id = "5f0c7c4e-6a0e-4b8c-9f57-0c3a1a4b2d10"
    for _ in range(2):
        made = await log.recorded.call("UploadService/CreateUpload", request)
    rows = await log.waited(2, "UploadService/CreateUpload")
    upload = made.name.rpartition("/")[2]
    assert [("COMMITTED", upload), ("ANSWERED", "")] == [(row["outcome"], row["result_id"]) for row in rows]


async def test_every_use_of_a_token_is_on_record(log: Log) -> None:
    """Each call to the vendor with a token has a row, committed before it: whose token, for whom, in which call."""
    name = log.things.name("connections", log.things.connection)
    before = len(log.recorded.wire.requests)
    query = "SELECT method, actor, agency, resource, request_id FROM audit_unsealed WHERE outcome = 'ANNOUNCED'"
    announced: list[int] = []

    def count(request: Any) -> None:
        announced.append(len(log.database.execute(query).fetchall()))

    known = len(log.database.execute(query).fetchall())
    with log.recorded.answering(count):
        await log.recorded.call("ConnectionService/VerifyConnection", name=name)
    assert len(log.recorded.wire.requests) - before == len(announced)
    assert [known + each for each in range(1, len(announced) + 1)] == announced
    [call] = log.rows("ConnectionService/VerifyConnection")
    uses = log.database.execute(query).fetchall()[known:]
    assert {"tiktok:user_info", "tiktok:video_list"} <= {use[0] for use in uses}
    assert {("bootstrap", "default", name, call["request_id"])} == {use[1:] for use in uses}


async def test_a_revocation_is_on_record_before_it_is_sent(log: Log) -> None:
    """The vendor gets the token only when a row says so."""
    name = log.things.name("connections", log.things.connection)
    query = "SELECT actor, agency, resource FROM audit_unsealed WHERE method = 'tiktok:revoke'"
    announced: list[Any] = []

    def look(request: Any) -> None:
        if "revoke" in request.url.path:
            announced.extend(log.database.execute(query).fetchall())

    with log.recorded.answering(look):
        await log.recorded.call("ConnectionService/DisconnectConnection", name=name)
    assert [("bootstrap", "default", name)] == announced == log.database.execute(query).fetchall()


async def test_rows_hold_no_secret_and_no_text(log: Log) -> None:
    """What a caller sends in the wrong place, a key as a name or a caption as an id, is not written down."""
    secrets = (
        "sg_" + "A" * 43,
        "act.canary0123456789abcdef",
        "canary caption with words",
        "https://x.example/?token=1",
    )
    for each in secrets:
        for method in ("PostService/CancelPost", "PostService/DeletePost", "UploadService/DeleteUpload"):
            request = METHODS[method].request(name=f"locations/l1/posts/{each}")
            await log.recorded.refused(method, [request.SerializeToString()])
        metadata = (("authorization", f"Bearer {KEY}"), ("x-request-id", each))
        body = METHODS["PostService/CancelPost"].request(name=each).SerializeToString()
        with pytest.raises(grpc.aio.AioRpcError):
            await METHODS["PostService/CancelPost"].send(log.recorded.channel, [body], metadata)
    await log.waited(4 * len(secrets), "PostService/CancelPost", "PostService/DeletePost", "UploadService/DeleteUpload")
    [whole] = log.database.execute("SELECT string_agg(u::text, ' ') FROM audit_unsealed AS u").fetchall()
    assert [] == [each for each in (*secrets, KEY, "canary") if each in whole[0]]


async def test_a_flood_without_keys_is_counted_and_not_stored(log: Log) -> None:
    """Who has no key cannot fill the log: beyond some rows a second there is one that says how many more."""
    body = sound("PostService/CancelPost", log.things).SerializeToString()
    for _ in range(400):
        await log.recorded.refused("PostService/CancelPost", [body], key=None)

    async def counted() -> bool:
        query = "SELECT reason FROM audit_unsealed WHERE method = 'audit:overflow'"
        left_out = sum(int(reason.split()[0]) for (reason,) in log.database.execute(query).fetchall())
        return 400 == left_out + len(log.rows("PostService/CancelPost"))

    await until(counted, 30)


async def test_a_call_as_json_is_on_record_alike(log: Log) -> None:
    """Over HTTP the same method leaves the same row, with the client's address, and a refused one its reason."""
    url = f"{base_of(log.recorded.gateway)}/v1/locations/l1/uploads"
    body = {"mimeType": "video/mp4", "sizeBytes": "5"}
    for key, status in ((KEY, 200), ("sg_" + "A" * 43, 401)):
        answer = await log.recorded.network.post(url, json=body, headers={"authorization": f"Bearer {key}"})
        assert status == answer.status_code
    made, refused = await log.waited(2, "UploadService/CreateUpload")
    assert ("COMMITTED", "bootstrap", "locations/l1") == (made["outcome"], made["actor"], made["resource"])
    assert ("REFUSED", "UNAUTHENTICATED/API_KEY_INVALID") == (refused["outcome"], refused["reason"])
    assert made["peer"].startswith("http:127.0.0.1:")

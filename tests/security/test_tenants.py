"""Nobody reaches what is not theirs: every method of the contract, with every key that is the wrong one.

Owns the sweep over keys. The table of sound requests is `requests.py`; a method without a row there fails.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from google.rpc import status_pb2
from sqlalchemy import text

from gateway.caller import CLAIM_SCOPE
from gateway.domain import api_keys, locations
from gateway.errors import StateForbids
from gateway.interceptors.scopes import ANY_KEY, METHOD_SCOPES
from storage import location_contents, schema
from tests.fixtures.client import METHODS
from tests.fixtures.settings import KEY
from tests.security.recorded import RecordedGateway, opened
from tests.security.requests import VALUES, Things, make, sound
from tests.security.status_checks import RowCounts, reason_of, without_id

FOR_ANY_KEY = {name for name in METHODS if METHOD_SCOPES[METHODS[name].path] == ANY_KEY}
OWNED = sorted(METHODS.keys() - FOR_ANY_KEY)
"""The methods that belong to a location."""
NETWORKS = {
    "AccountService/DeleteAccount",
    "ConnectionService/AttachAccount",
    "ConnectionService/ListAttachableAccounts",
    "ConnectionService/StartAccountAuthorization",
}
"""The methods for grants of several accounts, which TikTok's are not."""

UNABLE = {
    "EngagementService/CreateComment",
    "EngagementService/HideComment",
    "EngagementService/LikeComment",
    "EngagementService/ListComments",
    "EngagementService/QueryMetrics",
    "EngagementService/UnhideComment",
    "EngagementService/UnlikeComment",
    "PlannerService/ListCategories",
    "PlannerService/ListTags",
}
"""Methods that TikTok, to which the location is connected, does not support."""


UNADVERTISED = {
    "AdAccountService/ListAdIdentities",
    "AdReportService/QueryAdMetrics",
    "CampaignService/CreateCampaign",
}
"""Methods that call the vendor for ads, which a user's grant does not reach."""

UNMADE = {
    *(
        f"{noun}Service/{verb}{noun}"
        for noun in ("Campaign", "AdGroup", "Ad")
        for verb in ("Launch", "Pause", "Update")
    ),
    "AdGroupService/CreateAdGroup",
    "AdService/CreateAd",
}
"""Methods for what the vendor has, where the location's campaign, ad group and ad could not be created."""


@dataclass
class Land:
    """A gateway in which the location l1 belongs to the agency `default` and has one of each resource."""

    recorded: RecordedGateway
    things: Things
    row_counts: RowCounts
    wrong: dict[str, str] = field(default_factory=dict)

    async def refusal(self, method: str, request: Any, key: str | None) -> status_pb2.Status:
        """Call a method that must be refused, without a vendor call, and return the status without the call's id."""
        before = len(self.recorded.wire.requests)
        error = await self.recorded.refused(method, [request.SerializeToString()], key=key)
        if error is None:
            self.wrong[method] = "was answered"
        elif before != len(self.recorded.wire.requests):
            self.wrong[method] = "called the vendor"
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


@contextmanager
def untouched(land: Land) -> Iterator[None]:
    """Fail unless every method was refused in the block as it had to be, and no table has a row more or less."""
    before = land.row_counts.counts()
    yield
    assert {} == land.wrong
    # Attempts to claim a location are counted for the agency that makes them.
    assert {**before, "agencies": 0} == {**land.row_counts.counts(), "agencies": 0}


@pytest.fixture
async def land(database_url: str, tmp_path: Path) -> AsyncIterator[Land]:
    """Yield a location that holds one of each, and whose owner has just read them all: every cache is warm."""
    async with settled(database_url, tmp_path) as made:
        yield made


@asynccontextmanager
async def settled(database_url: str, tmp_path: Path, **values: Any) -> AsyncIterator[Land]:
    """Open a gateway with a location that holds one of each; `values` are settings."""
    async with opened(database_url, tmp_path, **values) as recorded:
        things = await make(recorded, KEY)
        for method in sorted({*OWNED} - NETWORKS - UNABLE - UNADVERTISED):
            if "/Get" in method or "/List" in method:
                await recorded.call(method, sound(method, things))
        with psycopg.connect(database_url, autocommit=True) as database:
            yield Land(recorded, things, RowCounts(database))


def test_every_method_has_a_sound_request() -> None:
    """The sweeps cover the whole contract: a new method needs a row."""
    assert set(METHODS) == set(VALUES)
    assert {method.path for method in METHODS.values()} == set(METHOD_SCOPES)


async def test_the_sound_requests_are_sound(land: Land) -> None:
    """With the owner's key no request is refused for who asks: the sweeps below refuse the key, not the rest."""
    refused = {}
    for method in sorted(METHODS, key=lambda name: ("Delete" in name, "Disconnect" in name, name)):
        if method == "PostService/WatchPost":
            continue
        error = await land.recorded.refused(method, [sound(method, land.things).SerializeToString()])
        if error is not None:
            refused[method] = reason_of(without_id(error))

    # An ad goes with its ad group, a grant of TikTok's is one account, a made-up code is no code and a made-up cursor
    # no cursor, a queued post cannot be retried, one that was called back not changed, a complete upload takes no more
    # bytes, what a post needs stays, a video is no file of posts, an import that failed cannot be finalized, a post
    # that is not out has no figures, a report that failed has no rows, an audience that
    # the vendor does not have has nobody to remove, and after a disconnect, which comes first, no
    # comment can be deleted.
    expected = {
        **dict.fromkeys(NETWORKS | UNABLE, "CAPABILITY_MISSING"),
        **dict.fromkeys(UNADVERTISED, "SCOPE_NOT_GRANTED"),
        **dict.fromkeys(UNMADE, "STATE_FORBIDS"),
        "EventService/StreamEvents": "CURSOR_INVALID",
        "EngagementService/DeleteComment": "REAUTHORIZATION_REQUIRED",
        "PlannerService/CreatePostImport": "MEDIA_INVALID",
        "PlannerService/FinalizePostImport": "STATE_FORBIDS",
        "AdService/DeleteAd": "RESOURCE_NOT_FOUND",
        "AdReportService/StreamAdReport": "STATE_FORBIDS",
        "AudienceService/RemoveAudienceMembers": "STATE_FORBIDS",
        "ConnectionService/CompleteConnection": "AUTHORIZATION_DENIED",
        "EngagementService/QueryPostMetrics": "STATE_FORBIDS",
        "ConnectionService/DeleteConnection": "STATE_FORBIDS",
        "PostService/RetryPost": "STATE_FORBIDS",
        "PostService/UpdatePost": "STATE_FORBIDS",
        "UploadService/DeleteUpload": "STATE_FORBIDS",
        "UploadService/WriteUpload": "STATE_FORBIDS",
    }
    assert expected == refused


COMPLETE = "ConnectionService/CompleteConnection"
WRONG_KEYS = {
    "short": "sg_short",
    "unknown": "sg_" + "A" * 43,
    "bootstrap with a tail": KEY + "x",
    "bootstrap cut": KEY[:-1],
    "bootstrap twice": f"{KEY} {KEY}",
    "bootstrap in upper case": KEY.upper(),
    "endless": "k" * 6000,
    "quotes": "' OR 1=1; --" * 4,
}


def foreign_reason(method: str) -> str:
    """Return the reason for which a stranger is refused: a state says nothing of whose it is."""
    return "AUTHORIZATION_STATE_INVALID" if method == COMPLETE else "LOCATION_FORBIDDEN"


async def test_another_agency_is_kept_out(land: Land) -> None:
    """A key of another agency, for all its locations, learns nothing of l1: not even what is there."""
    key = await land.recorded.key("rival")

    with untouched(land):
        for method in OWNED:
            await land.check_both(method, key, foreign_reason(method))


CLAIMING = {"ConnectionService/CreateConnection", "UploadService/CreateUpload"}
"""The methods with which a location without an owner is claimed."""


async def test_a_free_location_cannot_be_told_from_another_agency_s(land: Land) -> None:
    """Every method refuses both letter by letter alike; with the scope for claiming all do but the two that claim."""
    without = api_keys.SCOPES - {CLAIM_SCOPE}
    keys = {True: await land.recorded.key("rival"), False: await land.recorded.key("rival", scopes=without)}

    with untouched(land):
        for claims, key in keys.items():
            for method in OWNED:
                if claims and method in CLAIMING:
                    continue
                taken = await land.check(method, sound(method, land.things), key, foreign_reason(method))
                free = await land.check(method, sound(method, land.things.moved("l9")), key, foreign_reason(method))
                if taken.SerializeToString() != free.SerializeToString().replace(b"locations/l9", b"locations/l1"):
                    land.wrong.setdefault(method, "tells a free location from a taken one")


async def test_a_request_that_is_wrong_says_nothing_about_its_location(land: Land) -> None:
    """With the scope for claiming, what is wrong with a request is said first, alike for both, and nothing counted."""
    key = await land.recorded.key("rival")
    answers = []
    with untouched(land):
        for location in ("l1", "l9"):
            things = land.things.moved(location)
            connection = sound("ConnectionService/CreateConnection", things)
            connection.return_uri = "https://evil.example/"
            upload = sound("UploadService/CreateUpload", things)
            upload.upload.mime_type = "text/html"
            answers.append(
                [
                    await land.refusal("ConnectionService/CreateConnection", connection, key),
                    await land.refusal("UploadService/CreateUpload", upload, key),
                ]
            )

    assert answers[0] == answers[1]


async def test_nothing_of_a_former_owner_stays(land: Land) -> None:
    """A location that had one of each is empty for its next owner: no table has a row of it but those that must."""
    database = land.recorded.gateway.domain.db
    async with database.transaction() as tx:
        with pytest.raises(StateForbids):
            await locations.assign(tx, "l1", "rival", land.recorded.clock(), former="default", discard=True)
        await tx.execute(text("UPDATE posts SET state = 'PUBLISHED'"))
        with pytest.raises(StateForbids):
            await locations.assign(tx, "l1", "rival", land.recorded.clock(), former="default")
        gone = await locations.assign(tx, "l1", "rival", land.recorded.clock(), former="default", discard=True)

    async with database.read() as tx:
        found = {
            name: (await tx.execute(text(f"SELECT count(*) FROM {name} WHERE location = 'l1'"))).scalar_one()
            for name, table in schema.metadata().tables.items()
            if "location" in table.c
        }
        left = (await tx.execute(text("SELECT upload_bytes FROM agencies WHERE agency = 'default'"))).scalar_one()
    assert location_contents.KEPT == {name for name, count in found.items() if count}
    assert {"accounts", "connections", "events", "imports", "posts", "tokens", "uploads"} <= gone.keys()
    assert 0 == left
    for method in OWNED:
        if "/Get" in method or "/List" in method:
            assert await land.recorded.refused(method, [sound(method, land.things).SerializeToString()]), method


async def test_another_location_of_the_same_agency_is_kept_out(land: Land) -> None:
    """A key for l2 alone learns nothing of l1, nor whether a third location exists."""
    key = await land.recorded.key(locations=["l2"])

    with untouched(land):
        for method in OWNED:
            await land.check_both(method, key, foreign_reason(method))
            if method != COMPLETE:
                await land.check(method, sound(method, land.things.moved("nowhere")), key, "LOCATION_FORBIDDEN")


async def test_every_method_wants_its_scope(land: Land) -> None:
    """A key with every scope but the method's own is refused before anything is looked at."""
    scopes = {METHOD_SCOPES[METHODS[method].path] for method in OWNED}
    keys = {scope: await land.recorded.key(scopes=api_keys.SCOPES - {scope}) for scope in scopes}

    with untouched(land):
        for method in OWNED:
            await land.check_both(method, keys[METHOD_SCOPES[METHODS[method].path]], "SCOPE_MISSING")


async def test_nobody_is_let_in_without_a_key(land: Land) -> None:
    """No key, a wrong one and garbage are refused by every method, those for any key included; all wrong ones alike."""
    with untouched(land):
        for method in METHODS:
            request = sound(method, land.things)
            for key in (None, ""):
                await land.check(method, request, key, "API_KEY_INVALID")
            told = [await land.check(method, request, key, "API_KEY_INVALID") for key in WRONG_KEYS.values()]
            if any(each != told[0] for each in told):
                land.wrong.setdefault(method, "tells one wrong key from another")


async def test_a_key_is_worth_nothing_after_its_time(land: Land) -> None:
    """An expired key and a revoked one, both used before, are refused by every method."""
    expired = await land.recorded.key(expire_time=land.recorded.clock() + timedelta(hours=1))
    revoked = await land.recorded.new_key()
    keys = (expired, revoked.secret.reveal())
    for key in keys:
        await land.recorded.call("ProviderService/ListProviders", key=key)
    land.recorded.clock.advance(timedelta(hours=1))
    await api_keys.revoke(land.recorded.store, revoked.key_id)

    with untouched(land):
        for method in METHODS:
            for key in keys:
                await land.check_both(method, key, "API_KEY_INVALID")


async def test_lists_over_all_locations_end_at_the_keys_own(land: Land) -> None:
    """`locations/-` gives a key what is in its own locations, and a rival nothing."""
    rival, elsewhere, here = (
        await land.recorded.key("rival"),
        await land.recorded.key(locations=["l2"]),
        await land.recorded.key(locations=["l1", "l2"]),
    )

    keys = {"rival": rival, "elsewhere": elsewhere, "here": here}
    for method, items in {"ConnectionService/ListConnections": "connections", "PostService/ListPosts": "posts"}.items():
        answers = {name: await land.recorded.call(method, parent="locations/-", key=key) for name, key in keys.items()}
        assert {"rival": 0, "elsewhere": 0, "here": 1} == {
            name: len(getattr(answer, items)) for name, answer in answers.items()
        }


async def test_a_body_cannot_reach_into_another_location(land: Land) -> None:
    """The location in a request's own name is what counts: names of another location in its body are refused."""
    await land.recorded.key("rival", locations=["l2"])
    key = await land.recorded.key("rival")
    mine = sound("PostService/CreatePost", land.things.moved("l2"))
    foreign_account, foreign_upload, foreign_filter = (
        sound("PostService/CreatePost", land.things.moved("l2")),
        sound("PostService/CreatePost", land.things.moved("l2")),
        METHODS["PostService/ListPosts"].request(
            parent="locations/l2", account=land.things.name("accounts", land.things.account)
        ),
    )
    foreign_account.post.account = land.things.name("accounts", land.things.account)
    foreign_upload.post.video.source.upload = land.things.name("uploads", land.things.upload)
    before = len(land.recorded.wire.requests)

    reasons = [
        reason_of(await land.refusal("PostService/CreatePost", request, key))
        for request in (mine, foreign_account, foreign_upload)
    ]
    listed = await land.recorded.refused("PostService/ListPosts", [foreign_filter.SerializeToString()], key=key)

    assert ["RESOURCE_NOT_FOUND", "FIELD_INVALID", "FIELD_INVALID"] == reasons
    assert listed is None or "FIELD_INVALID" == reason_of(without_id(listed))
    assert before == len(land.recorded.wire.requests)


async def test_a_page_token_of_another_tenant_is_worth_nothing(land: Land) -> None:
    """A token of a list over `-` goes on in the caller's own locations, whoever it was made for."""
    await land.recorded.call("PostService/CreatePost", sound("PostService/CreatePost", land.things))
    first = await land.recorded.call("PostService/ListPosts", parent="locations/-", page_size=1)
    rival = await land.recorded.key("rival")

    answer = await land.recorded.call(
        "PostService/ListPosts", parent="locations/-", page_size=1, page_token=first.next_page_token, key=rival
    )

    assert first.next_page_token
    assert [] == list(answer.posts)


async def test_a_refused_call_does_not_take_the_location(land: Land) -> None:
    """A refused call does not claim a location without an owner."""
    key = await land.recorded.key("rival")
    things = land.things.moved("unowned")
    spoiled: dict[str, Any] = {method: sound(method, things) for method in OWNED if "/List" not in method}
    spoiled["ConnectionService/CreateConnection"].return_uri = "https://evil.example/"
    spoiled["UploadService/CreateUpload"].upload.mime_type = "text/html"
    del spoiled[COMPLETE]  # its state names the location

    with untouched(land):
        for method, request in spoiled.items():
            assert "" != reason_of(await land.refusal(method, request, key)), method

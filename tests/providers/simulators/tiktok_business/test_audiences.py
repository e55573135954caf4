"""Custom audiences as an advertiser's token uploads, creates and changes them; one test per rule of the vendor's."""

import hashlib
from typing import Any

import pytest

from providers.simulators.tiktok_business.marketing.advertisers import AdvertiserGrant
from tests.providers.simulators.tiktok_business.conftest import BASE, World, simulated

ADVERTISER, TOKEN = "7100000000000000001", "advertiser-token"
PATH = "/dmp/custom_audience"


def granted(world: World) -> None:
    """Let the token reach one ad account."""
    grant = AdvertiserGrant(core_user_id="1", advertiser_ids=(ADVERTISER,))
    world.vendor.marketing.grants.tokens[TOKEN] = grant


def rows(first: int, count: int, header: str = "Email_SHA256,Phone_SHA256") -> bytes:
    """Return a file with a number of members."""
    lines = (f"{hashlib.sha256(str(number).encode()).hexdigest()}," for number in range(first, first + count))
    return "\n".join([header, *lines]).encode()


@pytest.fixture
def audiences(world: World) -> World:
    """Return the simulator with the grant of an advertiser."""
    granted(world)
    return world


async def upload(world: World, content: bytes, **changes: Any) -> dict[str, Any]:
    """Upload a file; return the envelope."""
    name = changes.pop("name", "members.csv")
    signature = hashlib.md5(content, usedforsecurity=False).hexdigest()
    usual = {"advertiser_id": ADVERTISER, "file_signature": signature, "calculate_type": "MULTIPLE_TYPES"}
    answer = await world.http.post(
        f"{BASE}{PATH}/file/upload/",
        headers={"Access-Token": TOKEN},
        data={**usual, **changes},
        files={"file": (name, content, "text/csv")},
    )
    found: dict[str, Any] = answer.json()
    return found


async def path_of(world: World, content: bytes) -> str:
    """Upload a file; return its path."""
    return str((await upload(world, content))["data"]["file_path"])


async def post(world: World, call: str, **body: Any) -> dict[str, Any]:
    """Make a write."""
    return await world.post(f"{PATH}/{call}/", token=TOKEN, advertiser_id=ADVERTISER, **body)


async def create(world: World, *paths: str, **changes: Any) -> dict[str, Any]:
    """Make an audience; return the envelope."""
    usual = {"custom_audience_name": "VIPs", "file_paths": list(paths), "calculate_type": "MULTIPLE_TYPES"}
    return await post(world, "create", **{**usual, **changes})


async def made(world: World, count: int = 1_000) -> str:
    """Make an audience of so many members; return its id."""
    return str((await create(world, await path_of(world, rows(0, count))))["data"]["custom_audience_id"])


async def shown(world: World, id: str) -> dict[str, Any]:
    """Return an audience with its history."""
    answer = await world.get(f"{PATH}/get/", token=TOKEN, advertiser_id=ADVERTISER, custom_audience_ids=[id])
    [found] = answer["data"]["list"]
    return dict(found)


FILES: list[tuple[bytes, dict[str, Any], int]] = [
    (rows(0, 1_000), {}, 0),
    (rows(0, 999), {}, 40910),
    (rows(0, 1_000), {"file_signature": "0" * 32}, 40900),
    (rows(0, 1_000), {"name": "members.zip"}, 40907),
    (b"", {}, 40905),
    (rows(0, 1_000), {"calculate_type": "EMAIL"}, 40908),
    (rows(0, 1_000, "Email,Phone"), {}, 40910),
    (rows(0, 1_000, ",".join(["Email_SHA256"] * 4)), {}, 40910),
    (rows(0, 1_000) + b"\njane@example.com,", {}, 40062),
    (rows(0, 1_000) + b"\n,", {}, 40916),
    (rows(0, 1_000), {"advertiser_id": "7100000000000000009"}, 40001),
]


@pytest.mark.parametrize(("content", "changes", "code"), FILES)
async def test_a_file_is_checked(audiences: World, content: bytes, changes: dict[str, Any], code: int) -> None:
    """Its MD5, name, type, header, rows, digests and ad account."""
    assert code == (await upload(audiences, content, **changes))["code"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"custom_audience_name": "v" * 129}, 40002),
        ({"custom_audience_name": ""}, 40002),
        ({"file_paths": []}, 40002),
        ({"file_paths": ["sim/1"]}, 40909),
        ({"calculate_type": "MAID_SHA256"}, 40002),
        ({"calculate_type": "EMAIL_SHA256"}, 40002),
        ({"retention_in_days": 366}, 40002),
        ({"retention_in_days": 30}, 0),
    ],
)
async def test_an_audience_is_checked(audiences: World, changes: dict[str, Any], code: int) -> None:
    """Its name, files, type and retention; a name can be used once."""
    path = await path_of(audiences, rows(0, 1_000))
    answer = await create(audiences, path, **changes)
    assert code == answer["code"], answer
    if not code:
        assert 40002 == (await create(audiences, path, **changes))["code"]


async def test_members_are_matched_for_a_time(audiences: World) -> None:
    """An audience is invalid and cannot be changed until then; its history says what happened."""
    id, path = await made(audiences), await path_of(audiences, rows(1_000, 1_000))
    before = (await shown(audiences, id))["audience_details"]
    refused = await post(audiences, "update", custom_audience_id=id, action="APPEND", file_paths=[path])
    audiences.clock.advance(60)
    appended = await post(audiences, "update", custom_audience_id=id, action="APPEND", file_paths=[path])
    during = (await shown(audiences, id))["audience_details"]
    audiences.clock.advance(60)
    after = await shown(audiences, id)

    assert (False, 0) == (before["is_valid"], before["cover_num"])
    assert (40002, "Audience is not editable") == (refused["code"], refused["message"])
    assert (0, False, 1_000) == (appended["code"], during["is_valid"], during["cover_num"])
    assert (True, 2_000) == (after["audience_details"]["is_valid"], after["audience_details"]["cover_num"])
    assert ["APPEND", "CREATE"] == [each["action"] for each in after["audience_history"]]


async def test_whoever_names_no_action_replaces_everything(audiences: World) -> None:
    """REPLACE is the default; the same file appended twice changes nothing the second time; REMOVE takes away."""
    id = await made(audiences)
    paths = [await path_of(audiences, rows(1_000, 1_000)), await path_of(audiences, rows(500, 1_000))]
    counts = []
    for values in ({"action": "APPEND"}, {"action": "APPEND"}, {}, {"action": "REMOVE", "file_paths": paths[1:]}):
        audiences.clock.advance(60)
        assert (
            0 == (await post(audiences, "update", custom_audience_id=id, **{"file_paths": paths[:1], **values}))["code"]
        )
        counts.append(len(audiences.vendor.audiences.audiences[id].members))
    assert [2_000, 2_000, 1_000, 500] == counts


async def test_too_few_matches_are_never_valid() -> None:
    """With fewer than 1,000 matches an audience stays invalid, and cannot be changed."""
    async with simulated(match_rate=0.5) as world:
        granted(world)
        id, path = await made(world), await path_of(world, rows(0, 1_000))
        world.clock.advance(60)
        details = (await shown(world, id))["audience_details"]
        assert (False, 500) == (details["is_valid"], details["cover_num"])
        assert 40002 == (await post(world, "update", custom_audience_id=id, action="APPEND", file_paths=[path]))["code"]


async def test_an_audience_expires(audiences: World) -> None:
    """Its retention counts from its creation."""
    path = await path_of(audiences, rows(0, 1_000))
    id = (await create(audiences, path, retention_in_days=1))["data"]["custom_audience_id"]
    audiences.clock.advance(3_600)
    assert (await shown(audiences, id))["audience_details"]["is_valid"]
    audiences.clock.advance(24 * 3_600)
    assert not (await shown(audiences, id))["audience_details"]["is_valid"]


async def test_lists_have_pages_and_what_is_deleted_is_gone(audiences: World) -> None:
    """Newest first, with the number of pages; a deleted one is unknown."""
    path = await path_of(audiences, rows(0, 1_000))
    ids = [
        (await create(audiences, path, custom_audience_name=f"A{each}"))["data"]["custom_audience_id"] for each in "123"
    ]
    query = {"advertiser_id": ADVERTISER, "page": 2, "page_size": 2}
    page = (await audiences.get(f"{PATH}/list/", token=TOKEN, **query))["data"]
    assert ([ids[0]], 2) == ([each["audience_id"] for each in page["list"]], page["page_info"]["total_page"])
    assert 0 == (await post(audiences, "delete", custom_audience_ids=[ids[0]]))["code"]
    assert 40007 == (await post(audiences, "delete", custom_audience_ids=[ids[0]]))["code"]


async def test_tokens_and_ad_accounts_are_checked(audiences: World) -> None:
    """No token, an unknown one, and the ad account of somebody else."""
    for token, advertiser, code in (("", ADVERTISER, 40104), ("x", ADVERTISER, 40105), (TOKEN, "7", 40001)):
        assert code == (await audiences.get(f"{PATH}/list/", token=token, advertiser_id=advertiser))["code"]

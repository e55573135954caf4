"""The library of an ad account: signatures, unique names, transcoding, chunks, covers.

Owns: /file/… of the simulator.
"""

from hashlib import md5
from typing import Any

import pytest

from providers.simulators.tiktok_business.marketing.library import CHUNK
from tests.providers.simulators.tiktok_business.advertising import ACCOUNT, GARAGE, Advertiser
from tests.providers.simulators.tiktok_business.conftest import BASE, World

SIZE = 2 * CHUNK + 5


async def test_a_video_comes_as_a_list_and_an_image_as_an_object(world: World) -> None:
    """As documented, and different for the two."""
    advertiser = Advertiser(world)
    assert isinstance((await advertiser.upload())["data"], list)
    assert isinstance((await advertiser.upload("image", "a.jpg"))["data"], dict)


async def test_the_signature_is_the_md5_of_the_bytes(world: World) -> None:
    """Any other is 40900; an empty file is 40904; nothing is kept."""
    advertiser = Advertiser(world)
    assert 40900 == (await advertiser.upload(video_signature="0" * 32))["code"]
    assert 40904 == (await advertiser.upload(body=b""))["code"]
    assert {} == advertiser.marketing.library.files


async def test_a_name_is_unique_in_the_ad_account(world: World) -> None:
    """A repeated name is 40911, for another ad account it is free; it has 1 to 100 characters."""
    advertiser = Advertiser(world)
    codes = [(await advertiser.upload(name=name))["code"] for name in ("a.mp4", "a.mp4", "n" * 101)]
    assert [0, 40911, 40002] == codes
    assert 0 == (await advertiser.upload(name="a.mp4", advertiser_id=GARAGE))["code"]


async def test_a_video_has_its_measures_when_it_is_transcoded(world: World) -> None:
    """Width, height and duration come after a while; the list has the newest first, unknown ids are left out."""
    advertiser = Advertiser(world)
    id = (await advertiser.upload())["data"][0]["video_id"]

    async def shown() -> dict[str, Any]:
        [row] = (await advertiser.get("/file/video/ad/info/", video_ids=[id, "v1"]))["data"]["list"]
        found: dict[str, Any] = row
        return found

    assert "duration" not in await shown()
    world.vendor.advance_clock(60)
    assert {"width", "height", "duration"} <= (await shown()).keys()
    await advertiser.upload(name="b.mp4")
    names = [each["file_name"] for each in (await advertiser.get("/file/video/ad/search/"))["data"]["list"]]
    assert ["b.mp4", "a.mp4"] == names
    covers = [(await advertiser.get("/file/video/suggestcover/", video_id=id))["data"]["list"] for _ in range(2)]
    assert covers[0] == covers[1]


class Sending:
    """A chunked upload under way."""

    def __init__(self, advertiser: Advertiser) -> None:
        self.advertiser = advertiser
        self.body = bytes(SIZE)

    async def start(self, size: int = SIZE) -> dict[str, Any]:
        """Begin."""
        body = {"size": size, "content_type": "video", "name": "large.mp4"}
        return await self.advertiser.post("/file/start/upload/", **body)

    async def transfer(self, id: str, first: int, end: int, **changes: str) -> dict[str, Any]:
        """Send a chunk."""
        piece = self.body[first:end]
        signature = md5(piece, usedforsecurity=False).hexdigest()
        form = {"advertiser_id": ACCOUNT, "upload_id": id, "start_offset": str(first), "signature": signature}
        answer = await self.advertiser.world.http.post(
            f"{BASE}/file/transfer/upload/",
            data={**form, **changes},
            files={"file": ("large.mp4", piece)},
            headers={"Access-Token": self.advertiser.token},
        )
        found: dict[str, Any] = answer.json()
        return found


async def test_a_large_file_comes_in_the_chunks_that_are_asked_for(world: World) -> None:
    """Each answer says what comes next, until start and end are the same; then the file can be added by its id."""
    sending = Sending(Advertiser(world))
    data = (await sending.start())["data"]
    upload_id, ranges = data["upload_id"], []
    while data["start_offset"] != data["end_offset"]:
        ranges.append((data["start_offset"], data["end_offset"]))
        data = (await sending.transfer(upload_id, *ranges[-1]))["data"]
    assert [(0, CHUNK), (CHUNK, 2 * CHUNK), (2 * CHUNK, SIZE)] == ranges
    done = await sending.advertiser.post("/file/finish/upload/", upload_id=upload_id)
    by_id = {"upload_type": "UPLOAD_BY_FILE_ID", "file_id": done["data"]["file_id"], "file_name": "large.mp4"}
    added = await sending.advertiser.post("/file/video/ad/upload/", **by_id)
    assert (0, SIZE, md5(sending.body, usedforsecurity=False).hexdigest()) == (
        added["code"],
        added["data"][0]["size"],
        added["data"][0]["signature"],
    )


@pytest.mark.parametrize(
    ("code", "first", "end", "changes"),
    [
        (40900, 0, CHUNK, {"signature": "0" * 32}),
        (40002, 0, CHUNK - 1, {}),
        (40002, CHUNK, 2 * CHUNK, {}),
        (40002, 0, CHUNK, {"upload_id": "unknown"}),
    ],
)
async def test_a_wrong_chunk_is_refused(world: World, code: int, first: int, end: int, changes: dict[str, str]) -> None:
    """A wrong signature, too few bytes, others than were asked for, an unknown upload."""
    sending = Sending(Advertiser(world))
    upload_id = (await sending.start())["data"]["upload_id"]
    assert code == (await sending.transfer(upload_id, first, end, **changes))["code"]
    assert 40002 == (await sending.advertiser.post("/file/finish/upload/", upload_id=upload_id))["code"]


async def test_a_small_file_is_not_sent_in_chunks(world: World) -> None:
    """Chunks begin at 20 MB; an unknown file id is refused."""
    sending = Sending(Advertiser(world))
    assert 40002 == (await sending.start(19_999_999))["code"]
    by_id = {"upload_type": "UPLOAD_BY_FILE_ID", "file_id": "unknown", "file_name": "x.mp4"}
    assert 40002 == (await sending.advertiser.post("/file/video/ad/upload/", **by_id))["code"]

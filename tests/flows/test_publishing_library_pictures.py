"""PNG and GIF through HighLevel's library: uploaded, fetched from a caller's address, or left to the vendor.

Owns the proof that what the route's table promises works on every way in, and that the early verdict is the later one.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.domain import post_content
from gateway.domain.media import uploads
from gateway.domain.post_content import Source
from gateway.errors import MediaInvalid
from gateway.media import types
from providers.highlevel.capabilities import TABLE
from providers.highlevel.media_library import FILE_NAMES
from providers.http.fetch import Bounds, Fetcher
from providers.simulators.highlevel.tenants import BAKERY
from tests.fixtures import media, recipes
from tests.fixtures.domain import LOCATION
from tests.fixtures.planner import PlannerStage, planning
from tests.fixtures.recipes import Make, film
from tests.flows.test_publishing_fetch_media import answering
from tests.providers.http.support import reply, serving

PICTURES: dict[str, Make] = {
    "image/png": recipes.png,
    "image/gif": recipes.moving_gif,
    "image/jpeg": recipes.jpeg,
}


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[PlannerStage]:
    """Yield a stage before a planner, whose gateway may fetch from this machine."""
    async with planning(database_url, tmp_path) as made:
        fetcher = Fetcher(allow_loopback=True, bounds=Bounds(pause=0))
        made.domain = replace(made.domain, fetcher=fetcher)
        yield made
        await fetcher.close()


def test_what_the_table_promises_is_taken_everywhere() -> None:
    """Every type of the table can be announced, is recognized by its bytes, and has a place in the library."""
    for limits in (TABLE.limits, *TABLE.platform_limits.values()):
        for each in (*limits.photo_mime_types, *limits.video_mime_types):
            assert each in uploads.MIME_TYPES
            assert each in FILE_NAMES
            assert each in {types.of_container(name) for name in ("mp4", "quicktime", "webm", "jpeg", "png", "gif")}


@pytest.mark.parametrize("label", ["exact", "application/octet-stream", "image/heic"])
@pytest.mark.parametrize("mime_type", PICTURES)
async def test_an_uploaded_picture_is_published(stage: PlannerStage, mime_type: str, label: str) -> None:
    """Whatever it is announced as, the library gets it as what it is."""
    await stage.connect()
    told = mime_type if label == "exact" else label
    upload = await stage.upload(PICTURES[mime_type](), told, media=None)
    content = post_content.build_content("photos", [Source(upload=upload)])
    post = await stage.planned("a1-facebook", upload, content=content, options={})
    assert ("PUBLISHED", None) == ((done := await stage.finish(post)).state, done.error)


@pytest.mark.parametrize("mime_type", PICTURES)
async def test_a_fetched_picture_is_published(stage: PlannerStage, mime_type: str) -> None:
    """By its address the same file ends the same way, also when its server says nothing of it."""
    await stage.connect()
    for told in (mime_type, "application/octet-stream"):
        data = PICTURES[mime_type]()
        async with serving(answering(reply("200 OK", data, f"Content-Type: {told}"))) as heard:
            content = post_content.build_content("photos", [Source(uri=f"{heard.url}/picture")])
            post = await stage.planned("a1-facebook", "", uploads=[], content=content, options={})
            done = await stage.finish(post)
        assert ("PUBLISHED", None) == (done.state, done.error)


@pytest.mark.parametrize(
    ("make", "kind"),
    [(recipes.webp, "photos"), (film, "photos"), (partial(film, container="matroska"), "video")],
)
async def test_the_early_verdict_is_the_later_one(stage: PlannerStage, make: Make, kind: str) -> None:
    """Bytes that an upload is refused for are refused with the same rule when they came from an address."""
    early, error = await _refused_twice(stage, "facebook", make(), kind)
    assert early.violations[0].description in str(error)


@pytest.mark.parametrize(
    ("network", "make"),
    [
        ("instagram", recipes.moving_gif),
        ("google", partial(media.jpeg, size=5_000_001)),
        ("threads", partial(media.jpeg, size=8_000_001)),
    ],
)
async def test_the_limits_of_a_network_hold_for_what_is_fetched(stage: PlannerStage, network: str, make: Make) -> None:
    """The same bytes are refused with the same rule, uploaded or fetched."""
    stage.planner.accounts.add(location_id=BAKERY, platform=network, origin_id="2000", name=network)
    early, error = await _refused_twice(stage, network, make(), "photos")
    assert early.metadata["rule"] == error["metadata"]["rule"]


async def _refused_twice(stage: PlannerStage, network: str, data: bytes, kind: str) -> tuple[MediaInvalid, Any]:
    """Post the bytes uploaded and then by an address; return the early refusal and the error of the failed post."""
    await stage.connect()
    told, account = "application/octet-stream", f"a1-{network}"
    upload = await stage.upload(data, told, media=None)
    content = post_content.build_content(kind, [Source(upload=upload)])
    with pytest.raises(MediaInvalid) as early:
        await stage.planned(account, upload, content=content, options={})
    async with serving(answering(reply("200 OK", data, f"Content-Type: {told}"))) as heard:
        content = post_content.build_content(kind, [Source(uri=f"{heard.url}/file")])
        done = await stage.finish(await stage.planned(account, "", uploads=[], content=content, options={}))
    assert "FAILED" == done.state
    return early.value, done.error


async def test_a_file_is_sent_as_what_it_is(stage: PlannerStage) -> None:
    """The type in requests to a vendor is that of the bytes, not the label's."""
    upload = await stage.upload(film("libvpx", "webm"), "video/mp4", media=None)
    row = await uploads.get(stage.domain, LOCATION, upload)
    row.media = {"container": "webm"}
    assert "video/webm" == post_content.video_file(row).mime_type

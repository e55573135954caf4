"""The contract of video reads: pages that end, exact ids, and no number that the vendor did not report.

Owns the contract of `providers/interface/videos.py`.
"""

from dataclasses import astuple
from typing import Any

import pytest

from providers.capabilities import Capability
from providers.models.videos import VideoMetrics
from tests.providers.conformance.harness import FAILED_READS, Power, assert_silent, needs, read_pages


async def _ids(harness: Any) -> list[str]:
    """Return the ids on all pages."""
    access, list_videos = await harness.access(), harness.provider.videos.list_videos
    pages = await read_pages(lambda cursor: list_videos(access, cursor=cursor, limit=20))
    return [video.provider_video_id for page in pages for video in page.videos]


@needs(Capability.VIDEO_LIST, Power.VIDEOS)
async def test_pages_end_and_repeat_nothing(harness: Any) -> None:
    """Every video comes once, newest first, and the last page has no cursor."""
    expected = harness.add_videos(45)

    assert expected[::-1] == await _ids(harness)


@needs(Capability.VIDEO_LIST, Power.VIDEOS, Power.FAULTS)
async def test_an_empty_page_is_not_the_end(harness: Any) -> None:
    """An empty page (its videos are hidden) does not end the list."""
    expected = harness.add_videos(5)
    harness.show_empty_page()

    assert expected[::-1] == await _ids(harness)


@needs(Capability.VIDEO_LIST)
async def test_a_list_can_be_read(harness: Any) -> None:
    """Ids are exact strings, times aware, absent counts None."""
    page = await harness.provider.videos.list_videos(await harness.access(), limit=5)

    for video in page.videos:
        assert video.provider_video_id.strip()
        assert video.publish_time is None or video.publish_time.tzinfo is not None
        assert video.cover_expire_time is None or video.cover_uri


@needs(Capability.VIDEO_LIST, Capability.METRICS, Power.VIDEOS)
async def test_figures_are_told_with_a_video(harness: Any) -> None:
    """Metrics are numbers if requested, else None."""
    access, _ = await harness.access(), harness.add_videos(1)

    [video] = (await harness.provider.videos.list_videos(access)).videos
    [bare] = (await harness.provider.videos.list_videos(access, metrics=False)).videos

    numbers = [each for each in astuple(video.metrics) if each is not None]
    assert numbers
    assert all(isinstance(each, int) for each in numbers)
    assert bare.metrics is None


@needs(Capability.VIDEO_LIST, Capability.METRICS, Power.FAULTS)
async def test_what_the_vendor_does_not_tell_is_not_zero(harness: Any) -> None:
    """A video without metrics, times or sizes has None for them."""
    access = await harness.access()
    harness.show_bare_video()

    [video] = (await harness.provider.videos.list_videos(access)).videos

    assert video.provider_video_id
    assert VideoMetrics() == video.metrics
    assert (None, None) == (video.publish_time, video.duration)


@needs(Capability.VIDEO_QUERY, Power.VIDEOS)
async def test_a_lookup_gives_what_there_is(harness: Any) -> None:
    """Ids that the account does not have are left out without an error."""
    access, ids = await harness.access(), harness.add_videos(3)

    found = await harness.provider.videos.query_videos(access, [ids[0], "1", ids[2]])

    assert {ids[0], ids[2]} == {video.provider_video_id for video in found}


@needs(Capability.VIDEO_LIST, Power.FAULTS)
@pytest.mark.parametrize(("how", "kind"), FAILED_READS)
async def test_a_list_that_fails_says_how(harness: Any, how: str, kind: type[Exception]) -> None:
    """A lost read is temporary, and no token is in the error."""
    access = await harness.access()
    harness.fail("videos", how, times=None)

    with pytest.raises(kind) as caught:
        await harness.provider.videos.list_videos(access)

    assert_silent(caught.value, access.grant.access_token)

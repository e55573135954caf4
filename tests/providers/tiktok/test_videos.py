"""Video lists over HTTP: cursors, counts, exact ids.

Owns the examples of "List Videos" and "Video Object".
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from providers.errors import ContractBroken, Rejected
from providers.models.videos import VideoMetrics
from providers.tiktok import video_uri
from tests.providers.tiktok.support import NOW, FakeAccess, ok, tiktok

VIDEO: dict[str, Any] = {
    "id": "7602997517160123666",
    "create_time": 1770210873,
    "cover_image_url": "https://p16.tiktokcdn.com/cover.jpeg",
    "share_url": "https://www.tiktok.com/@someone/video/7602997517160123666",
    "video_description": "text #tag",
    "duration": 42,
    "height": 1920,
    "width": 1080,
    "title": "text",
    "embed_link": "https://www.tiktok.com/embed/v2/7602997517160123666",
    "view_count": 5_000_000_000,
    "like_count": 0,
    "comment_count": 2,
}


async def test_a_page_is_read() -> None:
    """A list is a POST with fields in the query and the page size in the body; an absent count is None, 0 is 0."""
    provider, vendor = tiktok(ok({"videos": [VIDEO], "cursor": 1643332803000, "has_more": True}))

    page = await provider.videos.list_videos(FakeAccess())

    assert "POST" == vendor.last.method
    assert "/v2/video/list/" == vendor.last.url.path
    assert (
        "id,create_time,cover_image_url,share_url,video_description,duration,height,width,title,embed_link,"
        "view_count,like_count,comment_count,share_count"
    ) == vendor.last.url.params["fields"]
    assert {"max_count": 10} == vendor.sent()
    assert "1643332803000" == page.next_cursor
    (video,) = page.videos
    assert "7602997517160123666" == video.provider_video_id
    assert VideoMetrics(5_000_000_000, 0, 2, None) == video.metrics
    assert datetime(2026, 2, 4, 13, 14, 33, tzinfo=UTC) == video.publish_time
    assert NOW + timedelta(hours=6) == video.cover_expire_time
    assert (timedelta(seconds=42), 1080, 1920) == (video.duration, video.width, video.height)
    assert VIDEO == video.raw


async def test_the_next_page_is_asked_with_tiktoks_cursor() -> None:
    """The cursor is sent back as a number, and the page size is clamped to 20."""
    provider, vendor = tiktok(ok({"videos": [], "cursor": 1643332802000, "has_more": False}))

    page = await provider.videos.list_videos(FakeAccess(), cursor="1643332803000", limit=500, metrics=False)

    assert {"max_count": 20, "cursor": 1643332803000} == vendor.sent()
    assert "view_count" not in vendor.last.url.params["fields"]
    assert ((), "") == (page.videos, page.next_cursor)


async def test_an_empty_page_in_the_middle_does_not_end_the_list() -> None:
    """An empty page may be followed by others."""
    provider, _ = tiktok(ok({"videos": [], "cursor": 1643332802000, "has_more": True}))

    assert "1643332802000" == (await provider.videos.list_videos(FakeAccess())).next_cursor


@pytest.mark.parametrize("cursor", [1643332803000, 0, None, "soon", -5])
async def test_a_cursor_that_does_not_move_on_ends_the_list(cursor: Any) -> None:
    """`has_more` with the same cursor, or with none, ends the list, which would otherwise never end."""
    provider, _ = tiktok(ok({"videos": [VIDEO], "cursor": cursor, "has_more": True}))

    assert "" == (await provider.videos.list_videos(FakeAccess(), cursor="1643332803000")).next_cursor


async def test_ids_sent_as_numbers_stay_exact() -> None:
    """Ids of nineteen digits stay exact, sent as number or string."""
    body = b'{"data":{"videos":[{"id":7602997517160123666}],"has_more":false},"error":{"code":"ok"}}'
    provider, _ = tiktok(httpx.Response(200, content=body))

    page = await provider.videos.list_videos(FakeAccess())

    assert "7602997517160123666" == page.videos[0].provider_video_id


@pytest.mark.parametrize("item", [{}, {"id": ""}, {"id": 7.6e18}, {"id": True}, "video", None])
async def test_a_video_without_an_exact_id_is_a_broken_contract(item: Any) -> None:
    """An id sent as a float, which has lost digits, is ContractBroken."""
    provider, _ = tiktok(ok({"videos": [item], "has_more": False}))

    with pytest.raises(ContractBroken):
        await provider.videos.list_videos(FakeAccess())


@pytest.mark.parametrize("cursor", ["abc", "-1", "9" * 40, "1.5", "٣"])
async def test_a_cursor_that_tiktok_never_gave_is_refused(cursor: str) -> None:
    """An invalid cursor is refused without a call."""
    provider, vendor = tiktok(ok({}))

    with pytest.raises(Rejected) as raised:
        await provider.videos.list_videos(FakeAccess(), cursor=cursor)
    assert ("cursor_invalid", []) == (raised.value.code, vendor.requests)


@pytest.mark.parametrize("create_time", [None, -1, 0, 10**17, "yesterday", 1e99])
async def test_an_odd_time_is_absent(create_time: Any) -> None:
    """A time out of range is None."""
    provider, _ = tiktok(ok({"videos": [{"id": "1", "create_time": create_time}], "has_more": False}))

    assert (await provider.videos.list_videos(FakeAccess())).videos[0].publish_time is None


@pytest.mark.parametrize(
    ("username", "video_id", "expected"),
    [
        ("someone", "7602997517160123666", "https://www.tiktok.com/@someone/video/7602997517160123666"),
        ("@someone", "1", "https://www.tiktok.com/@someone/video/1"),
        ("a/../b?c", "1", "https://www.tiktok.com/@a%2F..%2Fb%3Fc/video/1"),
        ("", "1", ""),
        ("someone", "", ""),
    ],
)
def test_the_address_of_a_video(username: str, video_id: str, expected: str) -> None:
    """The public URL consists of username and id; without both it is empty."""
    assert expected == video_uri(username, video_id)

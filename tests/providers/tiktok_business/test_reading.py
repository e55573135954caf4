"""Insights, videos and comments of TikTok's API for Business, as they are read.

Owns literal answers. Daily values and totals are never mixed, and what is absent stays absent.
"""

from datetime import timedelta

import pytest

from providers.errors import CapabilityMissing, OptionUnsupported
from providers.models.engagement import AccountRef, AudienceShare, Dimension, Metric, Span
from providers.tiktok_business import wire
from tests.providers.faking import NOW
from tests.providers.tiktok_business.support import ACCOUNT, COMMENT, VIDEO, FakeAccess, ok, query, tiktok

MIDNIGHT = NOW.replace(hour=0)


def days_ago(days: int) -> str:
    """Return a day as TikTok spells it."""
    return f"{MIDNIGHT - timedelta(days=days):%Y-%m-%d}"


async def test_daily_values_end_where_tiktok_ends() -> None:
    """The span that is answered has as many days as were counted; a level is that of the last day, not a sum."""
    rows = [
        {"date": days_ago(4), "video_views": 10, "daily_total_followers": 100},
        {"date": days_ago(3), "video_views": 0, "daily_total_followers": 103},
    ]
    provider, vendor = tiktok(ok({"metrics": rows, "audience_genders": [{"gender": "Female", "percentage": 0.6}]}))
    span = Span(MIDNIGHT - timedelta(days=4), MIDNIGHT)
    figures = await provider.engagement.figures(FakeAccess(), ACCOUNT, span)
    assert Span(span.start, span.start + timedelta(days=2)) == figures.span
    assert {Metric.VIEWS: (10, (10, 0)), Metric.FOLLOWERS: (103, (100, 103))} == {
        each.metric: (each.total, each.days) for each in figures.series
    }
    assert (AudienceShare(Dimension.GENDER, "Female", 0.6),) == figures.audience
    assert (days_ago(4), days_ago(1)) == (query(vendor.last)["start_date"], query(vendor.last)["end_date"])


async def test_a_day_that_lacks_a_metric_costs_itself_only() -> None:
    """A series with a hole has a sum of what is there, and the numbers of the other days in their places."""
    rows = [{"date": days_ago(3), "likes": 5}, {"date": days_ago(2)}, {"date": days_ago(1), "likes": 7}]
    provider, _ = tiktok(ok({"metrics": rows}))
    figures = await provider.engagement.figures(FakeAccess(), ACCOUNT, Span(MIDNIGHT - timedelta(days=3), MIDNIGHT))
    [likes] = figures.series
    assert (Metric.LIKES, 12, (5, None, 7)) == (likes.metric, likes.total, likes.days)


@pytest.mark.parametrize(("start", "end", "field"), [(61, 1, "start_time"), (3, -1, "end_time")])
async def test_a_span_that_tiktok_does_not_have_is_refused_without_a_call(start: int, end: int, field: str) -> None:
    """TikTok looks back 60 days, and ends with yesterday."""
    provider, vendor = tiktok()
    span = Span(MIDNIGHT - timedelta(days=start), MIDNIGHT - timedelta(days=end))
    with pytest.raises(OptionUnsupported) as caught:
        await provider.engagement.figures(FakeAccess(), ACCOUNT, span)
    assert (field, []) == (caught.value.field, vendor.requests)


async def test_a_users_account_has_none_of_it() -> None:
    """What only an account holder's grant has is refused for a user's account, without a call."""
    provider, vendor = tiktok()
    for call in (
        provider.engagement.figures(FakeAccess(), AccountRef("1", "tiktok"), None),
        provider.engagement.list_comments(FakeAccess(), AccountRef("1", "tiktok"), parent=VIDEO),
        provider.engagement.list_comments(FakeAccess(), ACCOUNT),
    ):
        with pytest.raises(CapabilityMissing):
            await call
    assert [] == vendor.requests


async def test_a_video_has_its_totals_and_nothing_invented() -> None:
    """Totals come as numbers or numeric strings; a dash, and what is absent, is left out."""
    item = {
        "item_id": VIDEO,
        "caption": "Hi",
        "create_time": "1780000000",
        "video_duration": 15,
        "video_views": "12",
        "likes": 3,
        "shares": "-",
        "average_time_watched": 3.5,
        "reach": None,
    }
    provider, _ = tiktok(ok({"videos": [item], "cursor": 17, "has_more": True}))
    page = await provider.videos.list_videos(FakeAccess())
    [video] = page.videos
    assert {Metric.VIEWS: 12, Metric.LIKES: 3, Metric.AVERAGE_WATCH_SECONDS: 3.5} == video.totals
    assert video.metrics is not None
    assert (12, 3, None, None) == (
        video.metrics.view_count,
        video.metrics.like_count,
        video.metrics.comment_count,
        video.metrics.share_count,
    )
    assert ("17", timedelta(seconds=15), 1780000000) == (
        page.next_cursor,
        video.duration,
        int(video.publish_time.timestamp()) if video.publish_time else 0,
    )


async def test_a_comment_keeps_its_ids_exact() -> None:
    """Ids that came as integers above 2**53 stay exact, and answers know what they answer."""
    row = {
        "comment_id": int(COMMENT),
        "video_id": int(VIDEO),
        "text": "Hi",
        "create_time": "1780000000",
        "status": "HIDDEN",
        "owner": True,
        "replies": 1,
        "reply_list": [{"comment_id": f"{int(COMMENT) + 2}", "text": "Yes"}],
    }
    provider, _ = tiktok(ok({"comments": [row], "cursor": 1, "has_more": False}))
    page = await provider.engagement.list_comments(FakeAccess(), ACCOUNT, parent=VIDEO)
    [comment] = page.comments
    [answer] = comment.replies
    assert (COMMENT, VIDEO, True, True, None, "") == (
        comment.id,
        comment.post_id,
        comment.hidden,
        comment.own,
        comment.liked,
        page.next_cursor,
    )
    assert (COMMENT, VIDEO, 2) == (answer.reply_to, answer.post_id, answer.depth)


async def test_a_cursor_that_does_not_fall_ends_the_list() -> None:
    """Posts come newest first: a cursor that rises again would list them for ever."""
    for cursor, expected in ((4, "4"), (5, ""), (9, "")):
        provider, _ = tiktok(ok({"videos": [], "has_more": True, "cursor": cursor}))
        found = await provider.videos.list_videos(FakeAccess(), cursor="5")
        assert expected == found.next_cursor


@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "1e999"])
def test_what_is_no_number_is_none(value: str) -> None:
    """Words that Python reads as numbers are none of TikTok's."""
    assert wire.decimal({"key": value}, "key") is None

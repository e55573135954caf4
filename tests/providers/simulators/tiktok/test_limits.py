"""Rate limits per minute and caps per day (reference §3 table, §2, §3.10).

Owns: the limits, and when they end. Knows nothing of other errors.
"""

from typing import Any

import pytest

from tests.providers.simulators.tiktok.world import PUBLISH, World, code_of, file_source, world

FILE = file_source(1_000)
PULL = {"source": "PULL_FROM_URL", "photo_images": ["https://a.example/1.webp"], "photo_cover_index": 0}
LEVEL = {"privacy_level": "SELF_ONLY"}
LIMITS = [
    pytest.param(f"{PUBLISH}/creator_info/query/", None, 20, id="creator_info-20"),
    pytest.param(f"{PUBLISH}/video/init/", {"post_info": LEVEL, "source_info": FILE}, 6, id="video-init-6"),
    pytest.param(f"{PUBLISH}/inbox/video/init/", {"source_info": FILE}, 6, id="inbox-init-6"),
    pytest.param(
        f"{PUBLISH}/content/init/",
        {"media_type": "PHOTO", "post_mode": "DIRECT_POST", "post_info": LEVEL, "source_info": PULL},
        6,
        id="content-init-6",
    ),
    pytest.param(f"{PUBLISH}/status/fetch/", {"publish_id": "unknown"}, 30, id="status-30"),
    pytest.param("/v2/video/list/?fields=id", {}, 600, id="video-list-600"),
    pytest.param("/v2/video/query/?fields=id", {"filters": {"video_ids": ["1"]}}, 600, id="video-query-600"),
]


@pytest.mark.parametrize(("path", "body", "limit"), LIMITS)
async def test_calls_per_minute(path: str, body: dict[str, Any] | None, limit: int) -> None:
    """The window accepts the limit and refuses the next call until a minute after the first."""
    async with world(pending_drafts=None, posts_per_day=None) as tiktok:
        taken = [code_of(await tiktok.call(path, body)) for _ in range(limit)]
        refused = code_of(await tiktok.call(path, body))
        tiktok.clock.advance(59.9)
        still_refused = code_of(await tiktok.call(path, body))
        tiktok.clock.advance(0.1)
        again = code_of(await tiktok.call(path, body))

    assert (429, "rate_limit_exceeded") not in taken
    assert (429, "rate_limit_exceeded") == refused == still_refused
    assert taken[0] == again


async def test_profile_reads_per_minute(tiktok: World) -> None:
    """user/info accepts 600 calls a minute."""
    answers = [code_of(await tiktok.get("/v2/user/info/?fields=open_id")) for _ in range(601)]

    assert {(200, "ok")} == set(answers[:600])
    assert (429, "rate_limit_exceeded") == answers[600]


async def test_windows_are_of_one_user_and_one_endpoint(tiktok: World) -> None:
    """A full window of direct inits affects neither drafts nor other users."""
    other = tiktok.grant(open_id=list(tiktok.vendor.users)[1])
    for _ in range(6):
        await tiktok.direct(FILE)

    assert (429, "rate_limit_exceeded") == code_of(await tiktok.direct(FILE))
    assert (200, "ok") == code_of(await tiktok.draft(FILE))
    assert (200, "ok") == code_of(await tiktok.direct(FILE, token=other))


async def test_a_new_token_does_not_start_a_new_window(tiktok: World) -> None:
    """A refreshed token has the same window."""
    for _ in range(6):
        await tiktok.direct(FILE)

    assert (429, "rate_limit_exceeded") == code_of(await tiktok.direct(FILE, token=tiktok.grant()))


async def test_windows_can_be_switched_off() -> None:
    """Without rate limits a seventh init in a minute is accepted."""
    async with world(rate_limits=False) as tiktok:
        answers = [code_of(await tiktok.direct(FILE)) for _ in range(7)]

    assert {(200, "ok")} == set(answers)


async def test_a_creator_has_fifteen_posts_a_day() -> None:
    """The sixteenth init is 403, creator_info returns the error with 200, and a day later posting works again."""
    async with world(rate_limits=False) as tiktok:
        for _ in range(15):
            await tiktok.upload(b"video", LEVEL)
        sixteenth = code_of(await tiktok.direct(FILE))
        info = code_of(await tiktok.call(f"{PUBLISH}/creator_info/query/"))
        tiktok.clock.advance(86_399)
        tiktok.token = tiktok.grant()
        too_early = code_of(await tiktok.direct(FILE))
        tiktok.clock.advance(1)
        tomorrow = code_of(await tiktok.direct(FILE))

    assert (403, "spam_risk_too_many_posts") == sixteenth == too_early
    assert (200, "spam_risk_too_many_posts") == info
    assert (200, "ok") == tomorrow


async def test_abandoned_inits_do_not_count_as_posts() -> None:
    """Abandoned direct inits do not use up the day."""
    async with world(rate_limits=False) as tiktok:
        answers = [code_of(await tiktok.direct(FILE)) for _ in range(16)]

    assert {(200, "ok")} == set(answers)


async def test_five_drafts_may_be_pending(tiktok: World) -> None:
    """The sixth unfinished draft in 24 hours is refused; abandoned inits count."""
    started = [(await tiktok.draft(FILE)).json()["data"]["publish_id"] for _ in range(5)]

    assert (403, "spam_risk_too_many_pending_share") == code_of(await tiktok.draft(FILE))
    assert started == tiktok.vendor.pending_drafts(tiktok.open_id)


async def test_a_day_frees_the_drafts(tiktok: World) -> None:
    """24 hours after their init the five drafts no longer count."""
    for _ in range(5):
        await tiktok.draft(FILE)
    tiktok.clock.advance(86_400)
    tiktok.token = tiktok.grant()

    assert [] == tiktok.vendor.pending_drafts(tiktok.open_id)
    assert (200, "ok") == code_of(await tiktok.draft(FILE))


async def test_posting_a_draft_frees_its_slot(tiktok: World) -> None:
    """When the user posts one of five drafts, a sixth may be sent."""
    drafts = [await tiktok.upload(b"video", draft=True) for _ in range(5)]
    tiktok.clock.advance(60)
    assert (403, "spam_risk_too_many_pending_share") == code_of(await tiktok.draft(FILE))
    tiktok.vendor.post_draft(drafts[0])

    assert drafts[1:] == tiktok.vendor.pending_drafts(tiktok.open_id)
    assert (200, "ok") == code_of(await tiktok.draft(FILE))


async def test_an_app_has_a_daily_cap_of_creators() -> None:
    """A creator beyond those of the last 24 hours is refused; drafts do not count."""
    async with world(active_creators=1, processing_seconds=0) as tiktok:
        other = tiktok.grant(open_id=list(tiktok.vendor.users)[1])
        await tiktok.upload(b"draft", draft=True)
        assert (200, "ok") == code_of(await tiktok.direct(FILE, token=other))
        await tiktok.upload(b"video", LEVEL)

        assert (403, "reached_active_user_cap") == code_of(await tiktok.direct(FILE, token=other))
        assert (200, "ok") == code_of(await tiktok.direct(FILE))

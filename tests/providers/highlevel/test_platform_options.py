"""`provider_extra` of HighLevel: how each option is sent, and how invalid ones are refused.

Owns the options of the planner and of the networks. Modes, times and media are covered by test_publishing.py.
"""

from datetime import timedelta
from typing import Any

import pytest

from providers.errors import ContentRefused, OptionUnsupported
from providers.highlevel import platform_options
from providers.models.accounts import PrivacyLevel
from providers.models.publishing import PostMode, PostOptions, PublishRequest, VideoLink
from providers.models.secret import Secret
from tests.providers.highlevel.support import NOW, USER, highlevel
from tests.providers.highlevel.test_publishing import ACCOUNT, body, post

START, END = "2026-12-24T18:00:00+01:00", "2026-12-26T20:15:30+01:00"
REVIEW: dict[str, Any] = {"mode": PostMode.PLANNER_REVIEW, "schedule_time": NOW + timedelta(hours=1)}


def refused_field(request: PublishRequest, version: str = "2021-07-28") -> str:
    """Return the name of the option that is refused, without any call."""
    provider, vendor = highlevel(api_version=version)
    with pytest.raises(OptionUnsupported) as raised:
        provider.publishing.check(request)
    assert [] == vendor.requests
    assert len(raised.value.message) < 600
    return raised.value.field


# What is sent


@pytest.mark.parametrize("kind", ["post", "story", "reel"])
async def test_the_post_type_is_sent(kind: str) -> None:
    """It is the field `type`."""
    film = VideoLink(Secret("https://media.example/a.mp4"), "video/mp4")
    assert kind == (await body(post("instagram", film, caption="", extra={"post_type": kind})))["type"]


@pytest.mark.parametrize("platform", ["facebook", "instagram", "linkedin", "youtube", "threads", ""])
async def test_a_first_comment_is_sent_as_follow_up_comment(platform: str) -> None:
    """HighLevel would refuse a property `firstComment`."""
    assert "First!" == (await body(post(platform, extra={"first_comment": "First!"})))["followUpComment"]


@pytest.mark.parametrize(
    ("platform", "fits", "beyond"),
    [
        ("facebook", "x" * 8_000, "x" * 8_001),
        ("instagram", "🥐" * 1_100, "🥐" * 1_100 + "x"),
        ("linkedin", "x" * 3_000, "x" * 3_001),
        ("youtube", "x" * 10_000, "x" * 10_001),
        ("threads", "é" * 250, "é" * 251),
        ("bluesky", "🥐" * 300, "🥐" * 301),
    ],
)
async def test_a_first_comment_is_as_long_as_the_network_allows(platform: str, fits: str, beyond: str) -> None:
    """HighLevel would cut a longer one silently."""
    assert fits == (await body(post(platform, extra={"first_comment": fits})))["followUpComment"]
    assert "first_comment" == refused_field(post(platform, extra={"first_comment": beyond}))


@pytest.mark.parametrize(
    ("platform", "option", "name", "most"),
    [
        ("google_business", "google_business", "title", 58),
        ("pinterest", "pinterest", "title", 100),
        ("pinterest", "pinterest", "link", 2_048),
        ("youtube", "youtube", "title", 100),
    ],
)
async def test_titles_and_links_have_their_networks_maximum(platform: str, option: str, name: str, most: int) -> None:
    """One character more is refused by the name of the option."""
    assert "x" * most in str(await body(post(platform, extra={option: {name: "x" * most}})))
    assert option == refused_field(post(platform, extra={option: {name: "x" * (most + 1)}}))


async def test_a_link_preview_depends_on_the_api_version() -> None:
    """Image and link exist in both versions, title and description in v3 only."""
    plain = {"image": "https://a.example/a.png", "link": "https://a.example/"}
    whole = {**plain, "title": "Title", "description": "Words"}

    older = await body(post(extra={"link_preview": plain}))
    newer = await body(post(extra={"link_preview": whole}), api_version="v3")

    sent = {"metaImage": "https://a.example/a.png", "metaLink": "https://a.example/"}
    assert sent == older["ogTagsDetails"]
    assert {**sent, "ogTitle": "Title", "ogDescription": "Words"} == newer["ogTagsDetails"]
    for name in ("title", "description"):
        assert "link_preview" == refused_field(post(extra={"link_preview": {name: "a"}}))


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, {"gmbEventType": "STANDARD", "actionType": "none"}),
        (
            {"type": "STANDARD", "action": "learn_more", "url": "https://a.example/"},
            {"gmbEventType": "STANDARD", "actionType": "learn_more", "url": "https://a.example/"},
        ),
        (
            {
                "type": "EVENT",
                "title": "Fair",
                "start": START,
                "end": END,
                "action": "book",
                "url": "https://a.example/",
            },
            {
                "gmbEventType": "EVENT",
                "title": "Fair",
                "startDate": {
                    "startDate": {"year": 2026, "month": 12, "day": 24},
                    "startTime": {"hours": 18, "minutes": 0, "seconds": 0},
                },
                "endDate": {
                    "endDate": {"year": 2026, "month": 12, "day": 26},
                    "endTime": {"hours": 20, "minutes": 15, "seconds": 30},
                },
                "url": "https://a.example/",
                "actionType": "book",
            },
        ),
        (
            {
                "type": "OFFER",
                "title": "Half",
                "offer_title": "Half price",
                "start": "2026-12-24",
                "end": "2026-12-25",
            },
            None,
        ),
        (
            {
                "type": "OFFER",
                "offer_title": "Half price",
                "start": "2026-12-24T00:00:00Z",
                "end": "2026-12-25T00:00:00Z",
                "terms": "None",
                "coupon_code": "BREAD",
                "redeem_url": "https://a.example/r",
            },
            {
                "gmbEventType": "OFFER",
                "offerTitle": "Half price",
                "startDate": {
                    "startDate": {"year": 2026, "month": 12, "day": 24},
                    "startTime": {"hours": 0, "minutes": 0, "seconds": 0},
                },
                "endDate": {
                    "endDate": {"year": 2026, "month": 12, "day": 25},
                    "endTime": {"hours": 0, "minutes": 0, "seconds": 0},
                },
                "termsConditions": "None",
                "couponCode": "BREAD",
                "redeemOnlineUrl": "https://a.example/r",
                "actionType": "none",
            },
        ),
    ],
)
async def test_google_business_details_are_sent(options: dict[str, Any], sent: dict[str, Any] | None) -> None:
    """Times are sent in parts, in their own time zone; a date without time and zone is refused."""
    request = post("google_business", extra={"google_business": options})

    if sent is None:
        assert "google_business" == refused_field(request)
    else:
        assert sent == (await body(request))["gmbPostDetails"]


@pytest.mark.parametrize("action", platform_options.ACTIONS)
async def test_every_action_is_sent(action: str) -> None:
    """It is sent unchanged."""
    sent = await body(post("google_business", extra={"google_business": {"action": action}}))

    assert action == sent["gmbPostDetails"]["actionType"]


@pytest.mark.parametrize(
    ("extra", "level", "sent"),
    [
        ({}, None, {"type": "video"}),
        ({"title": "T" * 100, "type": "short"}, PrivacyLevel.PUBLIC, {"type": "short", "title": "T" * 100}),
        ({"type": "video"}, PrivacyLevel.ONLY_ME, {"type": "video"}),
    ],
)
async def test_youtube_details_are_sent(
    extra: dict[str, Any], level: PrivacyLevel | None, sent: dict[str, Any]
) -> None:
    """They always have a type and a privacy level, the narrowest unless one was chosen; a title only if chosen."""
    privacy = {PrivacyLevel.PUBLIC: "public", PrivacyLevel.ONLY_ME: "private"}
    options = PostOptions(privacy_level=level)
    request = post("youtube", options=options, extra={"youtube": extra} if extra else {})

    expected = {**sent, "privacyLevel": privacy[level] if level else "private"}
    assert expected == (await body(request))["youtubePostDetails"]


async def test_pinterest_boards_are_sent_with_their_account() -> None:
    """The account's id is sent beside the boards."""
    options = {"title": "Pin", "link": "https://a.example/", "boards": ["b1", "b2"]}
    sent = await body(post("pinterest", extra={"pinterest": options}))

    boards = [{"accountId": ACCOUNT, "boards": ["b1", "b2"]}]
    assert {"title": "Pin", "link": "https://a.example/", "pinterestBoards": boards} == sent["pinterestPostDetails"]
    bare = await body(post("pinterest", extra={"pinterest": {"title": "Pin"}}))
    assert {"title": "Pin"} == bare["pinterestPostDetails"]


@pytest.mark.parametrize("platform", ["facebook", "instagram", "linkedin", "google_business", "pinterest", "threads"])
async def test_unset_options_are_not_sent(platform: str) -> None:
    """Only TikTok and YouTube always have details; other networks get none by default."""
    sent = await body(post(platform))

    assert {"accountIds", "type", "userId", "createdBy", "media", "summary", "status", "tags"} == sent.keys()


# What is refused


@pytest.mark.parametrize(
    ("name", "platforms"),
    [
        ("first_comment", ("tiktok", "tiktok_business", "google_business", "pinterest")),
        ("link_preview", ("tiktok", "tiktok_business")),
        ("google_business", ("tiktok", "facebook", "youtube", "")),
        ("youtube", ("tiktok", "facebook", "google_business", "")),
        ("pinterest", ("tiktok", "facebook", "youtube", "")),
        ("approver", ("tiktok", "facebook")),
        ("requester_note", ("tiktok", "facebook")),
    ],
)
def test_an_option_that_the_network_or_mode_drops_is_refused(name: str, platforms: tuple[str, ...]) -> None:
    """The error names the option."""
    good: dict[str, Any] = {
        "first_comment": "a",
        "link_preview": {"link": "a"},
        "google_business": {},
        "youtube": {},
        "pinterest": {},
        "approver": "a",
        "requester_note": "a",
    }
    assert [name] * len(platforms) == [refused_field(post(each, extra={name: good[name]})) for each in platforms]


@pytest.mark.parametrize(("kind", "refused"), [("post", False), ("story", True), ("reel", True)])
def test_tiktok_has_posts_only(kind: str, refused: bool) -> None:
    """Stories and reels are refused."""
    provider, _ = highlevel()
    request = post("tiktok", extra={"post_type": kind})

    if refused:
        assert "post_type" == refused_field(request)
    else:
        provider.publishing.check(request)


DEEP: Any = "x"
for _ in range(2_000):
    DEEP = {"a": [DEEP]}
WRONG: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    float("nan"),
    float("inf"),
    [],
    {},
    DEEP,
    [DEEP],
    "",
    "x" * 10_001,
    10**400,
    b"x",
)


@pytest.mark.parametrize("name", ["post_type", "first_comment", "category", "tags", "approver", "requester_note"])
@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
def test_a_value_of_another_type_is_refused(name: str, value: Any) -> None:
    """Invalid numbers, deep nesting, empty and oversized values are refused with the option's name."""
    assert name == refused_field(post("facebook", extra={"approver": USER, name: value}, **REVIEW))


@pytest.mark.parametrize("value", [None, True, 1, float("nan"), "x", [], [{}]], ids=repr)
@pytest.mark.parametrize("name", ["link_preview", "google_business", "youtube", "pinterest"])
def test_a_group_must_be_an_object(name: str, value: Any) -> None:
    """Any other value is refused with the group's name."""
    platform = "facebook" if name == "link_preview" else name
    assert name == refused_field(post(platform, extra={name: value}))


@pytest.mark.parametrize(
    ("platform", "name", "members"),
    [
        ("facebook", "link_preview", ("image", "link", "title", "description")),
        ("google_business", "google_business", tuple(platform_options.GOOGLE)),
        ("youtube", "youtube", ("title", "type")),
        ("pinterest", "pinterest", ("title", "link", "boards")),
    ],
)
def test_an_invalid_member_of_a_group_is_refused(platform: str, name: str, members: tuple[str, ...]) -> None:
    """The error names its group, in both API versions."""
    for member in members:
        for value in WRONG:
            for version in ("2021-07-28", "v3"):
                assert name == refused_field(post(platform, extra={name: {member: value}}), version)
    for unknown in ("unknown", "", "x" * 10_000, 7, None, ("a",)):
        assert name == refused_field(post(platform, extra={name: {unknown: "a"}}), "v3")


@pytest.mark.parametrize(
    ("platform", "extra"),
    [
        ("facebook", {"tags": ["a"] * 51}),
        ("facebook", {"tags": ["a", ""]}),
        ("facebook", {"tags": ["a", 7]}),
        ("facebook", {"tags": "bread"}),
        ("pinterest", {"pinterest": {"boards": ["b"] * 26}}),
        ("youtube", {"youtube": {"title": "T" * 101}}),
        ("youtube", {"youtube": {"type": "movie"}}),
        ("facebook", {"post_type": "POST"}),
    ],
)
def test_values_beyond_the_limits_are_refused(platform: str, extra: dict[str, Any]) -> None:
    """There are at most 50 tags, 25 boards and 100 characters of a title, and fixed values of enumerations."""
    [name] = extra
    assert name == refused_field(post(platform, extra=extra))


@pytest.mark.parametrize(
    "options",
    [
        {"type": "EVENT"},
        {"type": "OFFER", "start": START},
        {"type": "EVENT", "end": END},
        {"type": "EVENT", "start": END, "end": START},
        {"type": "EVENT", "start": START, "end": START},
        {"type": "EVENT", "start": START, "end": "2026-12-24T17:00:00Z"},
        {"type": "EVENT", "start": "2026-12-24T18:00:00", "end": END},
        {"type": "EVENT", "start": "soon", "end": END},
        {"type": "EVENT", "start": START, "end": "9999-12-31T23:59:60Z"},
        {"start": "2026-13-01T00:00:00Z"},
        {"start": "\ud800"},
        {"type": "SALE"},
        {"action": "dance"},
    ],
)
def test_invalid_times_of_google_business_are_refused(options: dict[str, Any]) -> None:
    """Events and offers need a start before their end, both with a time zone."""
    assert "google_business" == refused_field(post("google_business", extra={"google_business": options}))


@pytest.mark.parametrize(("start", "end"), [("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00")])
async def test_extreme_times_are_sent_unchanged(start: str, end: str) -> None:
    """They are not converted to another time zone."""
    options = {"type": "EVENT", "start": start, "end": end}
    sent = (await body(post("google_business", extra={"google_business": options})))["gmbPostDetails"]

    assert (1, 9999) == (sent["startDate"]["startDate"]["year"], sent["endDate"]["endDate"]["year"])


@pytest.mark.parametrize(
    "name", ["", "firstComment", "x" * 10_000, "__class__", "\0", "mode", 7, None, 1.5, ("a", "b")]
)
def test_an_unknown_option_is_refused(name: Any) -> None:
    """The error shows up to 64 characters of its name, whatever its type."""
    assert str(name)[:64] == refused_field(post(extra={name: DEEP, "post_type": "post"}))


async def test_every_option_of_the_table_can_be_sent() -> None:
    """Every option that passes validation is part of the body."""
    good: dict[str, tuple[str, Any, str]] = {
        "post_type": ("facebook", "reel", "type"),
        "first_comment": ("facebook", "a", "followUpComment"),
        "approver": ("facebook", "a", "postApprovalDetails"),
        "requester_note": ("facebook", "a", "postApprovalDetails"),
        "link_preview": ("facebook", {"link": "a"}, "ogTagsDetails"),
        "google_business": ("google_business", {"title": "a"}, "gmbPostDetails"),
        "youtube": ("youtube", {"title": "a"}, "youtubePostDetails"),
        "pinterest": ("pinterest", {"title": "a"}, "pinterestPostDetails"),
    }
    # These two are looked up by name, which test_publishing.py covers.
    assert platform_options.OPTIONS.keys() - {"category", "tags"} == good.keys()
    film = VideoLink(Secret("https://media.example/a.mp4"), "video/mp4")
    for name, (platform, value, where) in good.items():
        more = {"content": film} if name == "post_type" else {}
        mode = REVIEW if name in ("approver", "requester_note") else {}
        extra = {name: value, **({"approver": "a"} if mode else {})}
        assert "a" in str((await body(post(platform, extra=extra, **mode, **more)))[where]) or name == "post_type"


def test_a_review_without_an_approver_is_refused() -> None:
    """HighLevel would request no approval."""
    provider, _ = highlevel()

    with pytest.raises(ContentRefused) as raised:
        provider.publishing.check(post(extra={"requester_note": "a"}, **REVIEW))
    assert "approver_missing" == raised.value.code

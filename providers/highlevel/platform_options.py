"""What a network takes of a post beside words and media: the caller's choices, and the options by HighLevel's side.

Owns `provider_extra` and its names, and the details of each network. "Create post" of the specifications of
GoHighLevel/highlevel-api-docs, read 2026-11-20. Makes no call.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from providers.errors import ContentRefused, OptionUnsupported
from providers.highlevel.config import PROVIDER
from providers.models.accounts import PrivacyLevel
from providers.models.publishing import PostMode, PostOptions, PublishRequest

TIKTOK = ("tiktok", "tiktok_business")
# No FOLLOWER_OF_CREATOR, which TikTok itself has.
PRIVACY = {
    PrivacyLevel.PUBLIC: "PUBLIC_TO_EVERYONE",
    PrivacyLevel.FRIENDS: "MUTUAL_FOLLOW_FRIENDS",
    PrivacyLevel.ONLY_ME: "SELF_ONLY",
}
YOUTUBE_PRIVACY = {PrivacyLevel.PUBLIC: "public", PrivacyLevel.ONLY_ME: "private"}
# "Not available for TikTok, Google Business, Pinterest."
_NO_FIRST_COMMENT = (*TIKTOK, "google_business", "pinterest")
EVENT_TYPES = ("STANDARD", "EVENT", "OFFER")
ACTIONS = ("none", "order", "book", "shop", "learn_more", "call", "sign_up")
MAX_TEXT, MAX_NAMES, MAX_BOARDS, MAX_TITLE = 5_000, 50, 25, 100

Check = Callable[[str, Any], None]


def _up_to(most: int) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, str) or not 0 < len(value) <= most:
            raise _wrong(name, f"must be a text of 1 to {most} characters")

    return check


_text = _up_to(MAX_TEXT)


def _one_of(*words: str) -> Check:
    def check(name: str, value: Any) -> None:
        if value not in words:
            raise _wrong(name, f"must be one of {', '.join(words)}")

    return check


def _names(most: int) -> Check:
    def check(name: str, value: Any) -> None:
        if (
            not isinstance(value, list)
            or not 0 < len(value) <= most
            or not all(isinstance(e, str) and e for e in value)
        ):
            raise _wrong(name, f"must be a list of 1 to {most} texts")

    return check


def _instant(name: str, value: Any) -> None:
    if _read_instant(value) is None:
        raise _wrong(name, "must be a time as 2026-12-24T18:00:00+01:00")


def _group(members: Mapping[str, Check]) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise _wrong(name, f"must be an object of {', '.join(members)}")
        for member, inner in value.items():
            if member not in members:
                raise _wrong(name, f"has no option {_shown(member)!r}; it knows {', '.join(members)}")
            members[member](f"{name}.{member}", inner)

    return check


GOOGLE: Mapping[str, Check] = {
    "type": _one_of(*EVENT_TYPES),
    "title": _text,
    "start": _instant,
    "end": _instant,
    "offer_title": _text,
    "terms": _text,
    "coupon_code": _text,
    "redeem_url": _text,
    "action": _one_of(*ACTIONS),
    "url": _text,
}
OPTIONS: Mapping[str, Check] = {
    "post_type": _one_of("post", "story", "reel"),
    "first_comment": _text,
    "category": _text,
    "tags": _names(MAX_NAMES),
    "approver": _text,
    "requester_note": _text,
    "link_preview": _group({"image": _text, "link": _text, "title": _text, "description": _text}),
    "google_business": _group(GOOGLE),
    "youtube": _group({"title": _up_to(MAX_TITLE), "type": _one_of("video", "short")}),
    "pinterest": _group({"title": _text, "link": _text, "boards": _names(MAX_BOARDS)}),
}
"""What `provider_extra` may hold, and what each must look like."""


def check_extra(order: PublishRequest, *, v3: bool) -> None:
    """Refuse an option that nobody knows, that is not written as it must be, or that its network does not take."""
    for name in sorted(order.extra, key=str):
        if name not in OPTIONS:
            text = f"HighLevel has no option {_shown(name)!r}."
            raise OptionUnsupported(text, provider=PROVIDER, field=_shown(name))
        OPTIONS[name](name, order.extra[name])
    _check_fit(order, v3=v3)
    if order.mode is PostMode.PLANNER_REVIEW and "approver" not in order.extra:
        text = "A post in review needs provider_extra.approver, the id of a HighLevel user."
        raise ContentRefused(text, provider=PROVIDER, code="approver_missing")
    _check_google(order.extra.get("google_business", {}))


def _check_fit(order: PublishRequest, *, v3: bool) -> None:
    """Refuse what the order's network, its mode, or the generation of the API does not take."""
    platform = order.platform
    unfit = {
        "first_comment": platform in _NO_FIRST_COMMENT,
        "post_type": platform in TIKTOK and order.extra.get("post_type") != "post",
        "link_preview": platform in TIKTOK,
        "google_business": platform != "google_business",
        "youtube": platform != "youtube",
        "pinterest": platform != "pinterest",
        "approver": order.mode is not PostMode.PLANNER_REVIEW,
        "requester_note": order.mode is not PostMode.PLANNER_REVIEW,
    }
    for name in sorted(order.extra):
        if unfit.get(name):
            text = f"{name} cannot be set for {platform or 'this account'} in this mode."
            raise OptionUnsupported(text, provider=PROVIDER, field=name)
    if not v3 and {"title", "description"} & order.extra.get("link_preview", {}).keys():
        raise _wrong("link_preview", "has a title and a description in API version v3 only")


def _shown(name: Any) -> str:
    """Return the name of an option as a refusal may repeat it; from within, it need not even be a text."""
    return str(name)[:64]


def _check_google(said: Mapping[str, Any]) -> None:
    dated = said.get("type") in ("EVENT", "OFFER")
    if dated and not ("start" in said and "end" in said):
        raise _wrong("google_business", "needs start and end for an event or an offer")
    if dated and (_read_instant(said["start"]) or 0) >= (_read_instant(said["end"]) or 0):  # type: ignore[operator]
        raise _wrong("google_business", "must end after it starts")


def check_options(order: PublishRequest) -> None:
    """Refuse what a network cannot honour, and TikTok's own rules broken, as far as they can be told without a call."""
    options = order.options
    if order.platform in TIKTOK:
        _check_tiktok(options)
        return
    known = YOUTUBE_PRIVACY if order.platform == "youtube" else {}
    for each in fields(PostOptions):
        value = getattr(options, each.name)
        if value != each.default and not (each.name == "privacy_level" and value in known):
            text = f"HighLevel has no such choice for {order.platform or 'this account'}."
            raise OptionUnsupported(text, provider=PROVIDER, field=each.name)


def _check_tiktok(options: PostOptions) -> None:
    if options.ai_generated:
        raise OptionUnsupported(
            "HighLevel passes on no label for AI-made content.", provider=PROVIDER, field="ai_generated"
        )
    if options.privacy_level is None:
        raise ContentRefused("A privacy level must be chosen.", provider=PROVIDER, code="privacy_level_missing")
    if options.privacy_level not in PRIVACY:
        raise OptionUnsupported("HighLevel passes on no such level.", provider=PROVIDER, field="privacy_level")
    if options.privacy_level is PrivacyLevel.ONLY_ME and (options.branded_content or options.own_brand):
        text = "What promotes a brand cannot be visible to its creator alone."
        raise ContentRefused(text, provider=PROVIDER, code="disclosure_private")


def of(order: PublishRequest) -> dict[str, Any]:
    """Return the parts of a body that are a network's own, or the planner's; absent ones are None."""
    extra = order.extra
    return {
        "followUpComment": extra.get("first_comment"),
        "ogTagsDetails": _link_preview(extra.get("link_preview")),
        "postApprovalDetails": _approval(order),
        "tiktokPostDetails": tiktok(order.options) if order.platform in TIKTOK else None,
        "gmbPostDetails": google(extra["google_business"]) if "google_business" in extra else None,
        "pinterestPostDetails": _pinterest(order),
        "youtubePostDetails": _youtube(order),
    }


def tiktok(options: PostOptions) -> dict[str, Any]:
    """Return TikTok's details in full, every boolean said: without them the planner takes a video for one with a
    thumbnail and does not publish it (report of a live user, read 2026-11-20).
    """
    return {
        "privacyLevel": PRIVACY[options.privacy_level] if options.privacy_level else None,
        "enableComment": options.allow_comments is True,
        "enableDuet": options.allow_duet is True,
        "enableStitch": options.allow_stitch is True,
        "videoDisclosure": options.branded_content or options.own_brand,
        "promoteYourBrand": options.own_brand,
        "promoteOtherBrand": options.branded_content,
    }


def google(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the details of a Google Business post: an update, an event, an offer, with an action or without."""
    values = {
        "gmbEventType": said.get("type", "STANDARD"),
        "title": said.get("title"),
        "offerTitle": said.get("offer_title"),
        "startDate": _google_time("start", said.get("start")),
        "endDate": _google_time("end", said.get("end")),
        "termsConditions": said.get("terms"),
        "url": said.get("url"),
        "couponCode": said.get("coupon_code"),
        "redeemOnlineUrl": said.get("redeem_url"),
        "actionType": said.get("action", "none"),
    }
    return {name: value for name, value in values.items() if value is not None}


def _google_time(word: str, value: Any) -> dict[str, Any] | None:
    """Write a time in the parts that HighLevel wants, as its clock on the wall says it: `startDate.startDate.year`."""
    moment = _read_instant(value)
    if moment is None:
        return None
    return {
        f"{word}Date": {"year": moment.year, "month": moment.month, "day": moment.day},
        f"{word}Time": {"hours": moment.hour, "minutes": moment.minute, "seconds": moment.second},
    }


def _link_preview(said: Mapping[str, Any] | None) -> dict[str, Any] | None:
    names = {"image": "metaImage", "link": "metaLink", "title": "ogTitle", "description": "ogDescription"}
    return None if said is None else {names[name]: value for name, value in said.items()}


def _approval(order: PublishRequest) -> dict[str, Any] | None:
    if order.mode is not PostMode.PLANNER_REVIEW:
        return None
    note = order.extra.get("requester_note")
    values = {"approver": order.extra.get("approver"), "requesterNote": note, "approvalStatus": "pending"}
    return {name: value for name, value in values.items() if value is not None}


def _pinterest(order: PublishRequest) -> dict[str, Any] | None:
    said = order.extra.get("pinterest")
    if said is None:
        return None
    values = {name: said[name] for name in ("title", "link") if name in said}
    boards = [{"accountId": order.account, "boards": said["boards"]}] if "boards" in said else None
    return {**values, "pinterestBoards": boards} if boards else values


def _youtube(order: PublishRequest) -> dict[str, Any] | None:
    if order.platform != "youtube":
        return None
    said, level = order.extra.get("youtube", {}), order.options.privacy_level
    values = {"type": said.get("type", "video"), "title": said.get("title")}
    values["privacyLevel"] = YOUTUBE_PRIVACY[level] if level else None
    return {name: value for name, value in values.items() if value is not None}


def _read_instant(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _wrong(name: str, text: str) -> OptionUnsupported:
    """Make the refusal of an option that is written otherwise than it must be; it names the outermost."""
    return OptionUnsupported(f"{name} {text}.", provider=PROVIDER, field=name.partition(".")[0])

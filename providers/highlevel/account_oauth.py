"""Attaching a network's account to a location: start of the consent, the accounts behind it, attaching one of them.

Owns the differences between the networks and between the API versions. Attached accounts are in accounts.py.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from providers.errors import OptionUnsupported
from providers.highlevel import wire
from providers.highlevel.client import Call, Client, parse_envelope, path
from providers.highlevel.config import PROVIDER, Config
from providers.highlevel.errors import contract
from providers.http import strict_json
from providers.http.exchange import Answer
from providers.http.urls import may_open
from providers.interface.access import Access
from providers.models.accounts import Profile
from providers.models.secret import Secret

READ_SCOPE, WRITE_SCOPE = "socialplanner/oauth.readonly", "socialplanner/oauth.write"
_COMMON = frozenset({"facebook", "google", "instagram", "linkedin", "tiktok", "tiktok-business"})
# Specifications of both versions, read 2026-11-20. Left out: Twitter (discontinued 2024-12-04) and bluesky, whose start
# is documented to fail.
NETWORKS = {False: _COMMON, True: _COMMON | {"youtube", "pinterest", "threads"}}
# HighLevel's names of networks that differ from ours, with our names.
OUR_NAMES = {"google": "google_business", "tiktok-business": "tiktok_business"}
_VENDOR_NAMES = {ours: theirs for theirs, ours in OUR_NAMES.items()}
_IDENTITY = ("originId", "name", "avatar")
_TYPED_IDENTITY = ("type", *_IDENTITY)
# The fields that attaching accepts in both versions, by network; v3 removed `companyId`, so it is never sent. TikTok
# Business is missing because neither version documents a call for it.
ATTACH_FIELDS: Mapping[str, tuple[str, ...]] = {
    "facebook": _TYPED_IDENTITY,
    "google": ("location", "account"),
    "instagram": (*_IDENTITY, "pageId"),
    "linkedin": (*_TYPED_IDENTITY, "urn"),
    "pinterest": (*_TYPED_IDENTITY, "verified", "username"),
    "threads": _TYPED_IDENTITY,
    "tiktok": (*_TYPED_IDENTITY, "verified", "username"),
    "youtube": (*_TYPED_IDENTITY, "verified", "username"),
}
# Of a Google location v3's specification (read 2026-11-20) accepts every field it returns except `relationshipData`.
_GOOGLE_FIELDS = (
    "name",
    "storeCode",
    "title",
    "storefrontAddress",
    "metadata",
    "maxLocation",
    "isVerified",
    "isConnected",
)
NOT_ATTACHED = (
    "HighLevel documents no call that attaches a TikTok Business account: "
    "connect it in HighLevel's Social Planner, and it appears in the list of accounts."
)
_LISTS = (("pages", "page"), ("accounts", "page"), ("profile", "profile"))
_REDIRECTS = (301, 302, 303, 307, 308)
_URL_KEYS = ("url", "redirectUrl", "redirectUri", "redirect_url", "authUrl", "location")
_IN_PAGE = re.compile(r"""(?:href|url|location|replace)\s*[=(]\s*["']?(https?://[^\s"'<>)]+)""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Choice:
    """One account behind a consent. `kind` is page, profile, location or business, in lower case."""

    origin_id: str
    name: str = ""
    username: str = ""
    avatar_uri: str = ""
    verified: bool = False
    connected: bool = False
    kind: str = ""
    urn: str = ""
    page_id: str = ""
    raw: dict[str, Any] = field(default_factory=dict, repr=False)

    def profile(self, platform: str) -> Profile:
        """Return it as a profile."""
        return Profile(
            provider_account_id=self.origin_id,
            platform=platform,
            display_name=self.name,
            username=self.username,
            avatar_uri=self.avatar_uri,
            verified=self.verified,
            raw=self.raw,
        )


@dataclass(frozen=True, slots=True)
class AttachRecord:
    """The result of attaching; the account's id is only in the list of accounts."""

    record_id: str
    oauth_id: str
    origin_id: str
    platform: str
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


def our_name(platform: str) -> str:
    """Return our name of a network by HighLevel's name, which is the default."""
    return OUR_NAMES.get(platform, platform)


def vendor_name(platform: str) -> str:
    """Return HighLevel's name of a network by our name, which is the default."""
    return _VENDOR_NAMES.get(platform, platform)


async def start(
    client: Client, access: Access, location_id: str, platform: str, *, user_id: str, page: str, reconnect: bool
) -> str:
    """Return the consent page for the owner. The gateway makes the call as a browser cannot send token and Version.

    The specification says 200 and no body; a live user gets a redirect, whose Location is the page (read 2026-11-20).
    Both are accepted.
    """
    _check_platform(client.config, platform)
    query = wire.strings(
        {
            "locationId": location_id,
            "userId": user_id,
            "page": page or None,
            "reconnect": True if reconnect else None,
        }
    )
    call = Call("GET", path("social-media-posting", "oauth", platform, "start"), READ_SCOPE, query, write=False)

    def parse(answer: Answer, call: Call, token: Secret) -> str:
        return _consent_page(answer, call, token, client.config)

    return await client.execute(access, call, parse)


async def choose(
    client: Client, access: Access, location_id: str, platform: str, account_id: str
) -> tuple[Choice, ...]:
    """List the accounts behind a consent."""
    _check_platform(client.config, platform)
    response = await client.read(access, _path(client.config, location_id, platform, account_id), scope=READ_SCOPE)
    return read_choices(response.results)


async def attach(
    client: Client, access: Access, location_id: str, platform: str, account_id: str, choice: Choice
) -> AttachRecord:
    """Attach one of the accounts behind a consent."""
    _check_platform(client.config, platform)
    if platform not in ATTACH_FIELDS:
        raise OptionUnsupported(NOT_ATTACHED, field="platform", provider=PROVIDER)
    where = _path(client.config, location_id, platform, account_id)
    response = await client.write(access, "POST", where, scope=WRITE_SCOPE, body=attach_body(platform, choice))
    return AttachRecord(
        record_id=wire.identifier(response.results, "_id"),
        # `oAuthId` here, `oauthId` in the list.
        oauth_id=wire.identifier(response.results, "oAuthId", "oauthId"),
        origin_id=wire.identifier(response.results, "originId") or choice.origin_id,
        platform=wire.text(response.results, "platform").lower() or platform,
        raw=response.results,
    )


def attach_body(platform: str, choice: Choice) -> dict[str, Any]:
    """Return the body that attaches an account. v3 requires type, originId, name and avatar: they are always sent."""
    location = wire.allowed(_GOOGLE_FIELDS, strict_json.mapping(choice.raw, "location"))
    values = {
        "type": choice.kind or "profile",
        "originId": choice.origin_id,
        "name": choice.name,
        "avatar": choice.avatar_uri,
        "verified": choice.verified,
        "username": choice.username or None,
        "urn": choice.urn or None,
        "pageId": choice.page_id or None,
        "location": location,
        "account": strict_json.mapping(choice.raw, "account"),
    }
    return wire.allowed(ATTACH_FIELDS[platform], values)


def read_choices(results: Mapping[str, Any]) -> tuple[Choice, ...]:
    """Read the accounts behind a consent, in the shape of any network.

    For TikTok v3's specification contradicts itself (read 2026-11-20): the example is flat, the schema a list.
    """
    found = [_choice(row, kind) for name, kind in _LISTS for row in wire.rows(results, name)]
    found += [_google_choice(row) for row in wire.rows(results, "locations")]
    flat = [] if found else [_choice(results, "profile")]
    return tuple(each for each in (*found, *flat) if each.origin_id)


def _choice(row: Mapping[str, Any], kind: str) -> Choice:
    return Choice(
        origin_id=wire.identifier(row, "id", "openId"),
        name=wire.text(row, "name", "displayName"),
        username=wire.text(row, "username"),
        avatar_uri=wire.text(row, "avatar", "avatarUrl"),
        verified=strict_json.flag(row, "verified"),
        connected=strict_json.flag(row, "isConnected"),
        kind=wire.text(row, "type").lower() or kind,
        urn=wire.text(row, "urn"),
        page_id=wire.identifier(row, "pageId"),
        raw=dict(row),
    )


def _google_choice(row: Mapping[str, Any]) -> Choice:
    location = strict_json.mapping(row, "location")
    return Choice(
        origin_id=wire.identifier(location, "name"),
        name=wire.text(location, "title"),
        verified=strict_json.flag(location, "isVerified"),
        connected=strict_json.flag(location, "isConnected"),
        kind="location",
        raw=dict(row),
    )


def _check_platform(config: Config, platform: str) -> None:
    """Refuse a network that this API version does not document."""
    if platform not in NETWORKS[config.v3]:
        raise unsupported(config, platform)


def unsupported(config: Config, platform: str) -> OptionUnsupported:
    """Return the error that names the networks of this API version, by our names."""
    known = ", ".join(sorted(map(our_name, NETWORKS[config.v3])))
    text = f"HighLevel's API version {config.api_version} does not connect {platform[:40]!r}; it connects {known}."
    return OptionUnsupported(text, field="platform", provider=PROVIDER)


def _path(config: Config, location_id: str, platform: str, account_id: str) -> str:
    """Return the path of a consent; for Google it ends in `locations` in version 2021-07-28."""
    word = "locations" if platform == "google" and not config.v3 else "accounts"
    return path("social-media-posting", "oauth", location_id, platform, word, account_id)


def _consent_page(answer: Answer, call: Call, token: Secret, config: Config) -> str:
    """Return the URL of a redirect, or the one in the body of a success."""
    if answer.status in _REDIRECTS:
        url = _redirect_target(config.api_url, answer.headers.get("location", ""))
    elif answer.status == 200:
        url = _url_in(answer.body)
    else:
        parse_envelope(answer, call, token)
        url = ""
    if not may_open(url, config.allow_loopback):
        raise contract("HighLevel's answer contains no consent page.", http_status=answer.status)
    return url


def _redirect_target(base: str, location: str) -> str:
    """Return the absolute URL of a redirect, empty if it has none."""
    try:
        return urljoin(base, location) if location else ""
    except ValueError:
        return ""


def _url_in(body: bytes) -> str:
    """Return the URL in a body that is JSON, an HTML page that redirects, or the plain URL."""
    try:
        root = strict_json.parse(body)
    except strict_json.Malformed:
        text = body.decode("utf-8", "replace").strip()
        match = _IN_PAGE.search(text)
        return html.unescape(match[1]).replace("\\/", "/") if match else text
    if isinstance(root, str):
        return root
    top = root if isinstance(root, dict) else {}
    return wire.text(top, *_URL_KEYS) or wire.text(strict_json.mapping(top, "results"), *_URL_KEYS)

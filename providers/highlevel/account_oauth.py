"""Connecting a network's account to a location: the page of its consent, who consented, attaching one of them.

Owns what differs between the networks and the two generations. What is connected is accounts.py.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from providers.errors import OptionUnsupported
from providers.highlevel import wire
from providers.highlevel.client import Call, Client, opened, path
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
# Specifications of both generations, read 2026-11-20. Twitter is left out (dead since 2024-12-04), and bluesky, whose
# start is documented to fail.
NETWORKS = {False: _COMMON, True: _COMMON | {"youtube", "pinterest", "threads"}}
# Where our name of a network is not HighLevel's.
OURS = {"google": "google_business", "tiktok-business": "tiktok_business"}
_THEIRS = {ours: theirs for theirs, ours in OURS.items()}
_BRIEF = ("originId", "name", "avatar")
_WHO = ("type", *_BRIEF)
# What each network's attach takes in both generations: `companyId` is gone from v3, so it is never sent. TikTok
# Business is missing: no generation documents a call for it.
BODIES: Mapping[str, tuple[str, ...]] = {
    "facebook": _WHO,
    "google": ("location", "account"),
    "instagram": (*_BRIEF, "pageId"),
    "linkedin": (*_WHO, "urn"),
    "pinterest": (*_WHO, "verified", "username"),
    "threads": _WHO,
    "tiktok": (*_WHO, "verified", "username"),
    "youtube": (*_WHO, "verified", "username"),
}
# v3's specification (read 2026-11-20) lets through of a Google location everything that is shown but
# `relationshipData`.
_GOOGLE = ("name", "storeCode", "title", "storefrontAddress", "metadata", "maxLocation", "isVerified", "isConnected")
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
    """One identity behind a consent. `kind` is page, profile, location or business, whatever case HighLevel uses."""

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
        """Return it in the words of every provider's profiles."""
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
class Record:
    """What attaching made: not yet the account's id, which only the list of accounts has."""

    record_id: str
    oauth_id: str
    origin_id: str
    platform: str
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


def ours(platform: str) -> str:
    """Return our name of a network; one that we have no name for keeps HighLevel's."""
    return OURS.get(platform, platform)


def theirs(platform: str) -> str:
    """Return HighLevel's name of a network that we name so."""
    return _THEIRS.get(platform, platform)


async def start(
    client: Client, access: Access, location_id: str, platform: str, *, user_id: str, page: str, reconnect: bool
) -> str:
    """Ask where the owner consents. It is asked here because a browser can send neither token nor Version.

    The specification says 200 and no body; a live user gets a redirect, whose Location is the page (read 2026-11-20).
    Both are taken.
    """
    _check(client.config, platform)
    query = wire.strings(
        {
            "locationId": location_id,
            "userId": user_id,
            "page": page or None,
            "reconnect": True if reconnect else None,
        }
    )
    call = Call("GET", path("social-media-posting", "oauth", platform, "start"), READ_SCOPE, query, write=False)

    def opening(answer: Answer, call: Call, token: Secret) -> str:
        return _page(answer, call, token, client.config)

    return await client.ask(access, call, opening)


async def choose(
    client: Client, access: Access, location_id: str, platform: str, account_id: str
) -> tuple[Choice, ...]:
    """List who consented."""
    _check(client.config, platform)
    said = await client.read(access, _path(client.config, location_id, platform, account_id), scope=READ_SCOPE)
    return read_choices(said.results)


async def attach(
    client: Client, access: Access, location_id: str, platform: str, account_id: str, choice: Choice
) -> Record:
    """Connect one of those who consented."""
    _check(client.config, platform)
    if platform not in BODIES:
        raise OptionUnsupported(NOT_ATTACHED, field="platform", provider=PROVIDER)
    where = _path(client.config, location_id, platform, account_id)
    said = await client.write(access, "POST", where, scope=WRITE_SCOPE, body=attach_body(platform, choice))
    return Record(
        record_id=wire.identifier(said.results, "_id"),
        # `oAuthId` here, `oauthId` in the list.
        oauth_id=wire.identifier(said.results, "oAuthId", "oauthId"),
        origin_id=wire.identifier(said.results, "originId") or choice.origin_id,
        platform=wire.text(said.results, "platform").lower() or platform,
        raw=said.results,
    )


def attach_body(platform: str, choice: Choice) -> dict[str, Any]:
    """Return what a network's attach takes: v3 needs type, originId, name and avatar, so they are always sent."""
    location = wire.allowed(_GOOGLE, strict_json.mapping(choice.raw, "location"))
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
    return wire.allowed(BODIES[platform], values)


def read_choices(results: Mapping[str, Any]) -> tuple[Choice, ...]:
    """Read who consented, in any network's shape; v3's example for TikTok is flat, its schema a list like the others.

    Specification of v3, read 2026-11-20: the two contradict each other.
    """
    found = [_choice(row, kind) for name, kind in _LISTS for row in wire.rows(results, name)]
    found += [_google(row) for row in wire.rows(results, "locations")]
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


def _google(row: Mapping[str, Any]) -> Choice:
    location = strict_json.mapping(row, "location")
    return Choice(
        origin_id=wire.identifier(location, "name"),
        name=wire.text(location, "title"),
        verified=strict_json.flag(location, "isVerified"),
        connected=strict_json.flag(location, "isConnected"),
        kind="location",
        raw=dict(row),
    )


def _check(config: Config, platform: str) -> None:
    """Refuse a network that this generation does not document."""
    if platform not in NETWORKS[config.v3]:
        raise unsupported(config, platform)


def unsupported(config: Config, platform: str) -> OptionUnsupported:
    """Say which networks this generation connects, by our names."""
    known = ", ".join(sorted(map(ours, NETWORKS[config.v3])))
    text = f"HighLevel's API version {config.api_version} does not connect {platform[:40]!r}; it connects {known}."
    return OptionUnsupported(text, field="platform", provider=PROVIDER)


def _path(config: Config, location_id: str, platform: str, account_id: str) -> str:
    """Return the address of a consent: Google's is called `locations` under 2021-07-28."""
    word = "locations" if platform == "google" and not config.v3 else "accounts"
    return path("social-media-posting", "oauth", location_id, platform, word, account_id)


def _page(answer: Answer, call: Call, token: Secret, config: Config) -> str:
    """Read the page to open, from a redirect or from the body of a success."""
    if answer.status in _REDIRECTS:
        found = _target(config.api_url, answer.headers.get("location", ""))
    elif answer.status == 200:
        found = _url_in(answer.body)
    else:
        opened(answer, call, token)
        found = ""
    if not may_open(found, config.allow_loopback):
        raise contract("HighLevel's answer names no page to consent on.", http_status=answer.status)
    return found


def _target(base: str, location: str) -> str:
    """Return where a redirect leads; nowhere is empty."""
    try:
        return urljoin(base, location) if location else ""
    except ValueError:
        return ""


def _url_in(body: bytes) -> str:
    """Find the address in JSON, in a page that leads on, or alone."""
    try:
        root = strict_json.parse(body)
    except strict_json.Malformed:
        said = body.decode("utf-8", "replace").strip()
        match = _IN_PAGE.search(said)
        return html.unescape(match[1]).replace("\\/", "/") if match else said
    if isinstance(root, str):
        return root
    top = root if isinstance(root, dict) else {}
    return wire.text(top, *_URL_KEYS) or wire.text(strict_json.mapping(top, "results"), *_URL_KEYS)

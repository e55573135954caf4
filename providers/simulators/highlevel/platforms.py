"""The differences between the networks when an account is chosen and attached.

Owns: the networks of each generation, the format of the choice, the allow-lists for attaching. Knows nothing of HTTP.
"""

from dataclasses import dataclass
from typing import Any

from providers.simulators.highlevel import validation
from providers.simulators.highlevel.operations import V2, V3
from providers.simulators.highlevel.validation import Field, Shape

_V2_NETWORKS = ("facebook", "google", "instagram", "linkedin", "twitter", "tiktok", "tiktok-business")
_V3_NETWORKS = ("google", "facebook", "instagram", "linkedin", "tiktok", "tiktok-business")
_ADDED_IN_V3 = ("youtube", "pinterest", "threads", "bluesky")
# Specifications of GoHighLevel/highlevel-api-docs, read 2026-11-20. A live user also connects youtube under 2021-07-28.
CHOICES = {V2: (*_V2_NETWORKS, "youtube"), V3: (*_V3_NETWORKS, *_ADDED_IN_V3)}
# No generation has an operation that attaches TikTok Business.
ATTACHES = {platform: tuple(each for each in known if each != "tiktok-business") for platform, known in CHOICES.items()}

TYPES = ("page", "group", "profile", "location", "business")
_ONE_TYPE = {"facebook": ("page",), "youtube": ("profile",), "threads": ("profile",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An account on a network that a user can log in with."""

    origin_id: str
    name: str
    username: str
    type: str = "profile"
    verified: bool = False

    @property
    def avatar(self) -> str:
        """The URL of a picture that does not exist."""
        return f"https://avatars.sim.example/{self.origin_id}.jpg"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPopup:
    """A popup that was opened and not yet answered."""

    platform: str
    location_id: str
    user_id: str
    reconnect: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingConsent:
    """A consent, which the message's accountId identifies. No operation lists these."""

    platform: str
    location_id: str
    identity: Identity


_KINDS = {"facebook": "page", "instagram": "page", "google": "location", "tiktok-business": "business"}


def first_identities() -> dict[str, list[Identity]]:
    """Return two accounts on every network."""
    return {
        platform: [
            Identity(
                origin_id=f"{platform}-{at}-origin",
                name=f"Sim {platform.title()} {at}",
                username=f"sim_{platform}_{at}".replace("-", "_"),
                type=_KINDS.get(platform, "profile"),
            )
            for at in (1, 2)
        ]
        for platform in dict.fromkeys((*_V2_NETWORKS, *_ADDED_IN_V3))
    }


def choice(platform: str, identity: Identity, *, connected: bool, flat: bool) -> dict[str, Any]:
    """Return the `results` of the choice: the account that consented, in the network's format."""
    brief = {"id": identity.origin_id, "name": identity.name, "avatar": identity.avatar, "isConnected": connected}
    if platform == "facebook":
        return {"pages": [{**brief, "isOwned": True}]}
    if platform == "instagram":
        return {"accounts": [{**brief, "pageId": f"page-of-{identity.origin_id}"}]}
    if platform == "google":
        return {"locations": _google(identity, connected=connected)}
    if platform == "linkedin":
        row = {**brief, "urn": f"urn:li:person:{identity.origin_id}"}
        return {"pages": [], "profile": [row]}
    if flat and platform in ("tiktok", "tiktok-business"):
        return {
            "openId": identity.origin_id,
            "displayName": identity.name,
            "avatarUrl": identity.avatar,
            "isConnected": connected,
        }
    row = {**brief, "username": identity.username, "verified": identity.verified, "type": identity.type.upper()}
    return {"profile": [row]}


def _google(identity: Identity, *, connected: bool) -> dict[str, Any]:
    return {
        "location": {
            "name": identity.origin_id,
            "storeCode": "1",
            "title": identity.name,
            "metadata": {},
            "storefrontAddress": {},
            "relationshipData": {},
            "maxLocation": False,
            "isVerified": True,
            "isConnected": connected,
        },
        "account": {
            "name": f"accounts/{identity.origin_id}",
            "accountName": identity.name,
            "type": "PERSONAL",
            "verificationState": "VERIFIED",
            "vettedState": "VETTED",
        },
    }


def attach_shape(platform: str, generation: str) -> Shape:
    """Return the allow-list of attach. v3 has no companyId and requires type, originId, name and avatar."""
    v3 = generation == V3
    if platform == "google":
        checks = _GOOGLE if v3 else dict.fromkeys(("location", "account"), validation.anything)
        shape = {name: Field(check, v3) for name, check in checks.items()}
    else:
        kinds = _ONE_TYPE.get(platform, TYPES)
        shape = {"type": Field(validation.one_of(*kinds), v3)} if platform not in ("instagram", "pinterest") else {}
        shape["originId"] = Field(validation.text, v3)
        shape |= {name: Field(validation.text, v3 and platform != "pinterest") for name in ("name", "avatar")}
    shape |= _MORE.get(platform, {})
    if platform == "linkedin":
        shape["urn"] = Field(validation.text, v3)
    return shape if v3 and platform != "pinterest" else {**shape, "companyId": Field(validation.text)}


# v3 specifies both; relationshipData, which the choice has, may not be sent back.
_GOOGLE: dict[str, validation.Check] = {
    "location": validation.nested(
        {
            **dict.fromkeys(("name", "title"), Field(validation.text, True)),
            "storeCode": Field(validation.text),
            **dict.fromkeys(("storefrontAddress", "metadata"), Field(validation.anything)),
            **dict.fromkeys(("maxLocation", "isVerified", "isConnected"), Field(validation.flag)),
        }
    ),
    "account": validation.nested(
        dict.fromkeys(("name", "accountName", "type", "verificationState", "vettedState"), Field(validation.text, True))
    ),
}
_TIKTOK: Shape = {"verified": Field(validation.flag), "username": Field(validation.text)}
_MORE: dict[str, Shape] = {
    "instagram": {"pageId": Field(validation.text, True)},
    "twitter": {**_TIKTOK, "protected": Field(validation.flag)},
    "tiktok": _TIKTOK,
    "tiktok-business": _TIKTOK,
    "youtube": _TIKTOK,
    "pinterest": {
        **_TIKTOK,
        "type": Field(validation.one_of("profile")),
        "websiteUrl": Field(validation.text),
        "originAccountType": Field(validation.text),
    },
}

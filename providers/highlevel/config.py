"""Configuration of the HighLevel provider: the marketplace application, the API version, URLs, webhook keys.

Owns the names, defaults and validation of the settings. Does not know where settings come from.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from providers.errors import Misconfigured
from providers.highlevel import keys
from providers.http.client import user_agent
from providers.http.urls import check_setting
from providers.models.secret import Secret, secret_setting

PROVIDER = "highlevel"
API_URL = "https://services.leadconnectorhq.com"
# Its path has `/v2` since 2026-05-27 (docs of GoHighLevel/highlevel-api-docs, read 2026-11-20); white-label agencies
# use marketplace.leadconnectorhq.com.
AUTHORIZE_URL = "https://marketplace.gohighlevel.com/v2/oauth/chooselocation"
# The host of the page that signals the end of a consent is not documented; white-label agencies have their own hosts.
POPUP_HOSTS = ("leadconnectorhq.com", "gohighlevel.com")
# HighLevel repeats a delivery for about 70 minutes with its first timestamp: see webhooks.py.
WINDOW = timedelta(minutes=90)
V2, V3 = "2021-07-28", "v3"
VERSIONS = (V2, V3)
# Prefixes of user agents that Cloudflare, in front of HighLevel, rejects with 403 `error code: 1010` (two reports, read
# 2026-11-20), and of the default user agents of Python's libraries.
_REFUSED_AGENTS = ("python", "aiohttp")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9-]+(\.[a-z0-9-]+)+")
_VERSION_ID = re.compile(r"[A-Za-z0-9_-]{0,64}")
_AGENT = re.compile(r"[\x20-\x7e]{1,200}")


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one marketplace application; without id and secret everything except OAuth works."""

    client_id: str = ""
    client_secret: Secret = field(default_factory=lambda: Secret(""))
    api_url: str = API_URL
    authorize_url: str = AUTHORIZE_URL
    version_id: str = ""
    scopes: tuple[str, ...] = ()
    api_version: str = V2
    user_agent: str = field(default_factory=user_agent)
    popup_hosts: tuple[str, ...] = POPUP_HOSTS
    keys: tuple[Ed25519PublicKey, ...] = keys.read(keys.PUBLISHED)
    legacy_signature: bool = False
    webhook_window: timedelta = WINDOW
    allow_loopback: bool = False

    @property
    def v3(self) -> bool:
        """Return whether the API version is v3, which has other paths and spellings."""
        return self.api_version == V3

    @property
    def app_id(self) -> str:
        """The application's id: the part of the client id before the first dash; raises Misconfigured."""
        return self.application()[0].partition("-")[0]

    def application(self) -> tuple[str, Secret]:
        """Return client id and secret; raises Misconfigured, which names the missing setting."""
        for name, value in (("client_id", self.client_id), ("client_secret", self.client_secret)):
            if not value:
                raise _wrong(name, "It is not set.", f"{name}_missing")
        return self.client_id, self.client_secret


def read(settings: Mapping[str, Any]) -> Config:
    """Read `client_id client_secret api_url authorize_url version_id scopes api_version user_agent popup_hosts
    webhook_keys legacy_webhook_signature webhook_window_seconds allow_loopback`; empty ones have their default. Others
    are ignored.

    `client_secret` is a Secret or a string, `scopes`, `popup_hosts` and `webhook_keys` are sequences of strings. Raises
    Misconfigured for a URL that is not https (loopback excepted, if allowed), an unsupported version, a user agent that
    HighLevel rejects, an invalid host name, version id or Ed25519 key.
    """
    config = Config(
        client_id=str(settings.get("client_id") or "").strip(),
        client_secret=secret_setting("client_secret", settings.get("client_secret")),
        api_url=str(settings.get("api_url") or API_URL).rstrip("/"),
        authorize_url=str(settings.get("authorize_url") or AUTHORIZE_URL),
        version_id=str(settings.get("version_id") or "").strip(),
        scopes=tuple(settings.get("scopes") or ()),
        api_version=str(settings.get("api_version") or V2).strip(),
        user_agent=str(settings.get("user_agent") or user_agent()).strip(),
        popup_hosts=tuple(settings.get("popup_hosts") or POPUP_HOSTS),
        keys=_keys(settings.get("webhook_keys") or (keys.PUBLISHED,)),
        legacy_signature=bool(settings.get("legacy_webhook_signature", False)),
        webhook_window=timedelta(seconds=int(settings.get("webhook_window_seconds") or WINDOW.total_seconds())),
        allow_loopback=bool(settings.get("allow_loopback", False)),
    )
    for name, url in (("api_url", config.api_url), ("authorize_url", config.authorize_url)):
        check_setting(PROVIDER, name, url, config.allow_loopback)
    if not _VERSION_ID.fullmatch(config.version_id):
        raise _wrong("version_id", "It is not an id: letters, digits, - and _.", "version_id_malformed")
    if config.api_version not in VERSIONS:
        raise _wrong("api_version", f"It is not one of {', '.join(VERSIONS)}.", "api_version_unknown")
    if not _AGENT.fullmatch(config.user_agent) or config.user_agent.lower().startswith(_REFUSED_AGENTS):
        raise _wrong("user_agent", "HighLevel would reject it.", "user_agent_refused")
    if not all(_HOST.fullmatch(host) for host in config.popup_hosts):
        raise _wrong("popup_hosts", "It is not a list of host names in lower case.", "host_malformed")
    return config


def _keys(values: Iterable[str]) -> tuple[Ed25519PublicKey, ...]:
    try:
        return tuple(key for value in values for key in keys.read(value))
    except ValueError as error:
        raise _wrong("webhook_keys", f"One of them cannot be used: {error}.", "webhook_keys") from None


def _wrong(name: str, reason: str, code: str) -> Misconfigured:
    """Return the error of a setting."""
    return Misconfigured(
        f"GATEWAY_HIGHLEVEL_{name.upper()}: {reason}", provider=PROVIDER, code=code, metadata={"setting": name}
    )

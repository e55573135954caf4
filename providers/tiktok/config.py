"""The configuration of the TikTok provider: the application's key and secret, and TikTok's URLs.

Owns the names, defaults and validation of the settings. Does not know where settings come from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from providers.errors import Misconfigured
from providers.http.urls import check_setting
from providers.models.secret import Secret, secret_setting

API_URL = "https://open.tiktokapis.com"
AUTHORIZE_URL = "https://www.tiktok.com/v2/auth/authorize/"
UPLOAD_HOSTS = ("tiktokapis.com",)
WEBHOOK_WINDOW_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one TikTok application; without key and secret everything but OAuth works."""

    client_key: str = ""
    client_secret: Secret = field(default_factory=lambda: Secret(""))
    api_url: str = API_URL
    authorize_url: str = AUTHORIZE_URL
    scopes: tuple[str, ...] = ()
    upload_hosts: tuple[str, ...] = UPLOAD_HOSTS
    allow_loopback: bool = False
    webhook_window: timedelta = timedelta(seconds=WEBHOOK_WINDOW_SECONDS)

    def application(self) -> tuple[str, Secret]:
        """Return client key and secret; raises Misconfigured, which names the missing setting."""
        for name, value in (("client_key", self.client_key), ("client_secret", self.client_secret)):
            if not value:
                raise Misconfigured(
                    f"TikTok's {name} is not set (GATEWAY_TIKTOK_{name.upper()}).",
                    provider="tiktok",
                    code=f"{name}_missing",
                    metadata={"setting": name},
                )
        return self.client_key, self.client_secret


def read(settings: Mapping[str, Any]) -> Config:
    """Return the configuration from a mapping with the names of the fields; empty values take their default.

    The window is `webhook_window_seconds`. `client_secret` is a Secret or a string, `upload_hosts` a sequence of host
    suffixes, `scopes` those that the application has (none: all); other keys are ignored. Raises Misconfigured for a
    URL that is not https (except loopback, if allowed).
    """
    config = Config(
        client_key=str(settings.get("client_key") or "").strip(),
        client_secret=secret_setting("client_secret", settings.get("client_secret")),
        api_url=str(settings.get("api_url") or API_URL).rstrip("/"),
        authorize_url=str(settings.get("authorize_url") or AUTHORIZE_URL),
        scopes=tuple(settings.get("scopes") or ()),
        upload_hosts=tuple(settings.get("upload_hosts") or UPLOAD_HOSTS),
        allow_loopback=bool(settings.get("allow_loopback", False)),
        webhook_window=timedelta(seconds=settings.get("webhook_window_seconds") or WEBHOOK_WINDOW_SECONDS),
    )
    for name, url in (("api_url", config.api_url), ("authorize_url", config.authorize_url)):
        check_setting("tiktok", name, url, config.allow_loopback)
    return config

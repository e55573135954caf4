"""The configuration of TikTok's API for Business: its application, which is another than that of the v2 API, and URLs.

Owns the names, defaults and validation of the settings. Does not know where settings come from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.errors import Misconfigured
from providers.http.urls import check_setting
from providers.models.secret import Secret, secret_setting

PROVIDER = "tiktok"
"""The provider to which these grants belong: TikTok for Business is a kind of grant, not a provider."""

SETTINGS_PREFIX = "tiktok_business"
"""The beginning of the settings' names, for messages."""

API_URL = "https://business-api.tiktok.com"
AUTHORIZE_URL = "https://www.tiktok.com/v2/auth/authorize/"
ADVERTISER_AUTHORIZE_URL = "https://business-api.tiktok.com/portal/auth"


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one application of the API for Business; `api_url` is an origin, without the API's path."""

    app_id: str = ""
    secret: Secret = field(default_factory=lambda: Secret(""))
    api_url: str = API_URL
    authorize_url: str = AUTHORIZE_URL
    advertiser_authorize_url: str = ADVERTISER_AUTHORIZE_URL
    scopes: tuple[str, ...] = ()
    webhooks: bool = False

    def application(self) -> tuple[str, Secret]:
        """Return App ID and secret; raises Misconfigured, which names the missing setting."""
        for name, value in (("app_id", self.app_id), ("secret", self.secret)):
            if not value:
                raise Misconfigured(
                    f"The {name} of TikTok's API for Business is not set (GATEWAY_TIKTOK_BUSINESS_{name.upper()}).",
                    provider=PROVIDER,
                    code=f"business_{name}_missing",
                    metadata={"setting": f"business_{name}"},
                )
        return self.app_id, self.secret


def read(settings: Mapping[str, Any]) -> Config:
    """Return the configuration from the settings whose names begin with `business_`; empty values take their default.

    The page for advertisers is `advertiser_authorize_url`. `business_secret` is a Secret or a string,
    `business_scopes` those to request (none: the usual ones), `business_webhooks` whether to set the app's address for
    events. Raises Misconfigured for a URL that is not https (except
    loopback, if allowed).
    """
    allow_loopback = bool(settings.get("allow_loopback", False))
    config = Config(
        app_id=str(settings.get("business_app_id") or "").strip(),
        secret=secret_setting("business_secret", settings.get("business_secret")),
        api_url=str(settings.get("business_api_url") or API_URL).rstrip("/"),
        authorize_url=str(settings.get("business_authorize_url") or AUTHORIZE_URL),
        advertiser_authorize_url=str(settings.get("advertiser_authorize_url") or ADVERTISER_AUTHORIZE_URL),
        scopes=tuple(settings.get("business_scopes") or ()),
        webhooks=settings.get("business_webhooks") is True,
    )
    for name, url in (
        ("business_api_url", config.api_url),
        ("business_authorize_url", config.authorize_url),
        ("advertiser_authorize_url", config.advertiser_authorize_url),
    ):
        check_setting(PROVIDER, name, url, allow_loopback)
    return config

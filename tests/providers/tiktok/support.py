"""A fake TikTok with prepared answers that records requests; the common values of the provider's tests.

Owns literal answers in TikTok's format. Knows nothing of the provider's code but how it is built.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from providers.models.accounts import PrivacyLevel
from providers.models.grants import AccessToken
from providers.models.publishing import PostMode, PostOptions, PublishRequest, VideoFile
from providers.models.secret import Secret
from providers.tiktok import TikTok, build
from providers.tiktok.authorization import SCOPES
from tests.providers.faking import Answering, Counting, FakeVendor

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SETTINGS = {"client_key": "ck_test", "client_secret": Secret("canary-client-secret")}
UPLOAD_URL = "https://open-upload.tiktokapis.com/video/?upload_id=67890&upload_token=canary-upload"
PUBLISH_ID = "v_pub_file~v2-1.123456789"
# The verifier of RFC 7636, with TikTok's challenge for it.
VERIFIER = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")


def ok(data: Mapping[str, Any]) -> httpx.Response:
    """Return a successful answer of TikTok's."""
    return httpx.Response(200, json={"data": data, "error": {"code": "ok", "message": "", "log_id": "2026log"}})


def refused(status: int, code: str, message: str = "Said by TikTok.") -> httpx.Response:
    """Return a refusal of TikTok's."""
    return httpx.Response(
        status, json={"data": {}, "error": {"code": code, "message": message, "log_id": "2026refused"}}
    )


def begun() -> httpx.Response:
    """Return the answer to an init."""
    return ok({"publish_id": PUBLISH_ID, "upload_url": UPLOAD_URL})


def tiktok(*answers: Answering, **settings: Any) -> tuple[TikTok, FakeVendor]:
    """Return the provider in front of a vendor with these answers."""
    vendor = FakeVendor(list(answers) or [httpx.Response(500)])
    provider = build({**SETTINGS, **settings}, clock=lambda: NOW, transport=httpx.MockTransport(vendor))
    return provider, vendor


class Lender(Counting):
    """An Access that returns `canary-token-1`, and the next number each time one is refused."""

    def __init__(self, *scopes: str) -> None:
        super().__init__()
        self.scopes = frozenset(scopes or SCOPES)
        self.version = 1

    async def token(self) -> AccessToken:
        """Return the current token."""
        value = Secret(f"act.canary-token-{self.version}")
        return AccessToken(value, self.version, self.scopes, NOW + timedelta(hours=24))

    async def renew_refused_token(self, used: AccessToken) -> AccessToken:
        """Return the next token."""
        self.version = used.version + 1
        return await self.token()


def publish_request(mode: PostMode = PostMode.DIRECT, size: int = 50_000_123, **changes: Any) -> PublishRequest:
    """Return a request that TikTok accepts."""
    privacy = PrivacyLevel.ONLY_ME if mode is PostMode.DIRECT else None
    options = changes.pop("options", PostOptions(privacy_level=privacy))
    return PublishRequest(mode=mode, content=VideoFile(size, "video/mp4"), options=options, **changes)

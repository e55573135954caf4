"""A fake API for Business with prepared answers that records requests; the provider in front of it.

Owns literal answers in TikTok's format. Knows nothing of the provider's code but how it is built.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx

from providers.models.engagement import AccountRef
from providers.models.grants import AccessToken, GrantKind
from providers.models.secret import Secret
from providers.tiktok import TikTok, build
from providers.tiktok_business.ads.capabilities import SCOPES as ADS_SCOPES
from providers.tiktok_business.capabilities import SCOPES
from tests.providers import faking
from tests.providers.faking import NOW, Answering, FakeVendor

SETTINGS = {"business_app_id": "7000000000000000001", "business_secret": Secret("canary-business-secret")}
ACCOUNT = AccountRef("biz-1", "tiktok_business")
VIDEO, COMMENT = "7602997517160123001", "7602997517160124001"


def ok(data: Mapping[str, Any], code: int = 0) -> httpx.Response:
    """Return a success."""
    return httpx.Response(200, json={"code": code, "message": "OK", "request_id": "2026ok", "data": data})


def refused(code: int, message: str = "Said by TikTok.") -> httpx.Response:
    """Return a refusal: HTTP 200, and a code."""
    return httpx.Response(200, json={"code": code, "message": message, "request_id": "2026refused", "data": {}})


def tiktok(*answers: Answering, **settings: Any) -> tuple[TikTok, FakeVendor]:
    """Return the provider in front of a vendor with these answers."""
    vendor = FakeVendor(list(answers) or [httpx.Response(500)])
    provider = build({**SETTINGS, **settings}, clock=lambda: NOW, transport=httpx.MockTransport(vendor))
    return provider, vendor


def query(request: httpx.Request) -> dict[str, str]:
    """Return the query of a request."""
    return dict(parse_qsl(request.url.query.decode(), strict_parsing=True))


class FakeAccess(faking.FakeAccess):
    """An Access to the grant of an account holder, with all scopes unless some are named."""

    all_scopes: tuple[str, ...] = SCOPES
    prefix = "act.canary-business"

    async def token(self) -> AccessToken:
        """Return the current token."""
        value, expire_time = Secret(f"{self.prefix}-{self.version}"), NOW + timedelta(hours=24)
        kind = GrantKind.BUSINESS_ACCOUNT
        return AccessToken(value, self.version, self.scopes, expire_time, subject="biz-1", kind=kind)


class AdsAccess(FakeAccess):
    """An Access to the grant of an advertiser."""

    all_scopes = ADS_SCOPES

    async def token(self) -> AccessToken:
        """Return the current token."""
        return replace(await super().token(), kind=GrantKind.ADVERTISER)

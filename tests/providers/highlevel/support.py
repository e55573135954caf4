"""A fake HighLevel with scripted answers that records requests, and values shared by the provider's tests.

Owns literal answers in HighLevel's shapes. They are derived from its specification and from reports of live users;
none was recorded from an account. Knows nothing of the provider's code but how it is built.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from providers.highlevel import HighLevel, build
from providers.highlevel.capabilities import SCOPES
from providers.models.grants import AccessToken
from providers.models.secret import Secret
from tests.providers.faking import Answering, Counting, FakeVendor

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
API = "https://services.leadconnectorhq.com"
CLIENT_ID = "65f0c0de0000000000000a99-testapp"
SETTINGS = {"client_id": CLIENT_ID, "client_secret": Secret("canary-client-secret")}
LOCATION, COMPANY, USER = "LocationOfTests00001", "CompanyOfTests000001", "UserOfTests000000001"
CONNECTION_SETTINGS = {"location_id": LOCATION, "company_id": COMPANY, "user_id": USER}
RECORD = "65f0c0de00000000000000aa"
VERIFIER = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")


def ok(results: Any = None, status: int = 200, **more: Any) -> httpx.Response:
    """Return a success in HighLevel's format."""
    body = {"success": True, "statusCode": status, "message": "Done", "traceId": "trace-ok", **more}
    return httpx.Response(status, json=body if results is None else {**body, "results": results})


def refused(status: int, message: str | list[str] = "Said by HighLevel.", **more: Any) -> httpx.Response:
    """Return an error in HighLevel's format."""
    body = {"status": status, "options": {}, "message": message, "name": "SomeException", "error": "Some Phrase"}
    headers = more.pop("headers", None)
    return httpx.Response(
        status, json={**body, "statusCode": status, "traceId": "trace-refused", **more}, headers=headers
    )


def highlevel(*answers: Answering, **settings: Any) -> tuple[HighLevel, FakeVendor]:
    """Build the provider over a vendor that returns these answers."""
    vendor = FakeVendor(list(answers) or [httpx.Response(500)])
    provider = build({**SETTINGS, **settings}, clock=lambda: NOW, transport=httpx.MockTransport(vendor))
    return provider, vendor


class FakeAccess(Counting):
    """An Access with the token `canary-token-1`, whose number increases each time a token is refused."""

    def __init__(self, *scopes: str) -> None:
        super().__init__()
        self.scopes = frozenset(scopes or SCOPES)
        self.version = 1

    async def token(self) -> AccessToken:
        """Return the current token."""
        value = Secret(f"canary-token-{self.version}")
        return AccessToken(value, self.version, self.scopes, NOW + timedelta(hours=24), settings=CONNECTION_SETTINGS)

    async def renew_refused_token(self, used: AccessToken) -> AccessToken:
        """Return the next token."""
        self.version = used.version + 1
        return await self.token()

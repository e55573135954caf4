"""A fake HighLevel with scripted answers that records requests, and values shared by the provider's tests.

Owns literal answers in HighLevel's shapes. They are derived from its specification and from reports of live users;
none was recorded from an account. Knows nothing of the provider's code but how it is built.
"""

from typing import Any

import httpx

from providers.highlevel import HighLevel, build
from providers.highlevel.capabilities import SCOPES
from providers.models.secret import Secret
from tests.providers import faking
from tests.providers.faking import Answering, FakeVendor

NOW, VERIFIER = faking.NOW, faking.VERIFIER
API = "https://services.leadconnectorhq.com"
CLIENT_ID = "65f0c0de0000000000000a99-testapp"
SETTINGS = {"client_id": CLIENT_ID, "client_secret": Secret("canary-client-secret")}
LOCATION, COMPANY, USER = "LocationOfTests00001", "CompanyOfTests000001", "UserOfTests000000001"
CONNECTION_SETTINGS = {"location_id": LOCATION, "company_id": COMPANY, "user_id": USER}
RECORD = "65f0c0de00000000000000aa"


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


class FakeAccess(faking.FakeAccess):
    """An Access of the location with all scopes unless some are named."""

    all_scopes, settings = SCOPES, CONNECTION_SETTINGS

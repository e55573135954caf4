"""A sandbox: the provider over the simulated HighLevel, in process, with access tokens that are renewed.

Owns the wiring and the steps through consent pages. Knows only what the gateway would know.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from providers.highlevel import HighLevel, build
from providers.models.engagement import AccountRef
from providers.models.grants import ConsentRequest
from providers.simulators.highlevel import SimulatorConfig, Vendor, create_app
from providers.simulators.highlevel.posts import new_record
from providers.simulators.highlevel.tenants import BAKERY, OWNER
from tests.fixtures.consent import allow, decide, query_of
from tests.providers.faking import Recording, Renewing
from tests.providers.highlevel.support import NOW, VERIFIER

REDIRECT = "https://gateway.example/oauth/highlevel/callback"


@dataclass
class Sandbox:
    """A provider, the simulated vendor behind it, a browser, and the requests that the provider sent."""

    provider: HighLevel
    vendor: Vendor
    browser: httpx.AsyncClient
    line: Recording = field(repr=False)

    async def code(self, *locations: str, agency: bool = False) -> str:
        """Pick locations on the consent page, and return the code of the callback."""
        asked = ConsentRequest("st", VERIFIER, REDIRECT, self.provider.authorization.scopes)
        more = {"agency": "true"} if agency else {}
        uri = self.provider.authorization.consent_uri(asked)
        back = await decide(self.browser, uri, location=list(locations or (BAKERY,)), **more)
        return query_of(back)["code"]

    async def connect(self, *locations: str, agency: bool = False) -> Renewing:
        """Connect a location or an agency."""
        code = await self.code(*locations, agency=agency)
        grant = await self.provider.authorization.exchange(code, verifier=VERIFIER, redirect_uri=REDIRECT)
        return Renewing(self.provider.authorization, grant)

    def account(self, platform: str = "tiktok", location: str = BAKERY) -> AccountRef:
        """Return one of the location's accounts, as in its list."""
        found = next(each for each in self.vendor.accounts.of(location) if each.platform == platform)
        data = {"profile_id": found.profile_id, "origin_id": found.origin_id, "oauth_id": found.oauth_id}
        return AccountRef(found.id, found.platform, found.type, data)

    def posted(self, platform: str = "tiktok", location: str = BAKERY) -> str:
        """Add a scheduled post of the account, and return its id."""
        media = [{"url": "https://media.example/a.mp4", "type": "video/mp4"}]
        body = {"accountIds": [self.account(platform, location).id], "type": "post", "userId": OWNER, "media": media}
        later = {"status": "scheduled", "scheduleDate": "2026-11-21T00:00:00Z"}
        return new_record(self.vendor, location, {**body, **later, "summary": "Bread"}).id

    async def consent(self, access: Renewing, platform: str, **more: Any) -> str:
        """Consent on a network's page, and return the account id in the popup's message."""
        url = await self.provider.accounts.start(access, BAKERY, platform, user_id=OWNER, **more)
        return await allow(self.browser, url)


@asynccontextmanager
async def in_process(*, version: str = "2021-07-28", **config: Any) -> AsyncIterator[Sandbox]:
    """Yield a sandbox whose provider calls the simulator without a socket; its clock always returns NOW."""
    settings = SimulatorConfig(**config)
    app = create_app(settings, clock=lambda: NOW)
    transport = httpx.ASGITransport(app)
    line = Recording(transport)
    named = {
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "api_version": version,
        "webhook_keys": (app.state.vendor.webhooks.public_key,),
        "webhook_window_seconds": 300,
    }
    provider = build(named, clock=lambda: NOW, transport=line)
    agent = {"User-Agent": "browser-of-tests/1"}
    async with httpx.AsyncClient(transport=transport, headers=agent) as browser:
        yield Sandbox(provider, app.state.vendor, browser, line)
    await provider.close()
    await app.state.vendor.aclose()

"""The provider in front of the simulated TikTok, in process or on a socket, with a grant that is refreshed.

Owns the wiring and the loop that uploads a file. Knows only what a gateway would know.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from providers.models.grants import ConsentRequest
from providers.models.publishing import Begun, PublishRequest, Transferred, VideoFile
from providers.simulators.serving import serve
from providers.simulators.tiktok import SimulatorConfig, Vendor, create_app
from providers.tiktok import TikTok, build
from tests.fixtures.consent import decide
from tests.providers.faking import Line, Renewing, content
from tests.providers.tiktok.support import NOW, VERIFIER

REDIRECT = "https://gateway.example/oauth/tiktok/callback"


@dataclass
class Sandbox:
    """A provider, the simulated vendor behind it, and a browser."""

    provider: TikTok
    vendor: Vendor
    browser: httpx.AsyncClient
    line: Line | None = None
    sent: list[tuple[int, int]] = field(default_factory=list)

    async def consent(self, *, scopes: tuple[str, ...] | None = None, approve: bool = True) -> dict[str, list[str]]:
        """Complete the consent page and return the callback's query; `scopes` are those the user grants."""
        requested = self.provider.authorization.scopes
        uri = self.provider.authorization.consent_uri(ConsentRequest("st", VERIFIER, REDIRECT, requested))
        back = await decide(self.browser, uri, "approve" if approve else "deny", scopes=scopes)
        return parse_qs(urlsplit(back).query)

    async def code(self, *scopes: str) -> str:
        """Complete the consent page and return the callback's code."""
        return (await self.consent(scopes=scopes or None))["code"][0]

    async def connect(self, *scopes: str) -> Renewing:
        """Connect an account."""
        code = await self.code(*scopes)
        grant = await self.provider.authorization.exchange(code, verifier=VERIFIER, redirect_uri=REDIRECT)
        return Renewing(self.provider.authorization, grant)

    async def chunk(self, begun: Begun, request: PublishRequest, offset: int) -> Transferred:
        """Send the chunk that begins at `offset`."""
        assert begun.plan is not None
        assert begun.upload_url is not None
        assert isinstance(request.content, VideoFile)
        first, end, _ = begun.plan.chunk_at(offset)
        self.sent.append((first, end))
        return await self.provider.publishing.send_chunk(
            begun.upload_url, request.content, first=first, end=end, body=lambda: content(first, end)
        )

    async def transfer(self, begun: Begun, request: PublishRequest, offset: int = 0) -> None:
        """Send all chunks from `offset` on."""
        answer = Transferred(offset, False)
        while not answer.complete:
            assert answer.received is not None
            answer = await self.chunk(begun, request, answer.received)


def _settings(config: SimulatorConfig, **more: Any) -> dict[str, Any]:
    return {"client_key": config.client_key, "client_secret": config.client_secret, **more}


@asynccontextmanager
async def in_process(**config: Any) -> AsyncIterator[Sandbox]:
    """Yield a provider that calls the simulator without a socket; time stands still at NOW."""
    settings = SimulatorConfig(processing_seconds=0, moderation_seconds=0, **config)
    app = create_app(settings, clock=lambda: NOW)
    transport = httpx.ASGITransport(app)
    line = Line(transport)
    provider = build(_settings(settings), clock=lambda: NOW, transport=line)
    async with httpx.AsyncClient(transport=transport) as browser:
        yield Sandbox(provider, app.state.vendor, browser, line)
    await provider.close()


@asynccontextmanager
async def on_a_socket(**config: Any) -> AsyncIterator[Sandbox]:
    """Yield a provider that calls the simulator over a real socket, through the real transport."""
    settings = SimulatorConfig(processing_seconds=0, moderation_seconds=0, **config)
    app = create_app(settings, clock=lambda: NOW)
    async with serve(app) as url, httpx.AsyncClient(trust_env=False) as browser:
        urls = {"api_url": url, "authorize_url": f"{url}/v2/auth/authorize/", "allow_loopback": True}
        provider = build(_settings(settings, **urls), clock=lambda: NOW)
        yield Sandbox(provider, app.state.vendor, browser)
        await provider.close()

"""The provider in front of the simulated TikTok, in process or on a socket, with a grant that is refreshed.

Owns the wiring and the loop that uploads a file. Knows only what a gateway would know.
"""

import hashlib
import re
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
from tests.providers.faking import Line, Renewing
from tests.providers.tiktok.support import NOW, VERIFIER

REDIRECT = "https://gateway.example/oauth/tiktok/callback"
PIECE = bytes(range(256)) * 4096


@dataclass
class Journey:
    """A provider, the simulated vendor behind it, and a browser."""

    provider: TikTok
    vendor: Vendor
    browser: httpx.AsyncClient
    line: Line | None = None
    sent: list[tuple[int, int]] = field(default_factory=list)

    async def consent(self, *, scopes: tuple[str, ...] | None = None, approve: bool = True) -> dict[str, list[str]]:
        """Complete the consent page and return the callback's query; `scopes` are those the user grants."""
        requested = self.provider.authorization.scopes
        page = await self.browser.get(
            self.provider.authorization.consent_uri(ConsentRequest("st", VERIFIER, REDIRECT, requested))
        )
        consent = re.search(r'name=consent value="([^"]+)"', page.text)
        assert consent is not None, page.text
        form = {
            "consent": consent[1],
            "decision": "approve" if approve else "deny",
            "scope": list(requested if scopes is None else scopes),
        }
        back = await self.browser.post(page.url.join("/_sim/consent"), data=form)
        return parse_qs(urlsplit(back.headers["location"]).query)

    async def connect(self, *scopes: str) -> Renewing:
        """Connect an account."""
        query = await self.consent(scopes=scopes or None)
        grant = await self.provider.authorization.exchange(query["code"][0], verifier=VERIFIER, redirect_uri=REDIRECT)
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


async def content(first: int, end: int) -> AsyncIterator[bytes]:
    """Yield bytes [first, end) of the endless file that all tests send."""
    while first < end:
        start = first % len(PIECE)
        piece = PIECE[start : start + end - first]
        first += len(piece)
        yield piece


def sha256(size: int) -> str:
    """Return the hash of the first `size` bytes of that file."""
    whole, rest = divmod(size, len(PIECE))
    digest = hashlib.sha256()
    for _ in range(whole):
        digest.update(PIECE)
    digest.update(PIECE[:rest])
    return digest.hexdigest()


def _settings(config: SimulatorConfig, **more: Any) -> dict[str, Any]:
    return {"client_key": config.client_key, "client_secret": config.client_secret, **more}


@asynccontextmanager
async def in_process(**config: Any) -> AsyncIterator[Journey]:
    """Yield a provider that calls the simulator without a socket; time stands still at NOW."""
    settings = SimulatorConfig(processing_seconds=0, moderation_seconds=0, **config)
    app = create_app(settings, clock=lambda: NOW)
    transport = httpx.ASGITransport(app)
    line = Line(transport)
    provider = build(_settings(settings), clock=lambda: NOW, transport=line)
    async with httpx.AsyncClient(transport=transport) as browser:
        yield Journey(provider, app.state.vendor, browser, line)
    await provider.close()


@asynccontextmanager
async def on_a_socket(**config: Any) -> AsyncIterator[Journey]:
    """Yield a provider that calls the simulator over a real socket, through the real transport."""
    settings = SimulatorConfig(processing_seconds=0, moderation_seconds=0, **config)
    app = create_app(settings, clock=lambda: NOW)
    async with serve(app) as url, httpx.AsyncClient(trust_env=False) as browser:
        urls = {"api_url": url, "authorize_url": f"{url}/v2/auth/authorize/", "allow_loopback": True}
        provider = build(_settings(settings, **urls), clock=lambda: NOW)
        yield Journey(provider, app.state.vendor, browser)
        await provider.close()

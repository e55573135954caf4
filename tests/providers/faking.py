"""Fakes for the providers' tests: vendors that return prepared answers, Access on a grant, a file without an end.

Owns the fakes and values that are independent of a vendor's formats. Knows nothing of a provider's code.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx

from providers.interface import Authorization
from providers.models.grants import AccessToken, Grant
from providers.models.secret import Secret
from tests.fixtures.clock import START

NOW = START
VERIFIER = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
"""The PKCE verifier of RFC 7636, appendix B."""
PIECE = bytes(range(256)) * 4096
Answering = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


@dataclass
class FakeVendor:
    """Returns the answers in turn (the last one for ever) and records the requests."""

    answers: list[Answering]
    requests: list[httpx.Request] = field(default_factory=list)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        await request.aread()
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    @property
    def last(self) -> httpx.Request:
        """Return the last request."""
        return self.requests[-1]

    def sent(self) -> Any:
        """Return the JSON of the last request."""
        return json.loads(self.last.content)

    def form(self) -> dict[str, str]:
        """Return the form of the last request."""
        fields = parse_qs(self.last.content.decode(), strict_parsing=True, keep_blank_values=True)
        return {name: values[0] for name, values in fields.items()}


class Line(httpx.AsyncBaseTransport):
    """An in-process connection to a vendor; while it is `down`, every connection fails."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.down = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Forward a request, or fail to connect."""
        if self.down:
            raise httpx.ConnectError("Nobody listens there.", request=request)
        return await self.inner.handle_async_request(request)


class Recording(Line):
    """A connection that records the requests."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        super().__init__(inner)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Record a request and forward it."""
        await request.aread()
        self.requests.append(request)
        return await super().handle_async_request(request)


class Counting:
    """The quota part of an Access: lets every call through and records its metric."""

    def __init__(self) -> None:
        self.slots: list[str] = []
        self.limits: list[tuple[str, timedelta]] = []
        self.heard: list[tuple[str, int | None, int | None, timedelta]] = []

    @asynccontextmanager
    async def slot(self, metric: str) -> AsyncIterator[None]:
        """Record that a slot was taken."""
        self.slots.append(metric)
        yield

    async def report_rate_limited(self, metric: str, retry_after: timedelta) -> None:
        """Record that the vendor rate-limited a call."""
        self.limits.append((metric, retry_after))

    async def report_rate_headers(
        self, metric: str, *, limit: int | None = None, remaining: int | None = None, resets_in: timedelta
    ) -> None:
        """Record what an answer's headers reported."""
        self.heard.append((metric, limit, remaining, resets_in))


class FakeAccess(Counting):
    """An Access whose token ends in `-1`, and in the next number each time one is refused."""

    prefix = "canary-token"
    all_scopes: tuple[str, ...] = ()
    settings: Mapping[str, str] = {}

    def __init__(self, *scopes: str) -> None:
        super().__init__()
        self.scopes = frozenset(scopes or self.all_scopes)
        self.version = 1

    async def token(self) -> AccessToken:
        """Return the current token."""
        value, expire_time = Secret(f"{self.prefix}-{self.version}"), NOW + timedelta(hours=24)
        return AccessToken(value, self.version, self.scopes, expire_time, settings=self.settings)

    async def renew_refused_token(self, used: AccessToken) -> AccessToken:
        """Return the next token."""
        self.version = used.version + 1
        return await self.token()


class Renewing(Counting):
    """An Access on one grant that refreshes the pair when the token was refused."""

    def __init__(self, authorization: Authorization, grant: Grant) -> None:
        super().__init__()
        self.authorization = authorization
        self.grant = grant
        self.version = 1

    async def token(self) -> AccessToken:
        """Return the current token."""
        grant = self.grant
        return AccessToken(
            grant.access_token,
            self.version,
            frozenset(grant.scopes),
            grant.access_expire_time,
            subject=grant.subject,
            settings=grant.settings,
            kind=grant.kind,
        )

    async def renew_refused_token(self, used: AccessToken) -> AccessToken:
        """Refresh the pair and return the new token."""
        assert self.grant.refresh_token is not None
        self.grant = await self.authorization.refresh(self.grant.refresh_token)
        self.version += 1
        return await self.token()


async def content(first: int, end: int) -> AsyncIterator[bytes]:
    """Yield bytes [first, end) of the endless file that all tests send."""
    while first < end:
        start = first % len(PIECE)
        piece = PIECE[start : start + end - first]
        first += len(piece)
        yield piece

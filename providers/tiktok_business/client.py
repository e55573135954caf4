"""The calls of TikTok's API for Business over HTTP: URLs, headers, queries, bodies, and the code that decides.

Owns the translation of one call into one answer or one error. Does not know what the calls are for.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import httpx

from providers.errors import RateLimited, TokenRefused
from providers.http import strict_json
from providers.http.call import with_access
from providers.http.client import Clients
from providers.http.exchange import Answer, exchange
from providers.http.retry import read_again
from providers.interface.access import Access
from providers.models.grants import AccessToken
from providers.models.secret import Secret
from providers.tiktok_business import wire
from providers.tiktok_business.capabilities import QUOTA
from providers.tiktok_business.config import PROVIDER, Config
from providers.tiktok_business.errors import MINUTE_PAUSE, refusal, token_refusal, unreadable

BASE = "/open_api/v1.3"
Query = Mapping[str, Any] | Callable[[AccessToken], Mapping[str, Any]]
"""The parameters of a GET, which may depend on the token in use."""


class Client:
    """The API for Business over HTTP, for one application. Every path keeps its trailing slash: without it, 404."""

    def __init__(self, config: Config, clients: Clients, clock: Callable[[], datetime]) -> None:
        """Store the parts; no connection is opened yet."""
        self.config = config
        self.clients = clients
        self.clock = clock

    async def read(self, access: Access, path: str, query: Query) -> wire.Envelope:
        """Make a read of the grant's own account; retried once if TikTok is unavailable. Raises ProviderError."""

        async def once(token: AccessToken) -> wire.Envelope:
            asked = query(token) if callable(query) else query
            texts = {name: wire.query_value(value) for name, value in asked.items()}
            url = f"{path}?{urlencode({'business_id': token.subject, **texts}, errors='replace')}"
            request = self._request(self.clients.reads, "GET", url, token)
            return await read_again(lambda: self._counted(access, self.clients.reads, request, token, write=False))

        return await with_access(access, once)

    async def write(self, access: Access, path: str, body: Mapping[str, Any]) -> wire.Envelope:
        """Make a write, once; it is only repeated after TikTok refused the token.

        Raises ProviderError; Ambiguous if it is unknown whether the write happened.
        """

        async def once(token: AccessToken) -> wire.Envelope:
            sent = {"business_id": token.subject, **body}
            request = self._request(self.clients.writes, "POST", path, token, sent)
            return await self._counted(access, self.clients.writes, request, token, write=True)

        return await with_access(access, once)

    async def application(self, path: str, body: Mapping[str, Any], secrets: tuple[Secret, ...]) -> wire.Envelope:
        """Make a call as the application, without a token: once. `secrets` are removed from what TikTok says of it.

        Raises Unavailable (nothing was sent), Ambiguous (no answer, or none that can be read), ProviderError.
        """
        request = self._build(self.clients.writes, "POST", path, {}, body)
        answer = await exchange(self.clients.writes, request, write=True, provider=PROVIDER)
        envelope = _parsed(answer, write=True, secrets=secrets)
        if envelope.code != wire.OK:
            raise token_refusal(answer, envelope, secrets)
        return envelope

    def _request(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        token: AccessToken,
        body: Mapping[str, Any] | None = None,
    ) -> httpx.Request:
        """Build an authorised request."""
        value = token.value.reveal()
        if not strict_json.is_token(value):
            raise TokenRefused("The stored access token cannot be sent: it holds characters no token has.")
        return self._build(client, method, path, {"Access-Token": value}, body)

    def _build(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None,
    ) -> httpx.Request:
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        kind = {} if body is None else {"Content-Type": "application/json"}
        return client.build_request(
            method, f"{self.config.api_url}{BASE}{path}", content=content, headers={**headers, **kind}
        )

    async def _counted(
        self, access: Access, client: httpx.AsyncClient, request: httpx.Request, token: AccessToken, *, write: bool
    ) -> wire.Envelope:
        """Send a request within the application's quota, and report it if TikTok rate-limits the call all the same."""
        async with access.slot(QUOTA):
            try:
                answer = await exchange(client, request, write=write, provider=PROVIDER)
                return opened(answer, write=write, now=self.clock(), token=token)
            except RateLimited as error:
                await access.report_rate_limited(QUOTA, error.retry_after or MINUTE_PAUSE)
                raise


def opened(answer: Answer, *, write: bool, now: datetime, token: AccessToken) -> wire.Envelope:
    """Return the envelope of a success: the code decides, never the HTTP status alone. Raises ProviderError.

    A partial success (20001) is a success of a read. A write is of one object: it failed if TikTok names an error.
    """
    secrets: tuple[Secret, ...] = (token.value,)
    envelope = _parsed(answer, write=write, secrets=secrets)
    if envelope.code == wire.OK or (envelope.code == wire.PARTIAL and not (write and envelope.data.get("error_list"))):
        return envelope
    raise refusal(answer, envelope, write=write, now=now, secrets=secrets)


def _parsed(answer: Answer, *, write: bool, secrets: tuple[Secret, ...]) -> wire.Envelope:
    """Parse an envelope; HTML, an empty body and JSON without a code are told by the HTTP status alone."""
    try:
        envelope = wire.envelope(answer.body)
    except strict_json.Malformed:
        raise unreadable(answer, write=write, secrets=secrets) from None
    if envelope.code is None or not 200 <= answer.status < 300:
        raise unreadable(answer, write=write, secrets=secrets)
    return envelope

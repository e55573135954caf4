"""The calls of TikTok's API for Business over HTTP: URLs, headers, queries, bodies, and the code that decides.

Owns the translation of one call into one answer or one error. Does not know what the calls are for.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import httpx

from providers.errors import RateLimited, TokenRefused
from providers.http import strict_json
from providers.http.call import with_access
from providers.http.client import Clients
from providers.http.download import opened as opened_file
from providers.http.exchange import Answer, exchange
from providers.http.feed import send
from providers.http.multipart import FileForm
from providers.http.retry import read_again
from providers.interface.access import Access
from providers.models.grants import AccessToken
from providers.models.secret import Secret
from providers.tiktok_business import wire
from providers.tiktok_business.capabilities import QUOTA
from providers.tiktok_business.config import PROVIDER, Config
from providers.tiktok_business.errors import (
    ADVERTISER_CODES,
    CODES,
    MINUTE_PAUSE,
    Codes,
    Meaning,
    contract,
    refusal,
    token_refusal,
    unreadable,
)

BASE = "/open_api/v1.3"
OK = 200
NO_ERROR = Answer(OK, {}, b'{"code": 0}')
"""What stands for the envelope of an answer that is a file."""

Query = Mapping[str, Any] | Callable[[AccessToken], Mapping[str, Any]]
"""The parameters of a call, which may depend on the token in use."""


class Client:
    """The API for Business over HTTP, for one application. Every path keeps its trailing slash: without it, 404."""

    def __init__(self, config: Config, clients: Clients, clock: Callable[[], datetime]) -> None:
        """Store the parts; no connection is opened yet."""
        self.config = config
        self.clients = clients
        self.clock = clock

    async def read(self, access: Access, path: str, query: Query) -> wire.Envelope:
        """Make a read of the grant's own account; retried once if TikTok is unavailable. Raises ProviderError."""

        def own(token: AccessToken) -> Mapping[str, Any]:
            return {"business_id": token.subject, **(query(token) if callable(query) else query)}

        return await self.get(access, path, own)

    async def write(self, access: Access, path: str, body: Mapping[str, Any]) -> wire.Envelope:
        """Make a write to the grant's own account, once; it is only repeated after TikTok refused the token.

        Raises ProviderError; Ambiguous if it is unknown whether the write happened.
        """
        return await self.post(access, path, lambda token: {"business_id": token.subject, **body})

    async def get(self, access: Access, path: str, query: Query, codes: Codes = CODES) -> wire.Envelope:
        """Make a read; retried once if TikTok is unavailable. `codes` is the meaning of its codes."""

        async def once(token: AccessToken) -> wire.Envelope:
            asked = query(token) if callable(query) else query
            texts = {name: wire.query_value(value) for name, value in asked.items()}
            url = f"{path}?{urlencode(texts, errors='replace')}" if texts else path
            request = self._request(self.clients.reads, "GET", url, token)

            async def answer() -> Answer:
                return await exchange(self.clients.reads, request, write=False, provider=PROVIDER)

            return await read_again(lambda: self._counted(access, answer, token, Meaning(codes)))

        return await with_access(access, once)

    @asynccontextmanager
    async def download(
        self, access: Access, path: str, query: Mapping[str, Any], codes: Codes = CODES
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Make a read whose answer is a file, once, and yield its bytes; an envelope in its place is an error."""
        async with AsyncExitStack() as held:

            async def once(token: AccessToken) -> AsyncIterator[bytes]:
                return await self._open(held, access, f"{path}?{urlencode(query)}", token, Meaning(codes))

            yield await with_access(access, once)

    async def _open(
        self, held: AsyncExitStack, access: Access, url: str, token: AccessToken, meaning: Meaning
    ) -> AsyncIterator[bytes]:
        """Return the bytes of a file, whose transfer `held` ends."""
        request = self._request(self.clients.reads, "GET", url, token)
        found = []

        async def answer() -> Answer:
            download = await held.enter_async_context(opened_file(self.clients.reads, request, provider=PROVIDER))
            if download.response.status_code == OK and not download.first.lstrip().startswith(b"{"):
                found.append(download)
                return NO_ERROR
            return await download.answer()

        envelope = await self._counted(access, answer, token, meaning)
        if not found:
            raise contract("TikTok's answer is not a file.", envelope)
        return found[0].pieces()

    async def post(
        self, access: Access, path: str, body: Query, codes: Codes = CODES, *, partial: bool = False
    ) -> wire.Envelope:
        """Make a write, once, as `write` does; with `partial` also a partial success (20001) is returned."""

        async def once(token: AccessToken) -> wire.Envelope:
            sent = body(token) if callable(body) else body
            request = self._request(self.clients.writes, "POST", path, token, sent)

            async def answer() -> Answer:
                return await exchange(self.clients.writes, request, write=True, provider=PROVIDER)

            return await self._counted(access, answer, token, Meaning(codes, write=True, partial=partial))

        return await with_access(access, once)

    async def upload(self, access: Access, path: str, form: FileForm, codes: Codes = CODES) -> wire.Envelope:
        """POST a form with a file, streamed: a write as in `post`. Raises whatever the file's stream raises, too."""

        async def once(token: AccessToken) -> wire.Envelope:
            headers = {**_authorized(token.value), **form.headers}
            url = Secret(f"{self.config.api_url}{BASE}{path}")

            async def answer() -> Answer:
                uploads, source = self.clients.uploads, form.stream()
                return await send(uploads, "POST", url, headers, source, form.length, provider=PROVIDER)

            return await self._counted(access, answer, token, Meaning(codes, write=True))

        return await with_access(access, once)

    async def with_token(self, path: str, query: Mapping[str, Any], token: Secret) -> wire.Envelope:
        """Make a read with a token that is not kept yet; retried once if TikTok is unavailable."""
        url = f"{path}?{urlencode(query)}" if query else path
        request = self._build(self.clients.reads, "GET", url, _authorized(token), None)

        async def once() -> wire.Envelope:
            answer = await exchange(self.clients.reads, request, write=False, provider=PROVIDER)
            hidden = (token, self.config.secret)
            return opened(answer, Meaning(ADVERTISER_CODES), now=self.clock(), secrets=hidden)

        return await read_again(once)

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
        return self._build(client, method, path, _authorized(token.value), body)

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
        self, access: Access, answer: Callable[[], Awaitable[Answer]], token: AccessToken, meaning: Meaning
    ) -> wire.Envelope:
        """Send a request within the application's quota, and report it if TikTok rate-limits the call all the same."""
        async with access.slot(QUOTA):
            try:
                hidden = (token.value, self.config.secret)
                return opened(await answer(), meaning, now=self.clock(), secrets=hidden)
            except RateLimited as error:
                await access.report_rate_limited(QUOTA, error.retry_after or MINUTE_PAUSE)
                raise


def _authorized(token: Secret) -> dict[str, str]:
    """Return the header that authorises a call; raises TokenRefused for a token that no header can have."""
    value = token.reveal()
    if not strict_json.is_token(value):
        raise TokenRefused("The stored access token cannot be sent: it holds characters no token has.")
    return {"Access-Token": value}


def opened(answer: Answer, meaning: Meaning, *, now: datetime, secrets: tuple[Secret, ...]) -> wire.Envelope:
    """Return the envelope of a success: the code decides, never the HTTP status alone. Raises ProviderError.

    A partial success (20001) is a success of a read. A write of one object failed if TikTok names an error.
    """
    envelope = _parsed(answer, write=meaning.write, secrets=secrets)
    failed = meaning.write and not meaning.partial and envelope.data.get("error_list")
    if envelope.code == wire.OK or (envelope.code == wire.PARTIAL and not failed):
        return envelope
    raise refusal(answer, envelope, meaning, now=now, secrets=secrets)


def _parsed(answer: Answer, *, write: bool, secrets: tuple[Secret, ...]) -> wire.Envelope:
    """Parse an envelope; HTML, an empty body and JSON without a code are told by the HTTP status alone."""
    try:
        envelope = wire.envelope(answer.body)
    except strict_json.Malformed:
        raise unreadable(answer, write=write, secrets=secrets) from None
    if envelope.code is None or not 200 <= answer.status < 300:
        raise unreadable(answer, write=write, secrets=secrets)
    return envelope

"""TikTok's calls over HTTP: URLs, headers, bodies, and the parsing of the envelope.

Owns the translation of one call into one answer or one error. Does not know what the calls are for.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import httpx

from providers.errors import RateLimited, ScopeNotGranted, TokenRefused
from providers.http import strict_json
from providers.http.call import with_access
from providers.http.client import Clients
from providers.http.exchange import Answer, exchange
from providers.http.retry import read_again
from providers.interface.access import Access
from providers.models.grants import AccessToken
from providers.models.secret import Secret
from providers.tiktok import wire
from providers.tiktok.config import Config
from providers.tiktok.errors import PROVIDER, RATE_WINDOW, refusal, unreadable

# "Rate Limits" (developers.tiktok.com, 2026-11-20): the quota of each path; cancelling has no documented limit.
METRICS: Mapping[str, str] = {
    "/v2/user/info/": "user_info",
    "/v2/video/list/": "video_list",
    "/v2/video/query/": "video_query",
    "/v2/post/publish/creator_info/query/": "creator_info",
    "/v2/post/publish/video/init/": "video_init",
    "/v2/post/publish/inbox/video/init/": "inbox_init",
    "/v2/post/publish/content/init/": "content_init",
    "/v2/post/publish/status/fetch/": "status",
}

# "Scopes" (developers.tiktok.com, 2026-11-20): the scope that a refusal is about, for paths that need exactly one.
SCOPES: Mapping[str, str] = {
    "/v2/video/list/": "video.list",
    "/v2/video/query/": "video.list",
    "/v2/post/publish/creator_info/query/": "video.publish",
    "/v2/post/publish/video/init/": "video.publish",
    "/v2/post/publish/inbox/video/init/": "video.upload",
}


class Client:
    """TikTok over HTTP, for one application. Every path keeps its trailing slash: without it TikTok answers 404."""

    def __init__(self, config: Config, clients: Clients, clock: Callable[[], datetime]) -> None:
        """Store the parts; no connection is opened yet."""
        self.config = config
        self.clients = clients
        self.clock = clock

    async def read(
        self,
        access: Access,
        path: str,
        *,
        fields: Callable[[AccessToken], str] | None = None,
        body: Mapping[str, Any] | None = None,
        method: str = "POST",
        retry: bool = True,
    ) -> wire.Envelope:
        """Make a read; retried once if TikTok is unavailable, unless `retry` is False.

        `fields` returns the value of the query parameter `fields` for the token in use; TikTok wants it in the query
        on POST too. Raises ProviderError.
        """

        async def once(token: AccessToken) -> wire.Envelope:
            query = f"?fields={fields(token)}" if fields else ""
            request = self._request(self.clients.reads, method, path + query, token, body)

            async def send() -> wire.Envelope:
                async with _counted(access, path):
                    answer = await exchange(self.clients.reads, request, write=False, provider=PROVIDER)
                    return opened(answer, write=False, token=token)

            return await (read_again(send) if retry else send())

        return await with_access(access, once)

    async def write(self, access: Access, path: str, body: Mapping[str, Any]) -> wire.Envelope:
        """Make a write, once; it is only repeated after TikTok refused the token.

        Raises ProviderError; Ambiguous if it is unknown whether the write happened.
        """

        async def once(token: AccessToken) -> wire.Envelope:
            request = self._request(self.clients.writes, "POST", path, token, body)
            async with _counted(access, path):
                answer = await exchange(self.clients.writes, request, write=True, provider=PROVIDER)
                return opened(answer, write=True, token=token)

        return await with_access(access, once)

    async def form(self, path: str, fields: Mapping[str, str]) -> Answer:
        """POST a form to the OAuth endpoints, once; raises Unavailable (nothing was sent) or Ambiguous (no answer)."""
        request = self.clients.writes.build_request(
            "POST",
            self.config.api_url + path,
            content=urlencode(fields, errors="replace").encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded", "Cache-Control": "no-cache"},
        )
        return await exchange(self.clients.writes, request, write=True, provider=PROVIDER)

    def _request(
        self, client: httpx.AsyncClient, method: str, path: str, token: AccessToken, body: Mapping[str, Any] | None
    ) -> httpx.Request:
        """Build an authorised request."""
        value = token.value.reveal()
        if not strict_json.is_token(value):
            raise TokenRefused("The stored access token cannot be sent: it holds characters no token has.")
        headers = {"Authorization": f"Bearer {value}"}
        if method == "POST":
            headers["Content-Type"] = "application/json; charset=UTF-8"
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        return client.build_request(method, self.config.api_url + path, content=content, headers=headers)


@asynccontextmanager
async def _counted(access: Access, path: str) -> AsyncIterator[None]:
    """Take a slot of the quota of `path`, and report it if TikTok rate-limits the call all the same."""
    metric = METRICS.get(path)
    if metric is None:
        yield
        return
    async with access.slot(metric):
        try:
            yield
        except RateLimited as error:
            await access.report_rate_limited(metric, error.retry_after or RATE_WINDOW)
            raise
        except ScopeNotGranted as error:
            if path in SCOPES:
                error.metadata["scope"] = SCOPES[path]
            raise


def opened(answer: Answer, *, write: bool, token: AccessToken) -> wire.Envelope:
    """Return the envelope of a success: the code `ok` with a 2xx, never the HTTP status alone. Raises ProviderError."""
    secrets: tuple[Secret, ...] = (token.value,)
    try:
        envelope = wire.envelope(answer.body)
    except strict_json.Malformed:
        raise unreadable(answer, write=write, secrets=secrets) from None
    if envelope.code == "ok" and 200 <= answer.status < 300:
        return envelope
    if envelope.code in ("", "ok"):
        raise unreadable(answer, write=write, secrets=secrets)
    raise refusal(answer, envelope, write=write, secrets=secrets)

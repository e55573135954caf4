"""HighLevel's calls as they go over the wire: addresses, headers, bodies, and the envelope opened.

Owns the translation of one call into one answer or one error. Does not know what the calls are for.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx

from providers.errors import ContentRefused, RateLimited, ScopeNotGranted, TokenRefused
from providers.highlevel import limits, wire
from providers.highlevel.config import PROVIDER, Config
from providers.highlevel.errors import refusal, unreadable
from providers.http import feed, strict_json
from providers.http.call import with_access
from providers.http.client import Clients
from providers.http.exchange import Answer, exchange
from providers.http.multipart import FileForm
from providers.http.retry import read_again
from providers.interface.access import Access
from providers.models.secret import Secret

T = TypeVar("T")
Opening = Callable[[Answer, "Call", Secret], T]
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
# For one piece of a file, and for the answer after the last one, before which HighLevel stores the file.
_UPLOAD_STALL_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised call. `scope` is what it needs, to be named when it is missing; `again` is for reads only.

    `secrets` stand in the body, and no error may repeat them.
    """

    method: str
    path: str
    scope: str = ""
    query: Mapping[str, str] | None = None
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    write: bool = True
    again: bool = False
    file: FileForm | None = None
    secrets: tuple[Secret, ...] = ()


def path(*parts: str) -> str:
    """Join parts of a path, each of them an id or a name; raises ContentRefused for one that is none."""
    try:
        return "".join(f"/{wire.segment(each)}" for each in parts)
    except ValueError:
        raise ContentRefused("An id is empty or no id.", provider=PROVIDER, code="not_an_id") from None


class Client:
    """HighLevel over HTTP, for one application."""

    def __init__(self, config: Config, clients: Clients, clock: Callable[[], datetime]) -> None:
        """Hold the parts; nothing is opened yet."""
        self.config = config
        self.clients = clients
        self.clock = clock

    async def read(
        self, access: Access, where: str, *, scope: str, query: Mapping[str, str] | None = None, again: bool = True
    ) -> wire.Envelope:
        """GET what changes nothing; once more when HighLevel was not available, unless `again` is False.

        Raises ProviderError.
        """
        call = Call("GET", where, scope, query, write=False, again=again)
        return await self.ask(access, call, opened)

    async def write(
        self,
        access: Access,
        method: str,
        where: str,
        *,
        scope: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        secrets: tuple[Secret, ...] = (),
    ) -> wire.Envelope:
        """Make a call that changes something, once; the only repetition is after HighLevel refused the token.

        `secrets` stand in the body. Raises ProviderError, Ambiguous when nobody can say whether it happened.
        """
        return await self.ask(access, Call(method, where, scope, query, body, form, secrets=secrets), opened)

    async def upload(
        self, access: Access, where: str, file: FileForm, *, scope: str, query: Mapping[str, str] | None = None
    ) -> wire.Envelope:
        """POST a form with a file, piece by piece: a call that changes something, as in `write`, that may take minutes.

        Raises ProviderError, and whatever the file's stream raises.
        """
        return await self.ask(access, Call("POST", where, scope, query, file=file), opened)

    async def ask(self, access: Access, call: Call, opening: Opening[T]) -> T:
        """Make a call and open its answer; a refused token is renewed once, a 429 is told to `access`."""

        async def send(token: Secret) -> T:
            async with _counted(access) as heard:
                return await self.once(token, call, heard.opening(opening))

        async def with_token(token: Secret) -> T:
            return await (read_again(lambda: send(token)) if call.again else send(token))

        return await with_access(access, lambda lent: with_token(lent.value))

    async def once(self, token: Secret, call: Call, opening: Opening[T]) -> T:
        """Make a call with this token, once, uncounted."""
        answer = await self._answer(token, call)
        try:
            return opening(answer, call, token)
        except ScopeNotGranted as refused:
            refused.metadata["scope"] = call.scope
            raise

    async def _answer(self, token: Secret, call: Call) -> Answer:
        """Send a call and read its answer."""
        client = self.clients.writes if call.write else self.clients.reads
        more = _authorisation(token)
        if call.file is None:
            return await exchange(client, self._request(client, call, more), write=call.write, provider=PROVIDER)
        return await feed.send(
            self.clients.uploads,
            call.method,
            Secret(self._url(call)),
            {**self._headers(), **more, **call.file.headers},
            call.file.stream(),
            call.file.length,
            provider=PROVIDER,
            stall_seconds=_UPLOAD_STALL_SECONDS,
        )

    async def form(self, where: str, fields: Mapping[str, str]) -> Answer:
        """POST a form without a token, once; raises Unavailable (nothing was sent) or Ambiguous (no answer)."""
        client = self.clients.writes
        request = self._request(client, Call("POST", where, form=fields), {"Cache-Control": "no-cache"})
        return await exchange(client, request, write=True, provider=PROVIDER)

    def _request(self, client: httpx.AsyncClient, call: Call, more: Mapping[str, str]) -> httpx.Request:
        """Build a call."""
        headers, content = {**self._headers(), **more}, None
        if call.form is not None:
            content, headers["Content-Type"] = urlencode(call.form, errors="replace").encode(), _FORM
        elif call.body is not None:
            content = json.dumps(call.body, ensure_ascii=False).encode("utf-8", "replace")
            headers["Content-Type"] = _JSON
        return client.build_request(call.method, self._url(call), content=content, headers=headers)

    def _headers(self) -> dict[str, str]:
        """Return what every call says: the version picks the generation, and HighLevel turns strange agents away."""
        return {"Version": self.config.api_version, "User-Agent": self.config.user_agent}

    def _url(self, call: Call) -> str:
        query = f"?{urlencode(call.query, errors='replace')}" if call.query else ""
        return f"{self.config.api_url}{call.path}{query}"


def _authorisation(token: Secret) -> dict[str, str]:
    value = token.reveal()
    if not strict_json.is_token(value):
        raise TokenRefused("The stored access token cannot be sent: it holds characters no token has.")
    return {"Authorization": f"Bearer {value}"}


class _Heard:
    """The answer to a call, if there was one, kept when it is opened."""

    def __init__(self) -> None:
        self.answer: Answer | None = None

    def opening(self, opening: Opening[T]) -> Opening[T]:
        """Open with `opening`, and keep the answer."""

        def opened_and_kept(answer: Answer, call: Call, token: Secret) -> T:
            self.answer = answer
            return opening(answer, call, token)

        return opened_and_kept


@asynccontextmanager
async def _counted(access: Access) -> AsyncIterator[_Heard]:
    """Hold a slot of the burst and of the day, and say what HighLevel's answer tells of both.

    The burst comes first: a call that finds no slot in it must not count for the day.
    """
    heard = _Heard()
    async with access.slot(limits.BURST), access.slot(limits.DAY):
        try:
            yield heard
        except RateLimited as error:
            await access.limited(error.metadata.get("quota", limits.BURST), error.retry_after or limits.WINDOW)
            raise
        finally:
            if heard.answer is not None:
                await _tell(access, limits.rates(heard.answer.headers))


async def _tell(access: Access, rates: limits.Rates) -> None:
    """Say what the headers of an answer tell; there are none on calls that HighLevel does not count."""
    burst, day = (rates.maximum, rates.remaining), (rates.daily_limit, rates.daily_remaining)
    for metric, (limit, remaining), holds in (
        (limits.BURST, burst, rates.interval or limits.WINDOW),
        (limits.DAY, day, limits.DAY_WAIT),
    ):
        if limit is not None or remaining is not None:
            await access.observed(metric, limit=limit, remaining=remaining, resets_in=holds)


def opened(answer: Answer, call: Call, token: Secret) -> wire.Envelope:
    """Open an answer: success is a 2xx whose envelope does not deny it; anything else is an error."""
    secrets = (token, *call.secrets)
    try:
        said = wire.envelope(answer.body)
    except strict_json.Malformed:
        raise unreadable(answer, write=call.write, secrets=secrets) from None
    if 200 <= answer.status < 300 and said.success is not False:
        return said
    raise refusal(answer, said, write=call.write, secrets=secrets)


def accepted(answer: Answer, call: Call, token: Secret) -> None:
    """Open an answer for which no body is documented: a 2xx is enough, unless an envelope denies it."""
    if not (200 <= answer.status < 300 and not answer.body.strip()):
        opened(answer, call, token)

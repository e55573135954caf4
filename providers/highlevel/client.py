"""HighLevel's HTTP calls: URLs, headers, bodies, rate limits, and the check of the answer's envelope.

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
ParseAnswer = Callable[[Answer, "Call", Secret], T]
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
# For each piece of a file, and for the answer after the last one, which HighLevel sends once it has stored the file.
_UPLOAD_STALL_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Call:
    """One authorized call. `scope` is named in the error if it is missing; `again` (retry) is for reads only.

    `creates` marks a write whose repetition would be public twice: a refusal of it is `unproven`, unless HighLevel
    cannot have got as far. `secrets` occur in the body and must not appear in errors.
    """

    method: str
    path: str
    scope: str = ""
    query: Mapping[str, str] | None = None
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    write: bool = True
    creates: bool = False
    again: bool = False
    file: FileForm | None = None
    secrets: tuple[Secret, ...] = ()


def path(*parts: str) -> str:
    """Join path segments, each of them an id or a name; raises ContentRefused for one that cannot be a segment."""
    try:
        return "".join(f"/{wire.segment(each)}" for each in parts)
    except ValueError:
        raise ContentRefused("An id is empty or no id.", provider=PROVIDER, code="not_an_id") from None


class Client:
    """HighLevel over HTTP, for one application."""

    def __init__(self, config: Config, clients: Clients, clock: Callable[[], datetime]) -> None:
        """Keep the parts; no connection is opened."""
        self.config = config
        self.clients = clients
        self.clock = clock

    async def read(
        self, access: Access, where: str, *, scope: str, query: Mapping[str, str] | None = None, again: bool = True
    ) -> wire.Envelope:
        """Make a GET request; repeat it once if HighLevel is unavailable, unless `again` is False.

        Raises ProviderError.
        """
        call = Call("GET", where, scope, query, write=False, again=again)
        return await self.execute(access, call, parse_envelope)

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
        creates: bool = False,
        secrets: tuple[Secret, ...] = (),
    ) -> wire.Envelope:
        """Make a call that changes something, once; it is only repeated after HighLevel refused the token.

        `creates` and `secrets` are those of `Call`. Raises ProviderError, which is Ambiguous if the change may have
        happened.
        """
        call = Call(method, where, scope, query, body, form, creates=creates, secrets=secrets)
        return await self.execute(access, call, parse_envelope)

    async def upload(
        self, access: Access, where: str, file: FileForm, *, scope: str, query: Mapping[str, str] | None = None
    ) -> wire.Envelope:
        """POST a form with a file, streamed: a write as in `write`, which may take minutes.

        Raises ProviderError, and whatever the file's stream raises.
        """
        return await self.execute(access, Call("POST", where, scope, query, file=file), parse_envelope)

    async def execute(self, access: Access, call: Call, parse: ParseAnswer[T]) -> T:
        """Make a call and parse its answer; renew a refused token once, and report a 429 to `access`."""

        async def send(token: Secret) -> T:
            async with _rate_limited(access) as recorder:
                return await self.once(token, call, recorder.recording(parse))

        async def with_token(token: Secret) -> T:
            return await (read_again(lambda: send(token)) if call.again else send(token))

        return await with_access(access, lambda lent: with_token(lent.value))

    async def once(self, token: Secret, call: Call, parse: ParseAnswer[T]) -> T:
        """Make a call with this token, once, without a slot of the rate limits."""
        answer = await self._answer(token, call)
        try:
            return parse(answer, call, token)
        except ScopeNotGranted as error:
            error.metadata["scope"] = call.scope
            raise

    async def _answer(self, token: Secret, call: Call) -> Answer:
        """Send a call and read its answer."""
        client = self.clients.writes if call.write else self.clients.reads
        headers = _authorization(token)
        if call.file is None:
            return await exchange(client, self._request(client, call, headers), write=call.write, provider=PROVIDER)
        return await feed.send(
            self.clients.uploads,
            call.method,
            Secret(self._url(call)),
            {**self._headers(), **headers, **call.file.headers},
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

    def _request(self, client: httpx.AsyncClient, call: Call, extra_headers: Mapping[str, str]) -> httpx.Request:
        """Build the request of a call."""
        headers, content = {**self._headers(), **extra_headers}, None
        if call.form is not None:
            content, headers["Content-Type"] = urlencode(call.form, errors="replace").encode(), _FORM
        elif call.body is not None:
            content = json.dumps(call.body, ensure_ascii=False).encode("utf-8", "replace")
            headers["Content-Type"] = _JSON
        return client.build_request(call.method, self._url(call), content=content, headers=headers)

    def _headers(self) -> dict[str, str]:
        """Return the headers of every call: HighLevel requires the version and rejects unknown user agents."""
        return {"Version": self.config.api_version, "User-Agent": self.config.user_agent}

    def _url(self, call: Call) -> str:
        query = f"?{urlencode(call.query, errors='replace')}" if call.query else ""
        return f"{self.config.api_url}{call.path}{query}"


def _authorization(token: Secret) -> dict[str, str]:
    value = token.reveal()
    if not strict_json.is_token(value):
        raise TokenRefused("The stored access token cannot be sent: it holds characters no token has.")
    return {"Authorization": f"Bearer {value}"}


class _AnswerRecorder:
    """Records the answer to a call, if there is one, for its rate limit headers."""

    def __init__(self) -> None:
        self.answer: Answer | None = None

    def recording(self, parse: ParseAnswer[T]) -> ParseAnswer[T]:
        """Return a parser that records the answer before it calls `parse`."""

        def record_and_parse(answer: Answer, call: Call, token: Secret) -> T:
            self.answer = answer
            return parse(answer, call, token)

        return record_and_parse


@asynccontextmanager
async def _rate_limited(access: Access) -> AsyncIterator[_AnswerRecorder]:
    """Hold a slot of both quotas around a call, and report the rate limits in HighLevel's answer.

    The burst quota comes first: a call that gets no slot there must not count against the daily quota.
    """
    recorder = _AnswerRecorder()
    async with access.slot(limits.BURST), access.slot(limits.DAY):
        try:
            yield recorder
        except RateLimited as error:
            await access.report_rate_limited(
                error.metadata.get("quota", limits.BURST), error.retry_after or limits.WINDOW
            )
            raise
        finally:
            if recorder.answer is not None:
                await _report(access, limits.rates(recorder.answer.headers))


async def _report(access: Access, rates: limits.Rates) -> None:
    """Report the rate limits of an answer; calls that HighLevel does not count have none."""
    burst, day = (rates.maximum, rates.remaining), (rates.daily_limit, rates.daily_remaining)
    for metric, (limit, remaining), resets_in in (
        (limits.BURST, burst, rates.interval or limits.WINDOW),
        (limits.DAY, day, limits.DAY_WAIT),
    ):
        if limit is not None or remaining is not None:
            await access.report_rate_headers(metric, limit=limit, remaining=remaining, resets_in=resets_in)


def parse_envelope(answer: Answer, call: Call, token: Secret) -> wire.Envelope:
    """Return the envelope of a success, a 2xx without `success: false`; raise the error of anything else."""
    secrets = (token, *call.secrets)
    try:
        response = wire.envelope(answer.body)
    except strict_json.Malformed:
        raise unreadable(answer, write=call.write, secrets=secrets) from None
    if 200 <= answer.status < 300 and response.success is not False:
        return response
    raise refusal(answer, response, write=call.write, creates=call.creates, secrets=secrets)


def expect_success(answer: Answer, call: Call, token: Secret) -> None:
    """Accept an answer for which no body is documented: any 2xx, unless its envelope says `success: false`."""
    if not (200 <= answer.status < 300 and not answer.body.strip()):
        parse_envelope(answer, call, token)

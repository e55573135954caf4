"""No token of a planner leaves the gateway: static ones, locations' and agencies', through every door, to a vendor that
quotes what it was sent.

Owns the journey at HighLevel. What a secret is, and the search, are in canaries.py.
"""

import io
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc
import httpx
import pytest

from providers.simulators.highlevel.tenants import BAKERY, GARAGE
from socialgateway.v1 import connection_pb2
from tests.fixtures.app import base_of
from tests.fixtures.consent import decide, query_of
from tests.fixtures.settings import REDIRECT_URI
from tests.security import canaries
from tests.security.canaries import Canaries
from tests.security.echoing_vendor import Answer, answers, quoted
from tests.security.journey import Journey
from tests.security.recorded import RecordedGateway, opened
from tests.security.test_canaries import leaks

DAY = timedelta(hours=25)


def said(status: int) -> Answer:
    """Refuse as HighLevel does, quoting the request in words and trace id."""

    def answer(request: httpx.Request) -> httpx.Response:
        text = quoted(request)
        return httpx.Response(status, json={"statusCode": status, "message": [text], "error": text, "traceId": text})

    return answer


ANSWERS = {
    **answers(),
    **{f"planner {status}": said(status) for status in (200, 400, 401, 403, 422, 429, 500)},
}


class Planner(Journey):
    """One caller's way at HighLevel."""

    async def begin(self, location: str, **values: Any) -> Any:
        """Create a connection; its page, if any, carries a state that nobody else may see."""
        wanted = connection_pb2.Connection(provider="providers/highlevel")
        made = await self.call(
            "ConnectionService/CreateConnection", parent=f"locations/{location}", connection=wanted, **values
        )
        if made.HasField("authorization"):
            self.states.append(parse_qs(urlsplit(made.authorization.uri).query)["state"][0])
        return made

    async def picked(self, uri: str, location: str, *, agency: bool = False) -> str:
        """Pick a location on HighLevel's page, and return the address that the browser is sent back to."""
        agencies = {"agency": "true"} if agency else {}
        back = await decide(self.recorded.planner_browser, uri, location=location, **agencies)
        self.codes.append(query_of(back)["code"])
        return back

    async def by_browser(self, location: str, *, agency: bool = False) -> str:
        """Consent in a browser that passes through the gateway's page, and return the connection's name."""
        made = await self.begin(location)
        parts = urlsplit(made.authorization.uri)
        base = base_of(self.recorded.gateway)
        started = await self.recorded.network.get(f"{base}{parts.path}?{parts.query}")
        self.pages.append(started.text)
        address = urlsplit(await self.picked(started.headers["location"], location, agency=agency))
        page = await self.recorded.network.get(f"{base}{address.path}?{address.query}")
        assert 200 == page.status_code, page.text
        self.pages += [page.text, str(page.headers)]
        return str(made.name)

    async def by_call(self, location: str, answer: Answer) -> None:
        """Consent, and come back by call to a vendor that answers so."""
        made = await self.begin(location, redirect_uri=REDIRECT_URI)
        await self.picked(made.authorization.uri, location)
        with self.answering(answer):
            await self.refused("ConnectionService/CompleteConnection", state=self.states[-1], code=self.codes[-1])

    def answering(self, answer: Answer) -> Any:
        """Let HighLevel answer so until the block ends."""
        return _answering(self.recorded, answer)

    async def stumble(self, name: str, token: str, answer: Answer) -> None:
        """Do everything that sends a static token, while HighLevel answers so."""
        with self.answering(answer):
            await self.refused("ConnectionService/VerifyConnection", name=name)
            with suppress(grpc.aio.AioRpcError):
                await self.begin(BAKERY, static_token=token)
        await self.begin(BAKERY, static_token=token)


class _answering:
    def __init__(self, recorded: RecordedGateway, answer: Answer) -> None:
        self.wire, self.answer = recorded.planner_wire, answer

    def __enter__(self) -> None:
        self.wire.instead = self.answer

    def __exit__(self, *_: object) -> None:
        self.wire.instead = None


async def all_secrets(journey: Planner, *tokens: str) -> Canaries:
    """Return every secret of the journey so far."""
    found = Canaries()
    found.add("API key", journey.key)
    for kind, values in (("state", journey.states), ("code", journey.codes), ("static token", tokens)):
        for value in values:
            found.add(kind, value)
    await canaries.harvest(journey.recorded, found)
    return found


async def test_no_grant_of_a_planner_leaves(written: io.StringIO, database_url: str, tmp_path: Path) -> None:
    """A consent in the browser, an agency's, their renewal, a static token from its proof to its end: nothing leaks."""
    async with opened(database_url, tmp_path) as recorded:
        journey = Planner(recorded, await recorded.key())
        token = recorded.planner.private_token(BAKERY)
        name = (await journey.begin(BAKERY, static_token=token)).name
        await journey.begin(BAKERY, static_token=token)
        other = recorded.planner.private_token(GARAGE)
        await journey.refused(
            "ConnectionService/CreateConnection",
            parent=f"locations/{BAKERY}",
            connection=connection_pb2.Connection(provider="providers/highlevel"),
            static_token=other,
        )
        agency = await journey.by_browser(GARAGE, agency=True)
        recorded.clock.advance(DAY)
        await journey.call("ConnectionService/VerifyConnection", name=agency)
        recorded.planner.grants.revoke_private(token)
        await journey.call("ConnectionService/VerifyConnection", name=name)
        for each in (name, agency):
            await journey.call("ConnectionService/GetConnection", name=each)
            await journey.call("ConnectionService/DisconnectConnection", name=each)
            await journey.call("ConnectionService/DeleteConnection", name=each)

        found = await all_secrets(journey, token, other)

        assert {"static token", "state", "code", "access_token", "refresh_token", "client_secret"} <= found.kinds
        assert {} == leaks(found, journey, written, tmp_path)


@pytest.mark.chaos
async def test_no_static_token_leaves_when_the_vendor_quotes_it(
    written: io.StringIO, database_url: str, tmp_path: Path
) -> None:
    """Whatever answer echoes a static token: neither the refusal, nor the log, nor a row contains it."""
    async with opened(database_url, tmp_path) as recorded:
        journey = Planner(recorded, await recorded.key())
        token = recorded.planner.private_token(BAKERY)
        name = (await journey.begin(BAKERY, static_token=token)).name
        for answer in ANSWERS.values():
            await journey.stumble(name, token, answer)
        for answer in (said(400), said(401), said(500), ANSWERS["exception"]):
            await journey.by_call(GARAGE, answer)

        found = await all_secrets(journey, token)

        assert {"static token", "code", "client_secret"} <= found.kinds
        assert {} == leaks(found, journey, written, tmp_path)


@pytest.mark.parametrize(
    "token", ["pit-canary with a space-0001", "canary-no-private-token-0001", "pit-" + "canary" * 999]
)
async def test_a_token_that_is_refused_at_the_door_is_not_repeated(
    written: io.StringIO, database_url: str, tmp_path: Path, token: str
) -> None:
    """Whatever somebody pastes there by mistake."""
    async with opened(database_url, tmp_path) as recorded:
        journey = Planner(recorded, await recorded.key())
        with pytest.raises(grpc.aio.AioRpcError):
            await journey.begin(BAKERY, static_token=token)

        assert {} == leaks(await all_secrets(journey, token), journey, written, tmp_path)

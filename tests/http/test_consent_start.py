"""A consent whose state does not come back: through our own page, with a cookie, and everything that must not pass.

Owns the walk of a browser to HighLevel and back. What the page looks like is in test_callback.py.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc
import httpx
import pytest

from gateway.app import Gateway
from gateway.clock import now
from providers.simulators.highlevel import Vendor
from providers.simulators.serving import serve
from socialgateway.v1 import connection_pb2, connection_service_pb2, connection_service_pb2_grpc
from tests.fixtures import highlevel
from tests.fixtures.highlevel import BAKERY, GARAGE
from tests.fixtures.whole import AUTH, CALLS, running, target_of
from tests.http.conftest import RETURN_URI
from tests.http.test_callback import title

NOT_STARTED_HERE = "Nobody here asked for this"


@dataclass(frozen=True, slots=True)
class Planner:
    """A running gateway, HighLevel behind it, and a caller of it."""

    gateway: Gateway
    vendor: Vendor
    stub: Any

    async def begin(self, location: str = BAKERY, **fields: Any) -> connection_pb2.Connection:
        """Begin a connection."""
        wanted = connection_pb2.Connection(provider="providers/highlevel")
        request = connection_service_pb2.CreateConnectionRequest(
            parent=f"locations/{location}", connection=wanted, **fields
        )
        made: connection_pb2.Connection = await self.stub.CreateConnection(request, metadata=AUTH, timeout=20)
        return made

    async def status(self, name: str) -> str:
        """Return a connection's status as its caller sees it."""
        request = connection_service_pb2.GetConnectionRequest(name=name)
        found = await self.stub.GetConnection(request, metadata=AUTH, timeout=20)
        return connection_pb2.Connection.Status.Name(found.status)


@pytest.fixture(params=[False, True], ids=["state lost", "state sent back"])
async def echo(request: pytest.FixtureRequest) -> bool:
    """Say whether HighLevel sends the state back: nobody documents it."""
    return bool(request.param)


@pytest.fixture
async def planner(database_url: str, tmp_path: Path, echo: bool) -> AsyncIterator[Planner]:
    """Yield a gateway before a HighLevel on a socket."""
    app = highlevel.create_app(highlevel.SimulatorConfig(echo_state=echo), clock=now)
    async with (
        serve(app) as url,
        running(
            database_url,
            tmp_path,
            roles=CALLS,
            allow_loopback_vendors=True,
            allowed_redirect_uris=(RETURN_URI,),
            **highlevel.settings(url=url),
        ) as gateway,
        grpc.aio.insecure_channel(target_of(gateway)) as channel,
    ):
        yield Planner(gateway, app.state.vendor, connection_service_pb2_grpc.ConnectionServiceStub(channel))


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    """Yield a browser, which keeps cookies and follows nothing by itself."""
    async with httpx.AsyncClient(trust_env=False, timeout=20, headers=highlevel.AGENT) as client:
        yield client


async def picked(client: httpx.AsyncClient, uri: str, *locations: str, agency: bool = False) -> str:
    """Pass through our page to HighLevel's, pick there; give the address that the browser is sent back to."""
    started = await client.get(uri)
    assert 303 == started.status_code, started.text
    page = await client.get(started.headers["location"])
    form: dict[str, Any] = {"decision": "approve", "location": list(locations), "consent": highlevel.asked(page.text)}
    if agency:
        form["agency"] = "true"
    back = await client.post(page.url.join("/_sim/consent"), data=form)
    return str(back.headers["location"])


async def test_a_location_is_connected_in_a_browser(planner: Planner, browser: httpx.AsyncClient, echo: bool) -> None:
    """Whether or not HighLevel sends the state back, the person is connected, and sent on where they wanted to go."""
    begun = await planner.begin(return_uri=RETURN_URI)
    address = await picked(browser, begun.authorization.uri, BAKERY)
    page = await browser.get(address)

    assert echo == ("state" in parse_qs(urlsplit(address).query))
    assert (303, "VALID") == (page.status_code, await planner.status(begun.name))
    assert "status=connected" in page.headers["location"]
    # The cookie alone opens nothing any more.
    assert 400 == (await browser.get(address)).status_code


@pytest.mark.parametrize("echo", [False], indirect=True)
async def test_a_callback_without_state_needs_the_browser_that_began(
    planner: Planner, browser: httpx.AsyncClient
) -> None:
    """Another browser with the same address is told that nobody asked for this; the code is not spent."""
    begun = await planner.begin()
    address = await picked(browser, begun.authorization.uri, BAKERY)
    async with httpx.AsyncClient(trust_env=False) as other:
        page = await other.get(address)

    assert (400, NOT_STARTED_HERE, []) == (page.status_code, title(page), planner.vendor.exchanges)
    assert "PENDING" == await planner.status(begun.name)
    assert "Connected" == title(await browser.get(address))


@pytest.mark.parametrize("echo", [False], indirect=True)
async def test_two_open_consents_in_one_browser_are_refused(planner: Planner, browser: httpx.AsyncClient) -> None:
    """Nobody knows which of them was given, and one may have been slipped in by somebody else: neither is completed."""
    mine, slipped = await planner.begin(BAKERY), await planner.begin(GARAGE)
    address = await picked(browser, mine.authorization.uri, BAKERY)
    await browser.get(slipped.authorization.uri)
    page = await browser.get(address)

    assert (400, NOT_STARTED_HERE, []) == (page.status_code, title(page), planner.vendor.exchanges)
    assert ["PENDING", "PENDING"] == [await planner.status(each.name) for each in (mine, slipped)]


@pytest.mark.parametrize("echo", [False], indirect=True)
async def test_a_cookie_that_we_did_not_write_says_nothing(planner: Planner, browser: httpx.AsyncClient) -> None:
    """States that we did not sign, too many bytes, rubbish: as without a cookie."""
    begun = await planner.begin()
    address = await picked(browser, begun.authorization.uri, BAKERY)
    for value in ("x.y", "~~~", "a" * 4000, "%00", begun.authorization.uri[-20:]):
        async with httpx.AsyncClient(trust_env=False, headers={"cookie": f"consent-highlevel={value}"}) as other:
            page = await other.get(address)
            assert (400, NOT_STARTED_HERE) == (page.status_code, title(page))


@pytest.mark.parametrize("echo", [False], indirect=True)
async def test_the_page_that_leads_there_opens_only_what_is_open(planner: Planner, browser: httpx.AsyncClient) -> None:
    """A state of ours that was used, one of nobody, and one of another provider lead nowhere, and set no cookie."""
    begun = await planner.begin()
    base = begun.authorization.uri.partition("?")[0]
    await browser.get(await picked(browser, begun.authorization.uri, BAKERY))
    browser.cookies.clear()
    for uri in (begun.authorization.uri, f"{base}?state=x.y", base, f"{base}?state=a&state=b"):
        page = await browser.get(uri)
        assert (400, 0) == (page.status_code, len(browser.cookies))
    assert 404 == (await browser.get(base.replace("highlevel", "myspace"))).status_code
    other = await planner.begin(GARAGE)
    assert 400 == (await browser.get(other.authorization.uri.replace("highlevel", "tiktok"))).status_code


async def test_the_cookie_is_kept_from_others(database_url: str, tmp_path: Path, browser: httpx.AsyncClient) -> None:
    """On https: for this host alone, not for scripts, not for other sites' calls, for as long as a consent lives."""
    async with (
        running(
            database_url,
            tmp_path,
            roles=CALLS,
            public_url="https://gateway.example",
            highlevel_client_id="id-x",
            highlevel_client_secret="secret",
        ) as gateway,
        grpc.aio.insecure_channel(target_of(gateway)) as channel,
    ):
        whole = Planner(gateway, None, connection_service_pb2_grpc.ConnectionServiceStub(channel))  # type: ignore[arg-type]
        begun = await whole.begin()
        parts = urlsplit(begun.authorization.uri)
        assert gateway.http is not None
        page = await browser.get(f"http://127.0.0.1:{gateway.http.port}{parts.path}?{parts.query}")

    cookie = page.headers["set-cookie"]
    assert cookie.startswith("__Host-consent-highlevel=")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax", "Max-Age=600"} <= set(cookie.split("; "))
    assert page.headers["location"].startswith("https://marketplace.gohighlevel.com/v2/oauth/chooselocation?")
    assert "no-referrer" == page.headers["referrer-policy"]

"""A consent whose state does not come back: through our own page, with a cookie, and everything that must not pass.

Owns the walk of a browser to HighLevel and back. What the page looks like is in test_callback.py.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from gateway.clock import now
from providers.simulators.highlevel import SimulatorConfig, create_app
from providers.simulators.highlevel.tenants import BAKERY, GARAGE
from providers.simulators.serving import serve
from socialgateway.v1 import connection_pb2
from tests.fixtures.app import base_of
from tests.fixtures.consent import decide
from tests.fixtures.highlevel import AGENT
from tests.fixtures.settings import for_highlevel
from tests.http.caller import RETURN_URI, ApiCaller, calling
from tests.http.test_callback import title

NOT_STARTED_HERE = "Nobody here asked for this"


@pytest.fixture(params=[False, True], ids=["state lost", "state sent back"])
async def echo(request: pytest.FixtureRequest) -> bool:
    """Say whether HighLevel sends the state back: nobody documents it."""
    return bool(request.param)


@pytest.fixture
async def planner(database_url: str, tmp_path: Path, echo: bool) -> AsyncIterator[ApiCaller]:
    """Yield the caller of a gateway before a HighLevel on a socket."""
    app = create_app(SimulatorConfig(echo_state=echo), clock=now)
    async with serve(app) as url:
        pointing = {"allowed_redirect_uris": (RETURN_URI,), **for_highlevel(url=url)}
        async with calling(database_url, tmp_path, app.state.vendor, **pointing) as found:
            yield found


async def begin(planner: ApiCaller, location: str = BAKERY, **fields: Any) -> connection_pb2.Connection:
    """Begin a connection to HighLevel."""
    made: connection_pb2.Connection = await planner.begin(location, "highlevel", **fields)
    return made


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    """Yield a browser, which keeps cookies and follows nothing by itself."""
    async with httpx.AsyncClient(trust_env=False, timeout=20, headers=AGENT) as client:
        yield client


async def picked(client: httpx.AsyncClient, uri: str, *locations: str, agency: bool = False) -> str:
    """Pass through our page to HighLevel's, pick there, and return the address that the browser is sent back to."""
    started = await client.get(uri)
    assert 303 == started.status_code, started.text
    agencies = {"agency": "true"} if agency else {}
    return await decide(client, started.headers["location"], location=list(locations), **agencies)


async def test_a_location_is_connected_in_a_browser(planner: ApiCaller, browser: httpx.AsyncClient, echo: bool) -> None:
    """Whether or not HighLevel sends the state back, the person is connected, and sent on where they wanted to go."""
    begun = await begin(planner, return_uri=RETURN_URI)
    address = await picked(browser, begun.authorization.uri, BAKERY)
    page = await browser.get(address)

    assert echo == ("state" in parse_qs(urlsplit(address).query))
    assert (303, "VALID") == (page.status_code, await planner.status(begun.name))
    assert "status=connected" in page.headers["location"]
    # Opened again it ends as the first time, and no code is exchanged.
    again = await browser.get(address)
    assert (303, page.headers["location"]) == (again.status_code, again.headers["location"])
    assert ["ok"] == [each.outcome for each in planner.vendor.exchanges if each.grant_type == "authorization_code"]


@pytest.mark.parametrize("echo", [False], indirect=True)
async def test_a_callback_without_state_needs_the_browser_that_began(
    planner: ApiCaller, browser: httpx.AsyncClient
) -> None:
    """Another browser with the same address is told that nobody asked for this; the code is not spent."""
    begun = await begin(planner)
    address = await picked(browser, begun.authorization.uri, BAKERY)
    async with httpx.AsyncClient(trust_env=False) as other:
        page = await other.get(address)

    assert (400, NOT_STARTED_HERE, []) == (page.status_code, title(page), planner.vendor.exchanges)
    assert "PENDING" == await planner.status(begun.name)
    assert "Connected" == title(await browser.get(address))


@pytest.mark.parametrize("echo", [False], indirect=True)
async def test_two_open_consents_in_one_browser_are_refused(planner: ApiCaller, browser: httpx.AsyncClient) -> None:
    """Nobody knows which of them was given, and one may have been slipped in by somebody else: neither is completed."""
    mine, slipped = await begin(planner, BAKERY), await begin(planner, GARAGE)
    address = await picked(browser, mine.authorization.uri, BAKERY)
    await browser.get(slipped.authorization.uri)
    page = await browser.get(address)

    assert (400, NOT_STARTED_HERE, []) == (page.status_code, title(page), planner.vendor.exchanges)
    assert ["PENDING", "PENDING"] == [await planner.status(each.name) for each in (mine, slipped)]


@pytest.mark.parametrize("echo", [False], indirect=True)
async def test_a_cookie_that_we_did_not_write_says_nothing(planner: ApiCaller, browser: httpx.AsyncClient) -> None:
    """States that we did not sign, too many bytes, rubbish: as without a cookie."""
    begun = await begin(planner)
    address = await picked(browser, begun.authorization.uri, BAKERY)
    for value in ("x.y", "~~~", "a" * 4000, "%00", begun.authorization.uri[-20:]):
        async with httpx.AsyncClient(trust_env=False, headers={"cookie": f"consent-highlevel={value}"}) as other:
            page = await other.get(address)
            assert (400, NOT_STARTED_HERE) == (page.status_code, title(page))


@pytest.mark.parametrize("echo", [False], indirect=True)
async def test_the_page_that_leads_there_opens_only_what_is_open(
    planner: ApiCaller, browser: httpx.AsyncClient
) -> None:
    """A state of ours that was used, one of nobody, and one of another provider lead nowhere, and set no cookie."""
    begun = await begin(planner)
    base = begun.authorization.uri.partition("?")[0]
    await browser.get(await picked(browser, begun.authorization.uri, BAKERY))
    browser.cookies.clear()
    for uri in (begun.authorization.uri, f"{base}?state=x.y", base, f"{base}?state=a&state=b"):
        page = await browser.get(uri)
        assert (400, 0) == (page.status_code, len(browser.cookies))
    assert 404 == (await browser.get(base.replace("highlevel", "myspace"))).status_code
    other = await begin(planner, GARAGE)
    assert 400 == (await browser.get(other.authorization.uri.replace("highlevel", "tiktok"))).status_code


async def test_the_cookie_is_kept_from_others(database_url: str, tmp_path: Path, browser: httpx.AsyncClient) -> None:
    """On https: for this host alone, not for scripts, not for other sites' calls, for as long as a consent lives."""
    application = {"highlevel_client_id": "id-x", "highlevel_client_secret": "secret"}
    async with calling(database_url, tmp_path, public_url="https://gateway.example", **application) as caller:
        begun = await begin(caller)
        parts = urlsplit(begun.authorization.uri)
        page = await browser.get(f"{base_of(caller.gateway)}{parts.path}?{parts.query}")

    cookie = page.headers["set-cookie"]
    assert cookie.startswith("__Host-consent-highlevel=")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax", "Max-Age=600"} <= set(cookie.split("; "))
    assert page.headers["location"].startswith("https://marketplace.gohighlevel.com/v2/oauth/chooselocation?")
    assert "no-referrer" == page.headers["referrer-policy"]

"""A network's account is connected in a real browser: the gateway's page, the vendor's window, what lies in between."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, expect

from gateway.app import Gateway
from gateway.clock import now
from providers.simulators import serving
from providers.simulators.highlevel import Fault, SimulatorConfig, Vendor, create_app
from providers.simulators.highlevel.tenants import BAKERY
from socialgateway.v1 import connection_pb2
from tests.fixtures.client import Client
from tests.fixtures.consent import decide, query_of
from tests.fixtures.highlevel import AGENT
from tests.fixtures.settings import for_highlevel
from tests.fixtures.waiting import until
from tests.http.browser import watch
from tests.http.caller import ApiCaller, calling
from tests.rpc.networks import NOBODY, SAID

pytestmark = pytest.mark.browser

CALLBACK = "https://app.example/oauth/highlevel"
OPENER = "http://localhost:9"
PAGE = "https://app.gohighlevel.com/integration"
WHO = "tiktok-1-origin"


@dataclass(frozen=True, slots=True)
class Planner:
    """A running gateway with a connected location, and the simulated HighLevel behind it."""

    gateway: Gateway
    vendor: Vendor
    client: Client
    made: str

    async def start(self, platform: str = "tiktok", **values: Any) -> str:
        """Start a network's consent, and return the address of our page."""
        method = "ConnectionService/StartAccountAuthorization"
        return str((await self.client.call(method, parent=self.made, platform=platform, **values)).uri)

    @property
    def attached(self) -> list[str]:
        """The networks' ids of the accounts that the location has at the vendor."""
        return [each.origin_id for each in self.vendor.accounts.of(BAKERY)]


async def _connect(caller: ApiCaller) -> str:
    """Walk through HighLevel's own consent without a browser, and return the connection's name."""
    wanted = connection_pb2.Connection(provider="providers/highlevel", provider_settings=SAID)
    made = await caller.begin(BAKERY, connection=wanted, redirect_uri=CALLBACK)
    async with httpx.AsyncClient(trust_env=False, headers=AGENT) as person:
        back = await decide(person, made.authorization.uri, location=BAKERY)
    query = {**query_of(back, "code"), **query_of(made.authorization.uri, "state")}
    await caller.client.call("ConnectionService/CompleteConnection", **query)
    return str(made.name)


@pytest.fixture
async def planner(database_url: str, tmp_path: Path) -> AsyncIterator[Planner]:
    """Yield a gateway that is connected to a location."""
    config = SimulatorConfig(rate_limits=False)
    app = create_app(config, clock=now)
    allowed = (CALLBACK, f"{OPENER}/done")
    async with serving.serve(app) as url:
        pointing = {"allowed_redirect_uris": allowed, **for_highlevel(config, url)}
        async with calling(database_url, tmp_path, app.state.vendor, **pointing) as caller:
            yield Planner(caller.gateway, app.state.vendor, caller.client, await _connect(caller))


async def opened(page: Page, uri: str, *, fresh: bool = True) -> Page:
    """Go to our page, if we are not there, and let it open the vendor's window, and return it."""
    if fresh:
        await page.goto(uri)
    async with page.expect_popup() as popup:
        await page.click("#open")
    return await popup.value


async def told(page: Page) -> str:
    """Return what the page says."""
    return await page.inner_text("[role=status]")


@pytest.mark.chaos
async def test_a_person_connects_a_network(planner: Planner, page: Page) -> None:
    """One press here, one in the vendor's window, and the only account is attached; the page then leads nowhere."""
    troubles = watch(page)
    uri = await planner.start()

    popup = await opened(page, uri)
    await popup.click("#approve")

    await expect(page.locator("h1")).to_have_text("Connected")
    assert "Your TikTok account Sim Tiktok 1 is connected. You can close this window." == await told(page)
    assert WHO in planner.attached
    assert not await page.is_visible("button")
    await until(popup.is_closed)
    assert [] == troubles
    await page.reload()
    assert "This link is no longer valid" == await page.inner_text("h1")


POST = "([message, target]) => (target === 'self' ? window : window.opener).postMessage(message, '*')"


def message(**changes: Any) -> dict[str, Any]:
    """Return what the vendor's page tells, with changes."""
    return {"actionType": "close", "page": "social_media_posting", "accountId": NOBODY, **changes}


@pytest.mark.chaos
async def test_only_the_vendors_window_is_heard(planner: Planner, page: Page) -> None:
    """Not the page's own window, no other origin, no other form; what the vendor's own page says is not believed."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    await _serve_elsewhere(page.context)
    popup = await opened(page, await planner.start())

    await page.evaluate(POST, [message(), "self"])
    for origin in ("https://evil.example", "https://gohighlevel.com.evil.example", "https://evilgohighlevel.com"):
        await _move(popup, f"{origin}/integration")
        await popup.evaluate(POST, [message(), "opener"])
    await _move(popup, PAGE)
    for wrong in (
        message(actionType="open"),
        message(page="billing"),
        message(accountId=7),
        message(accountId=""),
        json.dumps(message()),
        None,
    ):
        await popup.evaluate(POST, [wrong, "opener"])
    # Messages are heard in order: had one of these counted, this would come too late.
    await popup.evaluate(POST, [message(page="social-media-posting"), "opener"])

    await expect(page.locator("#status")).to_have_text("HighLevel does not know this consent. Open the window again.")
    assert ["POST"] == [method for method in asked if method == "POST"]
    assert WHO not in planner.attached

    await (await opened(page, "", fresh=False)).click("#approve")
    await expect(page.locator("h1")).to_have_text("Connected")
    assert WHO in planner.attached


async def _move(popup: Page, url: str) -> None:
    """Let a window go elsewhere by itself, as consent pages do: it keeps its opener."""
    await popup.evaluate("url => { location.href = url; }", url)
    await popup.wait_for_url(url)


async def _serve_elsewhere(context: BrowserContext) -> None:
    """Let pages of other sites exist, the vendor's among them."""

    async def show(route: Route) -> None:
        await route.fulfill(content_type="text/html", body="<title>elsewhere</title>")

    await context.route(re.compile(r"https://[a-z.]*(gohighlevel\.com|evil\.example)/.*"), show)


@pytest.mark.chaos
async def test_a_lost_message_is_made_up_for_by_looking(planner: Planner, page: Page) -> None:
    """The window closes without a word: the page says what to do, looks when it is told, and finds the account."""
    uri = await planner.start()
    popup = await opened(page, uri)
    await popup.click("#deny")

    await expect(page.locator("#look")).to_be_visible()
    assert "connect the account inside HighLevel" in await told(page)
    await page.click("#look")
    await expect(page.locator("#status")).to_contain_text("Nothing new yet.")

    planner.vendor.accounts.add(location_id=BAKERY, platform="tiktok", origin_id="by-hand", name="By Hand")
    await page.click("#look")
    await expect(page.locator("h1")).to_have_text("Connected")
    assert "By Hand" in await told(page)


@pytest.mark.chaos
async def test_a_window_that_stays_silent_is_not_waited_for(planner: Planner, page: Page) -> None:
    """After a minute the page says what else can be done, while the window may still speak."""
    await page.clock.install()
    popup = await opened(page, await planner.start())
    assert not await page.is_visible("#look")

    await page.clock.fast_forward(60_000)
    await expect(page.locator("#look")).to_be_visible()
    await popup.click("#approve")
    await expect(page.locator("h1")).to_have_text("Connected")


@pytest.mark.chaos
async def test_one_of_several_is_chosen(planner: Planner, page: Page) -> None:
    """Names are text, whatever stands in them; the one that is pressed is attached."""
    hostile = "<img src=x onerror=alert(1)>"
    pages = [
        {"id": "facebook-1-origin", "name": "Bakery", "avatar": "https://a.example/1.jpg"},
        {"id": "other", "name": hostile},
    ]
    body = json.dumps({"success": True, "results": {"pages": pages}})
    planner.vendor.faults.add(Fault(match="connect.choose", kind="body", body=body, times=2))
    troubles = watch(page)
    popup = await opened(page, await planner.start("facebook"))
    await popup.click("#approve")

    await expect(page.locator("#choices button")).to_have_text(["Bakery", hostile])
    await page.click("#choices button >> nth=0")

    await expect(page.locator("h1")).to_have_text("Connected")
    assert ("facebook-1-origin" in planner.attached, []) == (True, troubles)


@pytest.mark.chaos
async def test_tiktok_business_says_where_it_can_be_connected(planner: Planner, page: Page) -> None:
    """The refusal is a sentence of ours, and looking finds the account afterwards."""
    popup = await opened(page, await planner.start("tiktok_business"))
    await popup.click("#approve")

    await expect(page.locator("#status")).to_contain_text("connect it in HighLevel's Social Planner")
    planner.vendor.accounts.add(location_id=BAKERY, platform="tiktok-business", origin_id="b", type="business")
    await page.click("#look")
    await expect(page.locator("h1")).to_have_text("Connected")


@pytest.mark.chaos
async def test_the_opener_hears_and_the_browser_goes_back(planner: Planner, browser: Browser) -> None:
    """A page of the allow-list that opened ours hears the account; with a return_uri the person ends there."""
    context = await browser.new_context()
    heard = "<script>addEventListener('message', e => { window.heard = {origin: e.origin, data: e.data}; })</script>"

    async def show(route: Route) -> None:
        await route.fulfill(content_type="text/html", body=heard)

    await context.route(f"{OPENER}/**", show)
    app = await context.new_page()
    await app.goto(f"{OPENER}/")
    uri = await planner.start(return_uri=f"{OPENER}/done")
    async with app.expect_popup() as ours:
        await app.evaluate("uri => { window.open(uri); }", uri)
    page = await ours.value

    await (await opened(page, "", fresh=False)).click("#approve")

    found = await (await app.wait_for_function("window.heard")).json_value()
    await page.wait_for_url(f"{OPENER}/done?*")
    query = {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}
    told_opener = {**found["data"]}
    assert "social-gateway.account" == told_opener.pop("type")
    assert (told_opener, planner.gateway.domain.public_url) == (query, found["origin"])
    assert ("connected", planner.made) == (query["status"], query["connection"])
    await context.close()


@pytest.mark.chaos
async def test_who_gives_up_goes_back(planner: Planner, page: Page) -> None:
    """A person who gives up is sent back, and the application learns that nothing was connected."""
    await page.context.route(f"{OPENER}/**", lambda route: route.fulfill(content_type="text/html", body="app"))
    await page.goto(await planner.start(return_uri=f"{OPENER}/done"))

    await page.click("#back a")

    await page.wait_for_url(f"{OPENER}/done?*")
    assert ["denied"] == parse_qs(urlsplit(page.url).query)["status"]

"""The whole consent walk in a real browser: a person, the vendor's page, and the gateway's."""

from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, Error, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from providers.simulators import serving
from storage import authorizations
from tests.fixtures.waiting import until
from tests.http.browser import watch
from tests.http.caller import OPENER, ApiCaller, before_tiktok

pytestmark = pytest.mark.browser

# The page of an application that opens the consent in a window of its own, and writes down what it hears.
OPENER_PAGE = """<!doctype html><title>app</title><script>
addEventListener("message", event => { window.heard = {origin: event.origin, data: event.data}; });
function connect(uri) { window.open(uri, "consent", "popup,width=500,height=600"); }
</script>"""


async def press(page: Page, uri: str, button: str) -> None:
    """Open a consent page and press a button on it."""
    await page.goto(uri)
    await page.click(f"#{button}")
    await page.wait_for_url("**/oauth/tiktok/callback**")


async def heading(page: Page) -> str:
    """Return what the page says first."""
    return (await page.inner_text("h1")).strip()


async def test_a_person_connects_an_account(caller: ApiCaller, page: Page) -> None:
    """From the caller's link over the vendor's page to ours, which says so, and leaves no code behind."""
    troubles = watch(page)
    begun = await caller.begin()
    await press(page, begun.authorization.uri, "approve")
    assert "Connected" == await heading(page)
    assert "Your TikTok account is connected. You can close this window." == await page.inner_text("[role=status]")
    assert "VALID" == await caller.status(begun.name)
    await page.wait_for_url("**/oauth/tiktok/callback")
    assert not await page.is_visible("button")
    assert [] == troubles


@pytest.mark.chaos
async def test_the_page_has_its_looks(caller: ApiCaller, page: Page) -> None:
    """Its own styles pass its own policy, and nothing was fetched beside the page."""
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(urlsplit(request.url).path))
    begun = await caller.begin()
    await press(page, begun.authorization.uri, "approve")
    assert "rgb(10, 122, 66)" == await page.eval_on_selector("main", "node => getComputedStyle(node).borderTopColor")
    assert {"/v2/auth/authorize/", "/_sim/consent", "/oauth/tiktok/callback"} == set(fetched) - {"/favicon.ico"}
    assert "en" == await page.get_attribute("html", "lang")


@pytest.mark.chaos
async def test_a_person_says_no(caller: ApiCaller, page: Page) -> None:
    """A denial is a page too, with the vendor's own words, and changes nothing."""
    begun = await caller.begin()
    await press(page, begun.authorization.uri, "deny")
    assert "Not connected" == await heading(page)
    assert "The user canceled the authorization." in await page.inner_text("main")
    assert "PENDING" == await caller.status(begun.name)


@pytest.mark.chaos
async def test_a_person_unticks_a_permission(caller: ApiCaller, page: Page) -> None:
    """What was granted decides what the connection can do."""
    begun = await caller.begin()
    await page.goto(begun.authorization.uri)
    await page.uncheck("input[value='video.publish']")
    await page.click("#approve")
    await page.wait_for_url("**/oauth/tiktok/callback**")
    assert "Connected" == await heading(page)
    assert "LIMITED" == await caller.status(begun.name)


@pytest.mark.chaos
async def test_a_person_comes_too_late(caller: ApiCaller, page: Page) -> None:
    """A page that was left open while another consent was begun leads nowhere, and says so."""
    begun = await caller.begin()
    await page.goto(begun.authorization.uri)
    async with caller.gateway.domain.db.transaction() as tx:
        await authorizations.remove_for(tx, "l1", begun.name.rpartition("/")[2])
    await page.click("#approve")
    await page.wait_for_url("**/oauth/tiktok/callback**")
    assert "This link is no longer valid" == await heading(page)
    assert "PENDING" == await caller.status(begun.name)


@pytest.mark.chaos
async def test_going_back_and_forth_connects_once(caller: ApiCaller, page: Page) -> None:
    """Reloading the last page asks the vendor nothing again."""
    begun = await caller.begin()
    await press(page, begun.authorization.uri, "approve")
    assert "Connected" == await heading(page)
    await page.wait_for_url("**/oauth/tiktok/callback")
    await page.reload()
    assert "This link is no longer valid" == await heading(page)
    assert ["authorization_code"] == [each.grant_type for each in caller.vendor.exchanges]
    assert "VALID" == await caller.status(begun.name)


@pytest.mark.chaos
async def test_without_javascript_the_page_says_the_same(caller: ApiCaller, browser: Browser) -> None:
    """Nothing a person needs depends on a script."""
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    begun = await caller.begin()
    await press(page, begun.authorization.uri, "approve")
    assert "Connected" == await heading(page)
    await context.close()


@pytest.mark.chaos
async def test_a_hostile_description_runs_nothing(caller: ApiCaller, page: Page) -> None:
    """Markup in the address is text on the page; the browser reports no script of it, run or refused."""
    troubles = watch(page)
    begun = await caller.begin()
    state = parse_qs(urlsplit(begun.authorization.uri).query)["state"][0]
    callback = parse_qs(urlsplit(begun.authorization.uri).query)["redirect_uri"][0]
    hostile = "%3Cscript%3Edocument.title%3D%27owned%27%3C/script%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"
    await page.goto(f"{callback}?state={state}&error=access_denied&error_description={hostile}")
    assert ("Not connected", 0) == (await page.title(), await page.locator("img").count())
    assert [] == [line for line in troubles if "Content Security Policy" in line]


@pytest.mark.chaos
async def test_the_opener_hears_how_it_ended(database_url: str, tmp_path: Path, browser: Browser) -> None:
    """A window that was opened by an allowed page tells that page the connection and the outcome, nothing more."""
    async with (
        opener() as app,
        before_tiktok(database_url, tmp_path, f"{app}/done") as caller,
    ):
        begun = await caller.begin()
        popup, page = await open_popup(browser, app, begun.authorization.uri)
        await popup.click("#approve")
        heard = await (await page.wait_for_function("window.heard")).json_value()
        expected = {"type": "social-gateway.connection", "status": "connected", "connection": begun.name}
        assert {"origin": caller.gateway.domain.public_url, "data": expected} == heard
        # The window may be gone before the browser has answered that it was clicked.
        with suppress(Error):
            await popup.click("button")
        await until(popup.is_closed)


@pytest.mark.chaos
async def test_a_page_that_is_not_allowed_hears_nothing(caller: ApiCaller, browser: Browser) -> None:
    """Anybody may open the window; only pages of the allow-list are told anything."""
    async with opener() as app:
        assert app != OPENER
        begun = await caller.begin()
        popup, page = await open_popup(browser, app, begun.authorization.uri)
        await popup.click("#approve")
        await popup.wait_for_selector("main.connected")
        # Long enough for a message that was sent to have come.
        await page.evaluate("() => new Promise(done => setTimeout(done, 300))")
        assert None is await page.evaluate("window.heard")


@pytest.mark.chaos
async def test_the_browser_goes_back_to_the_caller(database_url: str, tmp_path: Path, page: Page) -> None:
    """With a return_uri the person ends where they began, and that page knows how it ended."""
    async with (
        opener() as app,
        before_tiktok(database_url, tmp_path, f"{app}/done") as caller,
    ):
        begun = await caller.begin(return_uri=f"{app}/done")
        await page.goto(begun.authorization.uri)
        await page.click("#approve")
        await page.wait_for_url(f"{app}/done?*")
        expected = {"connection": [begun.name], "status": ["connected"]}
        assert expected == parse_qs(urlsplit(page.url).query)


def opener() -> AbstractAsyncContextManager[str]:
    """Serve the page of an application."""

    async def show(request: Request) -> Response:
        return HTMLResponse(OPENER_PAGE)

    return serving.serve(Starlette(routes=[Route("/", show), Route("/done", show)]))


async def open_popup(browser: Browser, app: str, uri: str) -> tuple[Page, Page]:
    """Open the application's page and let it open the consent, and return both windows, the new one first."""
    page = await (await browser.new_context()).new_page()
    await page.goto(app)
    async with page.expect_popup() as popup:
        await page.evaluate("uri => connect(uri)", uri)
    return await popup.value, page

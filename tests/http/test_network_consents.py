"""The page on which a network's account is connected, without a browser: what it shows, and what it may be asked.

Owns the answers to what a browser sends, sound or not. The walk itself is test_network_browser.
"""

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.domain.accounts import oauth_state
from gateway.http import bodies
from gateway.http.app import Edge
from gateway.http.middleware import redacted_path
from gateway.http.pace import Pace
from gateway.jobs import sweep
from providers.simulators.highlevel import Fault
from providers.simulators.highlevel.tenants import BAKERY
from socialgateway.v1 import connection_pb2, connection_service_pb2
from storage import network_consents as rows
from tests.fixtures.highlevel import HighWorld
from tests.fixtures.settings import RETURN_URI
from tests.rpc.networks import NOBODY, by_vendor_id, connect, consent, give, listed, of_vendor, start

WHO = "tiktok-1-origin"
OVER = "This link is no longer valid"


class Page:
    """The page of one started consent, and a browser that asks for it."""

    def __init__(self, visitor: httpx.AsyncClient, started: connection_pb2.AccountAuthorization, made: str) -> None:
        self.visitor = visitor
        self.started = started
        self.made = made
        self.path = urlsplit(started.uri).path

    async def get(self, below: str = "") -> httpx.Response:
        """Get the page, or what is below it."""
        return await self.visitor.get(self.path + below)

    async def ask(self, action: str, **said: str) -> httpx.Response:
        """Ask what the page's script asks."""
        return await self.visitor.post(f"{self.path}/{action}", json=said)


@asynccontextmanager
async def edge(high: HighWorld) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a browser's place before the HTTP edge."""

    async def look() -> Any:
        raise AssertionError("nobody asks whether it is ready")

    app = Edge(look, redirect_uris=("https://settings.example/done",), domain=high.world.domain).app()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://gateway.example") as visitor:
        yield visitor


@asynccontextmanager
async def begun(high: HighWorld, platform: str = "tiktok", **values: Any) -> AsyncIterator[Page]:
    """Connect the bakery and start a network's consent."""
    made = await connect(high)
    async with edge(high) as visitor:
        yield Page(visitor, await start(high, made, platform, **values), made)


def heading(page: httpx.Response) -> str:
    """Return a page's heading."""
    found = re.search(r"<h1[^>]*>(.*?)</h1>", page.text)
    return html.unescape(found[1]) if found else ""


def held(page: httpx.Response, name: str) -> Any:
    """Return what a page holds for its script."""
    found = re.search(rf'data-{name}="([^"]*)"', page.text)
    assert found is not None, page.text
    return json.loads(html.unescape(found[1]))


async def test_the_page_holds_what_its_script_needs_and_no_secret(high: HighWorld) -> None:
    """The vendor's signal, who may hear, the way back; neither its own address nor that of the vendor's page."""
    async with begun(high, return_uri=RETURN_URI) as page:
        shown_page = await page.get()

    assert (200, "Connect TikTok") == (shown_page.status_code, heading(shown_page))
    assert {
        "hosts": ["leadconnectorhq.com", "gohighlevel.com"],
        "fields": {
            "actionType": ["close"],
            "page": ["social_media_posting", "social-media-posting", "integration"],
        },
        "idField": "accountId",
        "loopback": True,
    } == held(shown_page, "signal")
    assert ["https://settings.example"] == held(shown_page, "openers")
    assert f'<a href="{RETURN_URI}?connection=' in shown_page.text
    token = page.path.rpartition("/")[2]
    state = page.started.provider_uri.rpartition("/")[2]
    assert [] == [secret for secret in (token, state) if secret in shown_page.text]


async def test_the_page_loads_nothing_and_runs_only_its_own_script(high: HighWorld) -> None:
    """One nonce, new for each page; it may ask us, and nobody else; nobody may frame it."""
    async with begun(high) as page:
        first, second = [(await page.get()).headers["content-security-policy"] for _ in range(2)]

    assert first != second
    assert first.startswith("default-src 'none'; ")
    assert "connect-src 'self'; " in first
    assert "frame-ancestors 'none'" in first
    assert [] == [word for word in ("unsafe", "http", "*") if word in first]


async def test_the_way_to_the_vendor_is_a_redirect(high: HighWorld) -> None:
    """Nothing of ours goes along, and it is asked of the vendor once, when it was started."""
    async with begun(high) as page:
        answer = await page.get("/vendor")

    assert (303, page.started.provider_uri) == (answer.status_code, answer.headers["location"])
    assert ("no-referrer", "no-store") == (answer.headers["referrer-policy"], answer.headers["cache-control"])
    assert 1 == high.calls("connect.start")


async def test_who_consented_is_chosen_and_attached(high: HighWorld) -> None:
    """The page learns names, and after the choice how it ended, for whom, and where to go."""
    async with begun(high, return_uri=RETURN_URI) as page:
        told = await give(high, page.started.provider_uri)
        choices = (await page.ask("choices", authorizationId=told)).json()
        done = (await page.ask("attach", authorizationId=told, account=choices["choices"][0]["id"])).json()

    expected = {"id": WHO, "name": "Sim Tiktok 1", "handle": "sim_tiktok_1"}
    assert {"status": "choose", "choices": [expected]} == choices
    account = next(each for each in (await listed(high)).accounts if each.username == "sim_tiktok_1")
    assert "Your TikTok account Sim Tiktok 1 is connected. You can close this window." == done["text"]
    assert {
        "type": "social-gateway.account",
        "status": "connected",
        "connection": page.made,
        "account": account.name,
        "authorization_id": told,
    } == done["message"]
    assert done["returnUri"].startswith(f"{RETURN_URI}?connection=")
    assert f"authorization_id={told}" in done["returnUri"]


async def test_a_page_that_is_done_is_over(high: HighWorld) -> None:
    """Neither shown nor used again; a script that lost the answer may still ask how it ended, which asks nobody."""
    async with begun(high) as page:
        told = await give(high, page.started.provider_uri)
        done = (await page.ask("attach", authorizationId=told, account=WHO)).json()
        asked = len(high.vendor.requests)

        shown_pages = [await page.get(), await page.get("/vendor")]
        used = [await page.ask("choices", authorizationId=told)]
        used += [await page.ask("attach", authorizationId=told, account=WHO)]
        looked = (await page.ask("look")).json()

    assert [(400, OVER)] * 2 == [(each.status_code, heading(each)) for each in shown_pages]
    assert [(400, "over")] * 2 == [(each.status_code, each.json()["status"]) for each in used]
    assert ("connected", done["message"]["account"]) == (looked["status"], looked["message"]["account"])
    assert asked == len(high.vendor.requests)


async def test_a_page_dies_after_ten_minutes(high: HighWorld) -> None:
    """Whatever is asked of it, and its row is gone a week later."""
    async with begun(high) as page:
        high.world.clock.advance(timedelta(minutes=10) - timedelta(seconds=1))
        assert 200 == (await page.get()).status_code
        high.world.clock.advance(timedelta(seconds=1))
        asked = len(high.vendor.requests)

        assert (400, OVER) == ((last := await page.get()).status_code, heading(last))
        for action in ("choices", "attach", "look"):
            answer = await page.ask(action, authorizationId=NOBODY, account=WHO)
            assert (400, "over") == (answer.status_code, answer.json()["status"])
    assert asked == len(high.vendor.requests)

    id = page.path.rpartition("/")[2].partition(".")[0]
    high.world.clock.advance(sweep.AUTHORIZATIONS_RETENTION + timedelta(seconds=1))
    await sweep.old(high.world.domain)
    async with high.world.domain.db.read() as tx:
        assert None is await rows.find(tx, id)


async def test_an_address_that_was_not_made_here_opens_nothing(high: HighWorld) -> None:
    """Cut, changed, made up, or signed for another purpose: the same words, and no vendor call."""
    async with begun(high) as page:
        token = page.path.rpartition("/")[2]
        id = token.partition(".")[0]
        asked = len(high.vendor.requests)
        other = oauth_state.sign(high.world.domain.oauth_secret, id)
        forged = (id, f"{id}.", token[:-1], f"x{token}", "a" * 300, "%00", "ü", f"{id}.{'A' * 24}", other)
        for each in forged:
            answer = await page.visitor.get(f"/connect/{each}")
            assert (400, OVER) == (answer.status_code, heading(answer)), each
            assert 400 == (await page.visitor.post(f"/connect/{each}/look", json={})).status_code
    assert asked == len(high.vendor.requests)


async def test_a_foreign_consent_is_refused(high: HighWorld) -> None:
    """What a message named is not believed: nobody's, another network's, nonsense; nothing is attached."""
    async with begun(high) as page:
        facebook = await consent(high, page.made, "facebook")
        answers = [
            await page.ask(action, authorizationId=id, account=WHO)
            for id in (NOBODY, facebook, "../..", "")
            for action in ("choices", "attach")
        ]
        sound = await page.ask("choices", authorizationId=await give(high, page.started.provider_uri))

    assert [404] * 4 + [409] * 4 == [each.status_code for each in answers]
    assert {"refused"} == {each.json()["status"] for each in answers}
    assert (0, 3) == (high.calls("connect.attach"), len((await listed(high)).accounts))
    assert "choose" == sound.json()["status"]


async def test_what_no_script_of_ours_sends_is_refused(high: HighWorld) -> None:
    """A form of another site, too much, no JSON, no object, no text: 400, before anything is looked for."""
    async with begun(high) as page:
        url, sound = f"{page.path}/choices", b'{"authorizationId": "a"}'
        kinds = [("text/plain", sound), ("application/x-www-form-urlencoded", sound), ("", sound)]
        kinds += [("application/json", each) for each in (b"", b"[]", b"{", b'{"a": 1}', b'"x"', b"[" * 4000, b"\xff")]
        kinds += [("application/json", b'{"a": "' + b"x" * 4096 + b'"}')]
        for kind, content in kinds:
            answer = await page.visitor.post(url, content=content, headers={"content-type": kind})
            assert (400, "refused") == (answer.status_code, answer.json()["status"]), (kind, content)
        assert [405, 405] == [(await page.get(f"/{name}")).status_code for name in ("choices", "look")]
    assert 0 == high.calls("connect.choose")


async def test_tiktok_business_is_told_where_to_go(high: HighWorld) -> None:
    """The page says what can be done instead, and finds the account once it was done there."""
    async with begun(high, "tiktok_business") as page:
        told = await give(high, page.started.provider_uri)
        (who,) = (await page.ask("choices", authorizationId=told)).json()["choices"]
        refused = await page.ask("attach", authorizationId=told, account=who["id"])
        before = (await page.ask("look")).json()
        high.vendor.accounts.add(location_id=BAKERY, platform="tiktok-business", origin_id=who["id"], type="business")
        after = (await page.ask("look")).json()

    assert (409, "refused") == (refused.status_code, refused.json()["status"])
    assert "connect it in HighLevel's Social Planner" in refused.json()["text"]
    assert ("waiting", "connected") == (before["status"], after["status"])


async def test_looking_finds_what_works_now_and_did_not_before(high: HighWorld) -> None:
    """A renewed account counts, one that worked all along does not, nor does another network's."""
    tiktok = of_vendor(high)[0]
    high.vendor.set_account(tiktok.id, expired=True)
    async with begun(high, reconnect=True) as page:
        high.vendor.accounts.add(location_id=BAKERY, platform="facebook", origin_id="new", type="page")
        first = (await page.ask("look")).json()
        high.vendor.set_account(tiktok.id, expired=False)
        second = (await page.ask("look")).json()

    assert ("waiting", "connected") == (first["status"], second["status"])
    assert (await by_vendor_id(high))[tiktok.id].name == second["message"]["account"]


async def test_a_later_end_is_a_renewal_too(high: HighWorld) -> None:
    """A later expiry of an account that works counts as its renewal."""
    async with begun(high, reconnect=True) as page:
        tiktok = of_vendor(high)[0]
        assert "waiting" == (await page.ask("look")).json()["status"]
        high.vendor.set_account(tiktok.id, expire=tiktok.expire + timedelta(days=1))
        assert "connected" == (await page.ask("look")).json()["status"]


async def test_a_vendor_that_is_away_leaves_the_page_open(high: HighWorld) -> None:
    """503 with words for a person, and the next try works."""
    async with begun(high) as page:
        told = await give(high, page.started.provider_uri)
        for action in ("choices", "look", "attach"):
            high.vendor.faults.add(Fault(match="*", kind="status", times=None))
            away = await page.ask(action, authorizationId=told, account=WHO)
            high.vendor.faults.clear()
            assert (503, "troubled") == (away.status_code, away.json()["status"])
            assert "HighLevel could not be asked just now." in away.json()["text"]
            assert 200 == (await page.ask(action, authorizationId=told, account=WHO)).status_code


async def test_an_attachment_whose_answer_is_lost_twice_is_found_by_looking(high: HighWorld) -> None:
    """An attachment whose answer was lost twice is found in the vendor's list."""
    async with begun(high) as page:
        told = await give(high, page.started.provider_uri)
        high.vendor.faults.add(
            Fault(match="connect.attach", kind="drop_after"), Fault(match="accounts.list", kind="status", times=2)
        )
        lost = await page.ask("attach", authorizationId=told, account=WHO)
        looked = (await page.ask("look")).json()

    assert (503, "connected") == (lost.status_code, looked["status"])
    assert 1 == high.calls("connect.attach")


async def test_nobody_waits_for_a_body_without_need(high: HighWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a wrong address the answer comes before the body; with a right one the body has its time, and no more."""

    async def endless() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with begun(high) as page:
        headers = {"content-type": "application/json"}
        async with asyncio.timeout(20):
            answer = await page.visitor.post("/connect/x/attach", content=endless(), headers=headers)
            assert (400, "over") == (answer.status_code, answer.json()["status"])
            monkeypatch.setattr(bodies, "PACE", Pace(first_seconds=0.1, bytes_per_second=1024, total_seconds=1))
            answer = await page.visitor.post(f"{page.path}/attach", content=endless(), headers=headers)
            assert (408, "troubled") == (answer.status_code, answer.json()["status"])
    assert 0 == high.calls("connect.attach")


async def test_a_connection_that_was_given_up_ends_its_pages(high: HighWorld) -> None:
    """A disconnect ends the connection's pages; the page of an expired grant says what to do."""
    async with begun(high) as page:
        await high.api.connections.DisconnectConnection(
            connection_service_pb2.DisconnectConnectionRequest(name=page.made)
        )
        gone = await page.ask("look")
    assert (400, "over") == (gone.status_code, gone.json()["status"])

    async with begun(high) as page:
        high.vendor.uninstall(BAKERY)
        high.world.clock.advance(timedelta(minutes=1))
        dead = await page.ask("look")
    assert (409, "refused") == (dead.status_code, dead.json()["status"])
    assert "must be authorised again" in dead.json()["text"]


async def test_the_keys_pages_may_hear(high: HighWorld) -> None:
    """The origins are those of the settings and of the key that began, as for the consent of a connection."""
    made = await connect(high)
    key = await high.world.key(redirect_uris=("https://agency.example/done?x=1",))
    request = connection_service_pb2.StartAccountAuthorizationRequest(
        parent=made, platform="tiktok", return_uri="https://agency.example/done?x=1"
    )
    started = await high.world.client(key).connections.StartAccountAuthorization(request)
    async with edge(high) as visitor:
        page = await visitor.get(urlsplit(started.uri).path)

    assert ["https://agency.example", "https://settings.example"] == held(page, "openers")
    assert "https://agency.example/done?x=1&amp;connection=" in page.text


async def test_hostile_names_are_data(high: HighWorld) -> None:
    """What a network calls somebody travels as JSON and nothing of it stands in a page."""
    made = await connect(high)
    hostile = "</script><img src=x onerror=alert(1)>"
    body = {"success": True, "results": {"profile": [{"id": WHO, "name": hostile, "username": hostile}]}}
    high.vendor.faults.add(Fault(match="connect.choose", kind="body", body=json.dumps(body)))
    async with edge(high) as visitor:
        page = Page(visitor, await start(high, made, "tiktok"), made)
        answer = await page.ask("choices", authorizationId=NOBODY)

    assert ("application/json", hostile) == (answer.headers["content-type"], answer.json()["choices"][0]["name"])


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/connect/canary.canary", "/connect/…"),
        ("/connect/canary.canary/look", "/connect/…"),
        ("//connect/canary", "//connect/…"),
        ("/connect/webhook/tiktok", "/connect/webhook/tiktok"),
        ("/connected/x", "/connected/x"),
    ],
)
def test_no_log_holds_the_address(path: str, logged: str) -> None:
    """What opens a page is left out of its line; webhooks keep theirs."""
    assert logged == redacted_path(path)

"""The callback of a consent page, without a browser: what each visit leads to, and what none of them may show."""

import html
import json
import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from gateway.http import pages
from gateway.http.oauth import origin_of, read, return_address
from providers.simulators.faults import Fault
from tests.fixtures.app import base_of
from tests.fixtures.consent import decide
from tests.http.caller import OPENER, RETURN_URI, ApiCaller

HOSTILE = "<script>alert('canary')</script><img src=x onerror=alert(1)>\u202e'\"&"


def title(page: httpx.Response) -> str:
    """Return a page's heading."""
    found = re.search(r"<h1>(.*?)</h1>", page.text)
    return html.unescape(found[1]) if found else ""


async def test_an_approved_consent_connects(caller: ApiCaller, visitor: httpx.AsyncClient) -> None:
    """The person reads that it worked, and the connection is valid for its caller."""
    begun = await caller.begin()
    page = await visitor.get(await decide(visitor, begun.authorization.uri, "approve"))
    assert (200, "Connected") == (page.status_code, title(page))
    assert "VALID" == await caller.status(begun.name)


async def test_the_page_tells_nothing_that_is_secret(caller: ApiCaller, visitor: httpx.AsyncClient) -> None:
    """Neither code nor state stand in the page, whose message names the connection alone."""
    begun = await caller.begin()
    address = await decide(visitor, begun.authorization.uri, "approve")
    page = await visitor.get(address)
    values = parse_qs(urlsplit(address).query)
    assert [] == [name for name in ("code", "state") if values[name][0] in page.text]
    assert begun.name in html.unescape(page.text)


async def test_a_page_loads_nothing_and_runs_only_its_own_script(caller: ApiCaller, visitor: httpx.AsyncClient) -> None:
    """The policy names one nonce, new for each page; whatever else came into it would not run."""
    address = f"{base_of(caller.gateway)}/oauth/tiktok/callback"
    policies = [(await visitor.get(address)).headers["content-security-policy"] for _ in range(2)]
    assert policies[0] != policies[1]
    for policy in policies:
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert "http" not in policy


async def test_a_denied_consent_is_said(caller: ApiCaller, visitor: httpx.AsyncClient) -> None:
    """The person reads that nothing was changed; the connection waits as before."""
    begun = await caller.begin()
    page = await visitor.get(await decide(visitor, begun.authorization.uri, "deny"))
    assert (403, "Not connected") == (page.status_code, title(page))
    assert "PENDING" == await caller.status(begun.name)


@pytest.mark.parametrize("decision", ["approve", "deny"])
async def test_an_address_that_is_opened_again_ends_as_the_first_time(
    caller: ApiCaller, visitor: httpx.AsyncClient, decision: str
) -> None:
    """The same page, or the same redirect to the application; nothing changes and the vendor is asked nothing."""
    for fields in ({}, {"return_uri": RETURN_URI}):
        begun = await caller.begin(f"{decision}-{len(fields)}", **fields)
        address = await decide(visitor, begun.authorization.uri, decision)
        first = await visitor.get(address)
        asked, status = len(caller.vendor.requests), await caller.status(begun.name)
        again = await visitor.get(address)
        assert (first.status_code, title(first), first.headers.get("location")) == (
            again.status_code,
            title(again),
            again.headers.get("location"),
        )
        assert (asked, status) == (len(caller.vendor.requests), await caller.status(begun.name))
        assert ("VALID" if decision == "approve" else "PENDING") == status


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        ("access_denied", 403, "the permission was not given"),
        ("invalid_scope", 409, "only its operator can correct"),
        ("temporarily_unavailable", 503, "could not be connected just now"),
    ],
)
async def test_the_page_says_whose_fault_an_error_is(
    caller: ApiCaller, visitor: httpx.AsyncClient, error: str, code: int, says: str
) -> None:
    """A person's no, our operator's fault, and "try again" are different pages."""
    begun = await caller.begin()
    address = await decide(visitor, begun.authorization.uri, "approve")
    state = parse_qs(urlsplit(address).query)["state"][0]
    page = await visitor.get(f"{address.partition('?')[0]}?state={state}&error={error}")
    assert (code, "Not connected", True) == (page.status_code, title(page), says in html.unescape(page.text))


async def test_looking_does_not_use_the_state_up(caller: ApiCaller, visitor: httpx.AsyncClient) -> None:
    """A link checker's HEAD leaves the state to the person."""
    begun = await caller.begin()
    address = await decide(visitor, begun.authorization.uri, "approve")
    assert 200 == (await visitor.head(address)).status_code
    assert "Connected" == title(await visitor.get(address))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "code=x",
        "state=x",
        "state=x&code=y",
        "state=x&state=x&code=y",
        "state=%00&code=%ff",
        "state=x&error=a%00b",
        "state=" + "x" * 9000 + "&code=y",
        "state[]=x&code=y",
        "state=x.y&error=access_denied&error_description=canary",
    ],
    ids=[
        "nothing",
        "no state",
        "no code",
        "forged",
        "twice",
        "not text",
        "zero byte",
        "long",
        "brackets",
        "forged denial",
    ],
)
async def test_what_no_consent_page_sends_is_refused(caller: ApiCaller, visitor: httpx.AsyncClient, query: str) -> None:
    """Whatever stands in the address: the same page, no vendor call, and nothing of the address in it."""
    page = await visitor.get(f"{base_of(caller.gateway)}/oauth/tiktok/callback?{query}")
    assert (400, "This link is no longer valid") == (page.status_code, title(page))
    assert "canary" not in page.text
    assert [] == caller.vendor.exchanges


async def test_a_hostile_description_is_text(caller: ApiCaller, visitor: httpx.AsyncClient) -> None:
    """What comes with a denial is shown as words: no tag of it survives, and no more than a sentence."""
    begun = await caller.begin()
    state = parse_qs(urlsplit(begun.authorization.uri).query)["state"][0]
    page = await visitor.get(
        f"{base_of(caller.gateway)}/oauth/tiktok/callback",
        params={"state": state, "error": "access_denied", "error_description": HOSTILE + "y" * 5000},
    )
    assert (403, 1) == (page.status_code, page.text.count("<script"))
    assert "<img" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "y" * 300 not in page.text


async def test_an_unknown_provider_is_a_page(caller: ApiCaller, visitor: httpx.AsyncClient) -> None:
    """A path of a network that is not here ends in a page, not in a fault."""
    page = await visitor.get(f"{base_of(caller.gateway)}/oauth/%3Cb%3E/callback?state=x&code=y")
    assert (404, "There is nothing here") == (page.status_code, title(page))


async def test_an_allowed_return_uri_gets_the_browser_back(caller: ApiCaller, visitor: httpx.AsyncClient) -> None:
    """The browser goes on with 303 to the caller's own page, which keeps its query and learns how it ended."""
    begun = await caller.begin(return_uri=RETURN_URI)
    page = await visitor.get(await decide(visitor, begun.authorization.uri, "approve"))
    target = urlsplit(page.headers["location"])
    assert 303 == page.status_code
    assert ("localhost:9", "/done", "top") == (target.netloc, target.path, target.fragment)
    assert {"tab": ["2"], "connection": [begun.name], "status": ["connected"]} == parse_qs(target.query)


async def test_a_denial_returns_too(caller: ApiCaller, visitor: httpx.AsyncClient) -> None:
    """The return URI is called after a denial too."""
    begun = await caller.begin(return_uri=RETURN_URI)
    page = await visitor.get(await decide(visitor, begun.authorization.uri, "deny"))
    assert (303, ["denied"]) == (page.status_code, parse_qs(urlsplit(page.headers["location"]).query)["status"])


async def test_a_vendor_that_is_down_asks_for_patience(caller: ApiCaller, visitor: httpx.AsyncClient) -> None:
    """A temporary trouble is said as such, and the page may be loaded again."""
    begun = await caller.begin()
    address = await decide(visitor, begun.authorization.uri, "approve")
    caller.vendor.faults.add(Fault(match="oauth.token", kind="status", status=503))
    page = await visitor.get(address)
    assert (503, "Not connected") == (page.status_code, title(page))


@pytest.mark.parametrize("decision", ["approve", "deny"])
async def test_the_pages_of_the_key_that_began_it_hear_of_it(
    caller: ApiCaller, visitor: httpx.AsyncClient, decision: str
) -> None:
    """An origin on the key's own list hears how its consent ended, beside those of the settings; others' do not."""
    uris = ["https://agency.example/oauth/done", "https://agency.example/other"]
    own = await caller.begin(key=await caller.key(redirect_uris=uris))
    others = await caller.begin()

    heard = [
        openers(await visitor.get(await decide(visitor, each.authorization.uri, decision))) for each in (own, others)
    ]

    assert [[OPENER, "https://agency.example"], [OPENER]] == heard


def openers(page: httpx.Response) -> list[str]:
    """Return the origins that a page tells."""
    found = re.search(r'data-openers="(.*?)"', page.text)
    told: list[str] = json.loads(html.unescape(found[1])) if found else []
    return told


def test_the_address_is_read_strictly() -> None:
    """One value of each name, of sane length, as UTF-8; other names are not looked at."""
    empty = {"state": "", "code": "", "error": "", "error_description": ""}
    assert empty | {"state": "s", "code": "c*!"} == read("state=s&code=c%2A%21&scopes=a%2Cb&scopes=c")
    for query in ("code=a&code=b", "code=%ff", "&".join(f"x{n}=1" for n in range(60)), "state=" + "x" * 9000):
        assert read(query) is None


def test_a_return_uri_keeps_what_it_had() -> None:
    """Query and fragment stay where they were; the outcome is added."""
    outcome = pages.connected("TikTok", connection="locations/l/connections/c", return_uri="https://a.example/x?y=1#z")
    expected = "https://a.example/x?y=1&connection=locations%2Fl%2Fconnections%2Fc&status=connected#z"
    assert expected == return_address(outcome)
    bare = pages.connected("TikTok", connection="c", return_uri="https://a.example")
    assert "https://a.example?connection=c&status=connected" == return_address(bare)


def test_origins_are_those_of_web_pages() -> None:
    """A message goes to the origin of a page; apps with schemes of their own open no windows."""
    uris = (RETURN_URI, "https://a.example/x", "myapp://done", "")
    assert [OPENER, "https://a.example", "", ""] == [origin_of(uri) for uri in uris]

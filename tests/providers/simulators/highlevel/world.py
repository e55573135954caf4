"""A simulated HighLevel with a location that installed the app, and helpers for the calls of a client.

Owns: the calls as written from documentation and reports. Knows nothing of our provider.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.applications import Starlette

from providers.simulators.highlevel import SCOPES, SimulatorConfig, Vendor, create_app
from providers.simulators.highlevel.social_accounts import SimAccount
from providers.simulators.highlevel.tenants import BAKERY, COMPANY, OWNER
from tests.fixtures.clock import Clock
from tests.fixtures.consent import query_of

API = "https://services.leadconnectorhq.com"
CHOOSE = "https://marketplace.gohighlevel.com/v2/oauth/chooselocation"
CALLBACK = "https://gateway.example/oauth/highlevel/callback"
OLD, V3 = "2021-07-28", "v3"
AGENT = "social-gateway-test/1"
CLIENT_ID = "65f0c0de0000000000000a99-simapp"
CLIENT = {"client_id": CLIENT_ID, "client_secret": "sim-client-secret"}
V3_CLIENT = {"clientId": CLIENT_ID, "clientSecret": "sim-client-secret"}
AUTHORIZE_QUERY = {
    "response_type": "code",
    "client_id": CLIENT_ID,
    "redirect_uri": CALLBACK,
    "scope": " ".join(SCOPES),
    "state": "s-1",
}
POSTING = f"/social-media-posting/{BAKERY}"
POSTS = f"{POSTING}/posts"
TIKTOK_DETAILS = {
    "privacyLevel": "PUBLIC_TO_EVERYONE",
    "enableComment": True,
    "enableDuet": True,
    "enableStitch": True,
    "videoDisclosure": False,
    "promoteYourBrand": False,
    "promoteOtherBrand": False,
}
VIDEO = {"url": "https://media.example/clip.mp4", "type": "video/mp4"}


def status_and_message(answer: httpx.Response) -> tuple[int, str | list[str]]:
    """Return status and message of a refusal."""
    return answer.status_code, answer.json()["message"]


@dataclass(slots=True)
class World:
    """The vendor, a client on it, the clock, and the access token of the bakery."""

    app: Starlette
    http: httpx.AsyncClient
    clock: Clock
    token: str = ""
    version: str = OLD

    @property
    def vendor(self) -> Vendor:
        """The vendor's state and controls."""
        vendor: Vendor = self.app.state.vendor
        return vendor

    @property
    def tiktok(self) -> SimAccount:
        """The bakery's personal TikTok account."""
        return self.account("tiktok")

    def account(self, platform: str) -> SimAccount:
        """Return the bakery's account on a network."""
        return next(each for each in self.vendor.accounts.of(BAKERY) if each.platform == platform)

    def grant(self, location_id: str | None = BAKERY, *scopes: str) -> str:
        """Return an access token with the scopes, by default all; None means the company."""
        return str(self.vendor.grant(location_id, scopes or SCOPES)["access_token"])

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        version: str | None = None,
        agent: str = AGENT,
        **more: Any,
    ) -> httpx.Response:
        """Send a call with bearer token, Version, user agent and JSON body."""
        headers = {"Authorization": f"Bearer {token or self.token}", "Version": version or self.version}
        headers["User-Agent"] = agent
        if body is not None:
            more["json"] = body
        return await self.http.request(method, path, headers=headers, **more)

    def body(self, **changes: Any) -> dict[str, Any]:
        """Return the body of create that works for two live users; None removes a property."""
        made = {
            "accountIds": [self.tiktok.id],
            "type": "post",
            "userId": OWNER,
            "createdBy": OWNER,
            "summary": "caption",
            "media": [VIDEO],
            "tags": [],
            "status": "scheduled",
            "scheduleDate": self.clock.later(3_600),
            "tiktokPostDetails": TIKTOK_DETAILS,
            **changes,
        }
        return {name: value for name, value in made.items() if value is not None}

    async def create(self, **changes: Any) -> httpx.Response:
        """Create a post."""
        return await self.call("POST", POSTS, self.body(**changes))

    async def created(self, **changes: Any) -> str:
        """Create a scheduled post (or a draft) and return its id."""
        answer = await self.create(**changes)
        assert 201 == answer.status_code, answer.text
        return str(answer.json()["results"]["post"]["_id"])

    async def post(self, post_id: str) -> dict[str, Any]:
        """Return a post as GET shows it."""
        answer = await self.call("GET", f"{POSTS}/{post_id}")
        assert 200 == answer.status_code, answer.text
        post: dict[str, Any] = answer.json()["results"]["post"]
        return post

    async def search(self, **changes: Any) -> httpx.Response:
        """Call posts/list over a month, with all values as strings."""
        body = {
            "type": "all",
            "skip": "0",
            "limit": "10",
            "fromDate": self.clock.later(-15 * 86_400),
            "toDate": self.clock.later(15 * 86_400),
            "includeUsers": "false",
            **changes,
        }
        return await self.call("POST", f"{POSTS}/list", {name: each for name, each in body.items() if each is not None})

    async def ids(self, **changes: Any) -> list[str]:
        """Return the ids of posts/list."""
        answer = await self.search(**changes)
        assert 201 == answer.status_code, answer.text
        return [post["_id"] for post in answer.json()["results"]["posts"]]

    async def exchange(self, **fields: str) -> httpx.Response:
        """Send a form to the token endpoint, with the client's credentials and without a Version."""
        return await self.http.post("/oauth/token", data={**CLIENT, **fields})

    async def install(
        self, *locations: str, agency: bool = False, choose: str = CHOOSE, **asking: str
    ) -> httpx.Response:
        """Submit the consent page with the picked locations."""
        page = await self.http.get(choose, params={**AUTHORIZE_QUERY, **asking})
        consent = re.search(r'name=consent value="([^"]+)"', page.text)
        assert consent is not None, page.text
        form = {"consent": consent[1], "decision": "approve", "location": list(locations)}
        if agency:
            form["agency"] = "true"
        return await self.http.post("https://marketplace.gohighlevel.com/_sim/consent", data=form)

    async def code(self, *locations: str, agency: bool = False) -> str:
        """Return a new authorization code."""
        answer = await self.install(*(locations or (BAKERY,)), agency=agency)
        return query_of(answer.headers["location"])["code"]

    async def pair(self, *locations: str, agency: bool = False) -> dict[str, Any]:
        """Return the tokens of a new install."""
        code = await self.code(*locations, agency=agency)
        answer = await self.exchange(grant_type="authorization_code", code=code, redirect_uri=CALLBACK)
        assert 200 == answer.status_code, answer.text
        pair: dict[str, Any] = answer.json()
        return pair


@asynccontextmanager
async def world(**config: Any) -> AsyncIterator[World]:
    """Yield a world in process, with a clock that stands still."""
    transport = config.pop("transport", None)
    clock = Clock()

    async def step(seconds: float) -> None:
        clock.advance(seconds)

    app = create_app(SimulatorConfig(**config), clock=clock, sleep=step, transport=transport)
    headers = {"User-Agent": AGENT}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=API, headers=headers) as http:
        made = World(app, http, clock)
        made.token = made.grant()
        yield made
    await made.vendor.aclose()


__all__ = ["BAKERY", "COMPANY", "OWNER", "World", "world"]

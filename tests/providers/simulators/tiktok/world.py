"""A simulated TikTok with one user who has granted everything, and helpers for the calls of a client.

Owns: the calls as written from TikTok's documentation. Knows nothing of our provider.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from providers.simulators.tiktok import SCOPES, SimulatorConfig, Vendor, create_app
from tests.fixtures.clock import Clock
from tests.fixtures.consent import query_of

API = "https://open.tiktokapis.com"
AUTHORIZE = "https://www.tiktok.com/v2/auth/authorize/"
CALLBACK = "https://gateway.example/oauth/tiktok/callback"
PUBLISH = "/v2/post/publish"
CLIENT = {"client_key": "sim-client-key", "client_secret": "sim-client-secret"}
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3"
ALL_SCOPES = "user.info.basic,user.info.profile,user.info.stats,video.list,video.upload,video.publish"
AUTHORIZE_QUERY = {
    "client_key": "sim-client-key",
    "response_type": "code",
    "scope": ALL_SCOPES,
    "redirect_uri": CALLBACK,
    "state": "s-1",
}
PUBLIC = {"privacy_level": "PUBLIC_TO_EVERYONE"}


def file_source(size: int, chunk_size: int | None = None, count: int = 1) -> dict[str, Any]:
    """Return the source_info of a file upload, by default in one chunk."""
    return {
        "source": "FILE_UPLOAD",
        "video_size": size,
        "chunk_size": size if chunk_size is None else chunk_size,
        "total_chunk_count": count,
    }


def code_and_message(answer: httpx.Response) -> tuple[int, str, str]:
    """Return status, code and message of a response in the coded envelope."""
    error = answer.json()["error"]
    assert re.fullmatch(r"\d{14}[0-9A-F]{18}", error["log_id"])
    return answer.status_code, error["code"], error["message"]


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a response in the coded envelope."""
    return code_and_message(answer)[:2]


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """Return status and error of a response in the flat envelope."""
    body = answer.json()
    assert {"error", "error_description", "log_id"} == body.keys()
    return answer.status_code, body["error"]


@dataclass(slots=True)
class World:
    """The vendor, a client on it, the clock, and the access token of the first user."""

    vendor: Vendor
    http: httpx.AsyncClient
    clock: Clock
    token: str = ""

    @property
    def open_id(self) -> str:
        """The open_id of the first user."""
        return next(iter(self.vendor.users))

    def grant(self, *scopes: str, open_id: str | None = None) -> str:
        """Return an access token with the scopes, by default all."""
        return str(self.vendor.grant(open_id, scopes or SCOPES)["access_token"])

    async def call(self, path: str, body: object = None, *, token: str | None = None) -> httpx.Response:
        """Send a POST with a JSON body and a bearer token."""
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        return await self.http.post(path, json=body, headers=headers)

    async def get(self, path: str, *, token: str | None = None) -> httpx.Response:
        """Send a GET with a bearer token."""
        return await self.http.get(path, headers={"Authorization": f"Bearer {self.token if token is None else token}"})

    async def direct(
        self, source: dict[str, Any], info: dict[str, Any] | None = None, *, token: str | None = None
    ) -> httpx.Response:
        """Call the init of a direct post, by default public."""
        body = {"post_info": PUBLIC if info is None else info, "source_info": source}
        return await self.call(f"{PUBLISH}/video/init/", body, token=token)

    async def draft(self, source: dict[str, Any]) -> httpx.Response:
        """Call the init of a draft."""
        return await self.call(f"{PUBLISH}/inbox/video/init/", {"source_info": source})

    async def put(
        self, url: str, data: bytes, first: int, total: int, *, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send a chunk, by default with the documented headers."""
        given = {"Content-Type": "video/mp4", "Content-Range": f"bytes {first}-{first + len(data) - 1}/{total}"}
        return await self.http.put(url, content=data, headers={**given, **(headers or {})})

    async def upload(self, data: bytes, info: dict[str, Any] | None = None, *, draft: bool = False) -> str:
        """Upload a small file in one chunk and return the publish_id."""
        begun = await (self.draft(file_source(len(data))) if draft else self.direct(file_source(len(data)), info))
        stored = await self.put(begun.json()["data"]["upload_url"], data, 0, len(data))
        assert stored.status_code == 201
        return str(begun.json()["data"]["publish_id"])

    async def status(self, publish_id: str, *, token: str | None = None) -> dict[str, Any]:
        """Return the data of status/fetch."""
        answer = await self.call(f"{PUBLISH}/status/fetch/", {"publish_id": publish_id}, token=token)
        assert code_of(answer) == (200, "ok")
        data: dict[str, Any] = answer.json()["data"]
        return data

    async def exchange(self, **fields: str) -> httpx.Response:
        """Send a form to the token endpoint, by default with the client's credentials."""
        return await self.http.post("/v2/oauth/token/", data={**CLIENT, **fields})

    async def consent(
        self,
        *,
        decision: str = "approve",
        ticked: tuple[str, ...] = SCOPES,
        asking: dict[str, str] | None = None,
    ) -> dict[str, str]:
        """Submit the consent page and return the query of the callback."""
        page = await self.http.get(AUTHORIZE, params={**AUTHORIZE_QUERY, **(asking or {})})
        assert page.status_code == 200
        answer = await self.submit(page, decision, ticked)
        assert answer.status_code == 302
        return query_of(answer.headers["location"])

    async def submit(self, page: httpx.Response, decision: str, ticked: tuple[str, ...] = SCOPES) -> httpx.Response:
        """Press a button of the consent page."""
        consent = re.search(r'name=consent value="([^"]+)"', page.text)
        assert consent is not None
        form = {"consent": consent[1], "decision": decision, "scope": list(ticked)}
        return await self.http.post("https://www.tiktok.com/_sim/consent", data=form)

    async def code(self, **asking: str) -> str:
        """Return a new authorization code."""
        return (await self.consent(asking=asking))["code"]


@asynccontextmanager
async def world(**config: Any) -> AsyncIterator[World]:
    """Yield a world in process, with a clock that stands still."""
    clock = Clock()
    app = create_app(SimulatorConfig(**config), clock=clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=API) as http:
        made = World(app.state.vendor, http, clock)
        made.token = made.grant()
        yield made
    await made.vendor.aclose()

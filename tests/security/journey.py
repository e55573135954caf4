"""The life of a connection and its posts, by gRPC and in browsers.

Owns the steps. Asserts nothing about what is answered.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import grpc
import httpx

from socialgateway.v1 import account_pb2, connection_pb2, post_pb2, upload_pb2
from tests.fixtures import media
from tests.fixtures.app import base_of
from tests.fixtures.client import write_messages
from tests.fixtures.consent import decide, query_of
from tests.fixtures.settings import REDIRECT_URI
from tests.security.recorded import RecordedGateway

PARENT = "locations/l1"
VIDEO = media.video()
FRESH = {"seconds": 0}
DAY = timedelta(hours=25)


@dataclass
class Journey:
    """The steps of one caller; `pages` is what browsers were shown, `states` and `codes` went through their URLs."""

    recorded: RecordedGateway
    key: str
    pages: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    connection: str = ""
    account: str = ""
    parent: str = PARENT

    async def call(self, method: str, request: Any = None, **values: Any) -> Any:
        """Call a method with the caller's key."""
        return await self.recorded.call(method, request, key=self.key, **values)

    async def create(self, **values: Any) -> Any:
        """Create a connection."""
        wanted = connection_pb2.Connection(provider="providers/tiktok")
        made = await self.call("ConnectionService/CreateConnection", parent=self.parent, connection=wanted, **values)
        self.connection = made.name
        return made

    async def consent(self, uri: str, *, decision: str = "approve") -> str:
        """Decide on the consent page, and return the address that the browser is sent to."""
        back = await decide(self.recorded.browser, uri, decision)
        query = query_of(back)
        self.states.append(query["state"])
        self.codes += [query["code"]] if "code" in query else []
        return back

    async def visit(self, address: str) -> httpx.Response:
        """Let the browser visit the gateway's own callback."""
        parts = urlsplit(address)
        page = await self.recorded.network.get(f"{base_of(self.recorded.gateway)}{parts.path}?{parts.query}")
        self.pages += [page.text, str(page.headers)]
        return page

    async def complete(self, address: str) -> Any:
        """Complete a consent whose callback is the caller's own."""
        query = query_of(address, "state", "code", "error", "error_description")
        return await self.call("ConnectionService/CompleteConnection", **query)

    async def reauthorize(self, redirect_uri: str = REDIRECT_URI) -> Any:
        """Start another consent for the connection."""
        values = {"name": self.connection, "redirect_uri": redirect_uri}
        return await self.call("ConnectionService/ReauthorizeConnection", **values)

    async def connect(self) -> None:
        """Create a connection, consent to it in the browser, and find its account."""
        made = await self.create()
        await self.visit(await self.consent(made.authorization.uri))
        listed = await self.call("AccountService/ListAccounts", parent=self.parent)
        self.account = listed.accounts[0].name

    async def look(self) -> None:
        """Call every method that reads, from the vendor where it can be."""
        await self.call("ConnectionService/VerifyConnection", name=self.connection)
        await self.call("ConnectionService/GetConnection", name=self.connection)
        await self.call("ConnectionService/GetConnectionStatus", parent=self.parent, provider="providers/tiktok")
        await self.call("ConnectionService/ListConnections", parent=self.parent)
        await self.call("AccountService/GetAccount", name=self.account, max_staleness=FRESH)
        await self.call("AccountService/GetCreatorInfo", name=f"{self.account}/creatorInfo", max_staleness=FRESH)

    async def upload(self) -> str:
        """Upload a video, and return its name."""
        wanted = upload_pb2.Upload(
            mime_type="video/mp4", size_bytes=len(VIDEO), sha256=hashlib.sha256(VIDEO).hexdigest()
        )
        made = await self.call("UploadService/CreateUpload", parent=self.parent, upload=wanted)
        messages = [each.SerializeToString() for each in write_messages(made.name, VIDEO)]
        await self.recorded.send("UploadService/WriteUpload", messages, key=self.key)
        return str(made.name)

    async def post(self, upload: str) -> Any:
        """Create a post of an upload."""
        wanted = post_pb2.Post(account=self.account, mode=post_pb2.POST_MODE_DIRECT, caption="hello")
        wanted.video.source.upload = upload
        wanted.options.privacy_level = account_pb2.PRIVACY_LEVEL_ONLY_ME
        return await self.call("PostService/CreatePost", parent=self.parent, post=wanted)

    async def publish(self) -> Any:
        """Create a post, and return it as it is at its end."""
        made = await self.post(await self.upload())
        last = await self.call("PostService/WatchPost", name=made.name)
        return last.post

    async def refused(self, method: str, **values: Any) -> None:
        """Call a method that may fail: the response is recorded either way."""
        with suppress(grpc.aio.AioRpcError):
            await self.call(method, **values)

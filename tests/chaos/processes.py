"""Real gateway processes that a test kills or freezes, and what a caller does with one.

Owns starting, watching and ending them; every process that was started is ended. Knows the gateway only by its
settings, its ports and its contract.
"""

import asyncio
import contextlib
import hashlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from gateway.failpoints import VARIABLE
from providers.simulators.tiktok import Vendor
from socialgateway.v1 import account_pb2, connection_pb2, post_pb2, post_service_pb2
from tests.chaos.forks import Fork, Nursery
from tests.fixtures import media
from tests.fixtures.client import Client
from tests.fixtures.consent import decide
from tests.fixtures.settings import KEY, RING
from tests.fixtures.waiting import until

LOCATION = "locations/chaos"
PATIENCE_SECONDS = 120.0
"""How long a start, or a call that may start the process that looks into media, may take beside three other suites."""

FINAL = {post_pb2.Post.PUBLISHED, post_pb2.Post.FAILED, post_pb2.Post.INDETERMINATE, post_pb2.Post.CANCELLED}


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Gateway:
    """One gateway process over a given database; it may be killed and started again on the same ports.

    With a `nursery` it is forked there, which is quicker.
    """

    database_url: str
    vendor_url: str
    folder: Path
    grpc_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    program: tuple[str, ...] = ("-m", "gateway")
    nursery: Nursery | None = None
    process: asyncio.subprocess.Process | Fork | None = None

    async def start(self, *, failpoint: str = "") -> None:
        """Start the process, armed with a failpoint if one is given, and wait until it serves (or is already gone)."""
        log, environment = self.folder / "gateway.log", self.environment(failpoint)
        if self.nursery is not None:
            self.process = await self.nursery.fork(("serve", *self.options), environment, log)
        else:
            command = (sys.executable, *self.program, "serve", *self.options)
            with log.open("ab") as file:
                self.process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=file, stderr=file)
        await self._until_serving()

    def environment(self, failpoint: str = "") -> dict[str, str]:
        """Return the environment of the process: the settings that tests share, then its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        return {
            **kept,
            "GATEWAY_DATABASE_URL": self.database_url,
            "GATEWAY_DATA_DIR": str(self.folder / "data"),
            "GATEWAY_BLOB_URL": (self.folder / "blobs").as_uri(),
            "GATEWAY_GRPC_ADDRESS": f"127.0.0.1:{self.grpc_port}",
            "GATEWAY_HTTP_ADDRESS": f"127.0.0.1:{self.http_port}",
            "GATEWAY_PUBLIC_URL": f"http://127.0.0.1:{self.http_port}",
            "GATEWAY_ENCRYPTION_KEYS": RING,
            "GATEWAY_BOOTSTRAP_API_KEY": KEY,
            "GATEWAY_ALLOW_LOOPBACK_VENDORS": "true",
            "GATEWAY_TIKTOK_CLIENT_KEY": "sim-client-key",
            "GATEWAY_TIKTOK_CLIENT_SECRET": "sim-client-secret",
            "GATEWAY_TIKTOK_API_URL": self.vendor_url,
            "GATEWAY_TIKTOK_AUTHORIZE_URL": f"{self.vendor_url}/v2/auth/authorize/",
            "GATEWAY_TIKTOK_UPLOAD_HOSTS": "127.0.0.1",
            "GATEWAY_WORKER_HEARTBEAT_SECONDS": "0.2",
            "GATEWAY_WORKER_STALE_SECONDS": "1",
            "GATEWAY_DRAIN_DELAY_SECONDS": "0",
            **self.settings,
            VARIABLE: failpoint,
        }

    async def _until_serving(self) -> None:
        async def serves() -> bool:
            if self.process is None or self.process.returncode is not None:
                return True
            with contextlib.suppress(grpc.aio.AioRpcError):
                async with self.client() as client:
                    stub = health_pb2_grpc.HealthStub(client.channel)
                    answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=1)
                return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
            return False

        try:
            await until(serves, PATIENCE_SECONDS)
        except AssertionError:
            raise TimeoutError(f"not serving: {(self.folder / 'gateway.log').read_text()[-3000:]}") from None

    def client(self) -> Client:
        """Return a client with a channel of its own."""
        return Client(f"127.0.0.1:{self.grpc_port}")

    async def died(self, seconds: float) -> int | None:
        """Wait for the process to end by itself; its return code, or None when it still runs."""
        assert self.process is not None
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self.process.wait(), seconds)
        return None

    async def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End the process; a frozen one is woken first, so that it can end."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(how)
        await self.process.wait()

    def wake(self) -> None:
        """Resume a frozen process."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@contextlib.asynccontextmanager
async def running(gateway: Gateway, *, failpoint: str = "") -> AsyncIterator[Gateway]:
    """Run a gateway for the length of a block."""
    try:
        await gateway.start(failpoint=failpoint)
        yield gateway
    finally:
        await gateway.stop()


async def connect_many(gateway: Gateway, vendor: Vendor, count: int) -> list[str]:
    """Connect several users of the vendor, for posts in quick succession: each may start six in a minute."""
    made = []
    for number in range(count):
        user = vendor.add_user(open_id=f"chaos-{number}", username=f"chaos{number}", display_name=f"Chaos {number}")
        made.append(await connect(gateway, user.open_id))
    return made


async def connect(gateway: Gateway, open_id: str = "") -> str:
    """Connect one of the simulator's users (the first) through its consent page, and return the account's name."""
    async with gateway.client() as client:
        return await connect_by(client, open_id)


async def connect_by(client: Client, open_id: str = "") -> str:
    """Connect a user as `connect` does, by the calls of a client."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        wanted = connection_pb2.Connection(provider="providers/tiktok")
        made = await client.call("ConnectionService/CreateConnection", parent=LOCATION, connection=wanted)
        await walk_consent(browser, made.authorization.uri, **({"open_id": open_id} if open_id else {}))
        listed = await client.call("AccountService/ListAccounts", parent=LOCATION, connection=made.name)
    [account] = listed.accounts
    return str(account.name)


async def walk_consent(browser: httpx.AsyncClient, uri: str, **fields: Any) -> httpx.Response:
    """Approve on the simulator's consent page, and follow the redirect back to the gateway."""
    return await browser.get(await decide(browser, uri, **fields))


def pattern(size: int) -> bytes:
    """Return a real video, padded with bytes in which no two chunks are equal."""
    block = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(32768))
    head = media.clip() + media.padding_head(size - len(media.clip()))
    return (head + block * (size // len(block) + 1))[: size - 8] + size.to_bytes(8, "big")


async def upload(gateway: Gateway, data: bytes, mime_type: str = "video/mp4") -> str:
    """Upload a file, and return its name."""
    async with gateway.client() as client:
        return await client.upload(data, mime_type, parent=LOCATION)


def new_post(account: str, upload: str, caption: str, id: str) -> post_service_pb2.CreatePostRequest:
    """Return the request for a direct post that only its creator sees, with a given id."""
    post = post_pb2.Post(account=account, mode=post_pb2.POST_MODE_DIRECT, caption=caption)
    post.video.source.upload = upload
    post.options.privacy_level = account_pb2.PRIVACY_LEVEL_ONLY_ME
    return post_service_pb2.CreatePostRequest(parent=LOCATION, post=post, post_id=id)


async def create_post(gateway: Gateway, request: post_service_pb2.CreatePostRequest) -> str:
    """Create a post, find it made by an earlier call, or lose the process over it; return its name."""
    async with gateway.client() as client:
        try:
            await client.posts.CreatePost(request, timeout=PATIENCE_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ALREADY_EXISTS):
                raise
    return f"{LOCATION}/posts/{request.post_id}"


async def until_final(gateway: Gateway, name: str, seconds: float) -> post_pb2.Post:
    """Poll a post until it is final or the time is over, and return it as it is then."""
    deadline = asyncio.get_running_loop().time() + seconds
    async with gateway.client() as client:
        while True:
            post: post_pb2.Post = await client.call("PostService/GetPost", name=name)
            if post.state in FINAL or asyncio.get_running_loop().time() > deadline:
                return post
            await asyncio.sleep(0.1)

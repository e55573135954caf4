"""Five stops of whole gateways under load: how every call ends that was made meanwhile.

The clients repeat nothing by themselves: the service config that is shipped would hide how calls end.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.app import start
from socialgateway.v1 import upload_pb2
from socialgateway.v1.upload_service_pb2 import WriteUploadRequest
from tests.fixtures.app import CALLS, end, target_of
from tests.fixtures.client import Client
from tests.fixtures.settings import make_settings
from tests.fixtures.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

LOCATION = "locations/l1"

STOPS, CHANNELS = 5, 6
METHODS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ProviderService/ListProviders", {}),
    ("PostService/ListPosts", {"parent": LOCATION}),
    ("AccountService/ListAccounts", {"parent": LOCATION}),
    ("UploadService/CreateUpload", {"parent": LOCATION, "upload": upload_pb2.Upload(mime_type="video/mp4")}),
)


class Callers:
    """Callers on channels of their own, who call without a pause until they are told to stop."""

    def __init__(self, target: str) -> None:
        """Call nothing yet."""
        self.ends: Counter[str] = Counter()
        self._gone = asyncio.Event()
        self._clients = [Client(target, options=[("grpc.enable_retries", 0)]) for _ in range(CHANNELS)]
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Call."""
        self._tasks = [
            asyncio.create_task(self._call(client, method, values))
            for client in self._clients
            for method, values in METHODS
        ]
        self._tasks += [asyncio.create_task(self._upload(client)) for client in self._clients]

    async def end(self) -> None:
        """Make no more calls, and see the last ones end."""
        self._gone.set()
        await asyncio.gather(*self._tasks)
        for client in self._clients:
            await client.channel.close()

    async def _call(self, client: Client, method: str, values: dict[str, Any]) -> None:
        while not self._gone.is_set():
            try:
                await client.call(method, **values)
                self.ends["OK"] += 1
            except grpc.aio.AioRpcError as error:
                self.ends[error.code().name] += 1
                await asyncio.sleep(0.005)

    async def _upload(self, client: Client) -> None:
        """Keep an upload open that never finishes, as long as the gateway lets it."""
        try:
            wanted = upload_pb2.Upload(mime_type="video/mp4")
            made = await client.call("UploadService/CreateUpload", parent=LOCATION, upload=wanted)

            async def messages() -> AsyncIterator[WriteUploadRequest]:
                yield WriteUploadRequest(name=made.name, data=b"x" * 1000)
                await self._gone.wait()

            await client.uploads.WriteUpload(messages())
            self.ends["OK"] += 1
        except grpc.aio.AioRpcError as error:
            self.ends[error.code().name] += 1


async def test_over_five_stops_every_call_ends_as_ok_or_unavailable(database_url: str, tmp_path: Path) -> None:
    """Of a thousand calls and more over five stops, with uploads open, none ends as anything else."""
    ends: Counter[str] = Counter()
    for _ in range(STOPS):
        gateway = await start(make_settings(database_url, tmp_path, max_calls_per_key=1000), roles=CALLS)
        async with Client(target_of(gateway)) as client:
            wanted = upload_pb2.Upload(mime_type="video/mp4")
            await client.call("UploadService/CreateUpload", parent=LOCATION, upload=wanted)
        callers = Callers(target_of(gateway))
        callers.begin()
        await until(lambda seen=callers.ends: seen["OK"] >= 200, 60)
        await end(gateway, grace=1)
        await callers.end()
        ends += callers.ends
    assert {"OK", "UNAVAILABLE"} == set(ends), ends
    assert ends["OK"] >= 1000

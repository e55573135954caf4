"""(h) Ten million members of an audience: memory, and members a second, from the caller to the vendor.

Owns the load, and a vendor that counts the bytes of a file and forgets them: the simulator would keep every member.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from providers.simulators.serving import serve
from providers.simulators.tiktok_business import SimulatorConfig, create_app
from socialgateway.ads.v1 import audience_service_pb2_grpc
from socialgateway.ads.v1.audience_service_pb2 import AppendAudienceMembersRequest
from tests.bench.rounds import at_most
from tests.bench.scale.line import Line, Tell
from tests.bench.servers import Bench
from tests.bench.usage import cpu_seconds, forget_peak, peak_mib, resident_mib
from tests.chaos import business
from tests.fixtures.client import Client

MESSAGE = 1_000
ROW = 64 + len(",,\n")
"""An e-mail's digest, and nothing of the two other columns."""


class Counting:
    """The Marketing API, with files and audiences that are only counted."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self.received, self.files = app, 0, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a file or a creation; everything else is the simulator's."""
        path = scope.get("path", "")
        if path.endswith("/custom_audience/file/upload/"):
            async for piece in Request(scope, receive).stream():
                self.received += len(piece)
            self.files += 1
            await _answer({"file_path": f"bench/{self.files}"})(scope, receive, send)
        elif path.endswith("/custom_audience/create/"):
            named = json.loads(await Request(scope, receive).body())["file_paths"]
            await _answer({"custom_audience_id": f"7{len(named):018}"})(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _answer(data: dict[str, str]) -> JSONResponse:
    return JSONResponse({"code": 0, "message": "OK", "request_id": "bench", "data": data})


async def measure(bench: Bench, sizes: Sequence[int], tell: Tell) -> list[Line]:
    """Give an audience of each size to a gateway of its own, and wait until the vendor has all of it."""
    figures = list[tuple[float, float, float]]()
    app = create_app(SimulatorConfig(rate_limits=False))
    vendor = Counting(app)
    async with serve(vendor) as url:
        settings = business.settings(url, app.state.vendor)
        async with bench.gateway("--no-jobs", **settings) as gateway, bench.client(gateway) as client:
            account = await business.connect_advertiser(client, "locations/bench0")
        for size in sizes:
            vendor.received = 0
            async with bench.gateway(**settings) as gateway, bench.client(gateway) as client:
                tell(f"{size:,} members")
                figures.append(await _measured(client, gateway.pid, account, size))
            if vendor.received < size * ROW:
                raise RuntimeError(f"the vendor has {vendor.received:,} bytes of {size * ROW:,}")
    at, (peaks, rates, costs) = tuple(sizes), zip(*figures, strict=True)
    return [
        Line("h", "Memory above rest", "MiB", at, peaks, at_most(64)),
        Line("h", "Members received", "1/s", at, rates),
        Line("h", "CPU a member, received and sent", "us", at, costs),
    ]


async def _measured(client: Client, pid: int, account: str, size: int) -> tuple[float, float, float]:
    """Return the peak of memory above rest, the members a second, and the processor time of each."""
    made = await client.call("AudienceService/CreateAudience", parent=account, audience={"display_name": "everybody"})
    forget_peak(pid)
    rest, before, start = resident_mib(pid), cpu_seconds(pid), time.perf_counter()
    await _append(client, made.name, size)
    rate = size / (time.perf_counter() - start)
    await _until_sent(client, made.name, size)
    return peak_mib(pid) - rest, rate, (cpu_seconds(pid) - before) / size * 1e6


async def _append(client: Client, name: str, size: int) -> None:
    """Stream the members of an audience, which are made up as they are sent."""

    async def messages() -> AsyncIterator[AppendAudienceMembersRequest]:
        for offset in range(0, size, MESSAGE):
            end = min(offset + MESSAGE, size)
            members = [{"email": hashlib.sha256(str(number).encode()).hexdigest()} for number in range(offset, end)]
            yield AppendAudienceMembersRequest(
                name="" if offset else name, member_offset=offset, members=members, finish=end == size
            )

    stub = audience_service_pb2_grpc.AudienceServiceStub(client.keyed)
    await stub.AppendAudienceMembers(messages())


async def _until_sent(client: Client, name: str, size: int) -> None:
    """Wait until the vendor has the members."""
    while True:
        found = await client.call("AudienceService/GetAudience", name=name)
        if found.sent_members == size:
            return
        if not found.sending:
            raise RuntimeError(f"the members were not sent: {found.error.message}")
        await asyncio.sleep(0.2)

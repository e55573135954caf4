"""One ledger for all processes: two of them on one token, and a vendor that counts strictly and never has to refuse.

Owns the proof that takes real processes over one real database, with the vendor on a real socket and in real time.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway import deadline
from gateway.clock import now
from gateway.domain.access import ConnectionAccess
from gateway.domain.context import Domain
from providers.errors import ProviderError, QuotaUsedUp
from providers.models.accounts import PrivacyLevel
from providers.models.publishing import PostMode, PostOptions, PublishRequest, VideoFile
from providers.simulators.serving import serve
from providers.simulators.tiktok import Fault, create_app
from providers.simulators.tiktok.limits import Windows
from tests.fixtures.clock import RunningClock
from tests.fixtures.domain import built
from tests.fixtures.gateway import VENDOR, opened
from tests.flows.test_credentials_tokens_processes import answers, caller, settings_of

WINDOW = timedelta(seconds=2)
LIMIT = 6
SECONDS = 4.5
SKEW = 0.1
"""How far each process's clock is wrong, in seconds, in opposite directions."""


@pytest.mark.chaos
async def test_two_processes_on_one_token_never_make_a_seventh_submit_in_a_window(
    database_url: str, tmp_path: Path
) -> None:
    """Twelve callers fill several windows: each is filled and none is overfilled; the vendor refuses no call. Some
    answers take long, the vendor counts a call late, and the clocks of the processes differ.
    """
    clock = RunningClock()
    app = create_app(replace(VENDOR, rate_limits=True), clock=clock)
    vendor = app.state.vendor
    vendor.windows = Windows(WINDOW)
    vendor.faults.add(
        Fault(match="video.init", kind="slow", seconds=0.3, times=3),
        Fault(match="video.init", kind="slow", seconds=0.6, after=6, times=3),
    )
    async with serve(app) as url, opened(database_url, tmp_path / "first", clock=clock, simulator=app) as world:
        _, location, _, connection = (await world.connect()).name.split("/")
        order = {
            "database_url": world.domain.db.url,
            "vendor_url": url,
            "location": location,
            "connection": connection,
            "callers": 6,
            "seconds": SECONDS,
            "window": WINDOW.total_seconds(),
        }
        async with AsyncExitStack() as stack:
            own = [{"folder": str(tmp_path / f"p{number}"), "skew": SKEW * (-1) ** number} for number in range(2)]
            children = [
                await stack.enter_async_context(caller(__name__, json.dumps({**order, **each}))) for each in own
            ]
            results: list[Any] = [counts for [counts] in await asyncio.gather(*(answers(child) for child in children))]

    seen = sorted(init.time for init in vendor.inits)
    statuses = [call.status for call in vendor.requests if call.operation == "video.init"]
    assert [] == [
        later - earlier for earlier, later in zip(seen, seen[LIMIT:], strict=False) if later - earlier < WINDOW
    ]
    assert {200} == set(statuses)
    assert len(statuses) == len(seen) == sum(counts["accepted"] for counts in results)
    assert 2 * LIMIT <= len(seen)
    assert [{"accepted", "refused"}] * 2 == [set(counts) for counts in results]


# The other processes

VIDEO = PublishRequest(PostMode.DIRECT, VideoFile(1000, "video/mp4"), options=PostOptions(PrivacyLevel.ONLY_ME))
HASTY = 1.5
"""Seconds that every second caller has: a second of them is for the call itself."""


def shortened(domain: Domain, seconds: float) -> Domain:
    """Return the domain with windows of a few seconds, because a test cannot take minutes."""
    provider: Any = domain.providers["tiktok"]
    rules = tuple(replace(rule, window=timedelta(seconds=seconds)) for rule in provider.table.quotas)
    return replace(domain, providers={"tiktok": replace(provider, table=replace(provider.table, quotas=rules))})


async def submit_repeatedly(
    domain: Domain, order: dict[str, Any], patience: float | None, counts: Counter[str]
) -> None:
    """Submit again and again until the time is over, and count the results."""
    access = ConnectionAccess(domain, "tiktok", order["location"], order["connection"])
    ends = time.monotonic() + order["seconds"]
    while time.monotonic() < ends:
        deadline.begin(patience)
        try:
            await domain.providers["tiktok"].publishing.begin(access, VIDEO)
            counts["accepted"] += 1
        except QuotaUsedUp as error:
            counts["refused"] += 1
            wait = error.retry_after or timedelta(0)
            # Half as long as stated, so that it also tries when nothing can be free.
            await asyncio.sleep(wait.total_seconds() / 2)
        except ProviderError as error:
            counts[type(error).__name__] += 1


async def main(order: dict[str, Any]) -> None:
    """Start, print "ready", wait for a line, submit, and print how many calls were accepted, refused, or failed."""

    def clock() -> datetime:
        return now() + timedelta(seconds=order["skew"])

    async with built(settings_of(order), clock=clock) as (_, whole):
        domain, counts = shortened(whole, order["window"]), Counter[str]()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        async with asyncio.TaskGroup() as group:
            for number in range(order["callers"]):
                group.create_task(submit_repeatedly(domain, order, HASTY if number % 2 else None, counts))
        print(json.dumps([counts]), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))

"""A gateway process of its own that announces videos with one connection as fast as its quota lets it.

Owns the other side of test_quotas_processes: it says "ready", waits for a line, announces for some seconds, and prints
how often it was let through, how often the ledger refused, and what else went wrong. Run as
`python -m tests.flows.quota_caller '{"database_url": …}'`.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from gateway import app, deadline
from gateway.bootstrap import Resources, read_ring
from gateway.clock import now
from gateway.domain.access import ConnectionAccess
from gateway.domain.context import Domain
from gateway.ids import new_id
from providers.errors import ProviderError, QuotaUsedUp
from providers.models.accounts import PrivacyLevel
from providers.models.publishing import PostMode, PostOptions, PublishRequest, VideoFile
from storage.database import Database
from tests.flows.token_caller import settings_of

VIDEO = PublishRequest(PostMode.DIRECT, VideoFile(1000, "video/mp4"), options=PostOptions(PrivacyLevel.ONLY_ME))
HASTY = 1.5
"""Seconds that every second caller has: a second of them is for the call itself."""


def shortened(domain: Domain, seconds: float) -> Domain:
    """Return the rules with windows of so many seconds: nobody has minutes for a test."""
    provider: Any = domain.providers["tiktok"]
    rules = tuple(replace(rule, window=timedelta(seconds=seconds)) for rule in provider.table.quotas)
    return replace(domain, providers={"tiktok": replace(provider, table=replace(provider.table, quotas=rules))})


async def announce(domain: Domain, order: dict[str, Any], patience: float | None, told: Counter[str]) -> None:
    """Announce again and again until the time is over, and count what came of it."""
    access = ConnectionAccess(domain, "tiktok", order["location"], order["connection"])
    ends = time.monotonic() + order["seconds"]
    while time.monotonic() < ends:
        deadline.begin(patience)
        try:
            await domain.providers["tiktok"].publishing.begin(access, VIDEO)
            told["accepted"] += 1
        except QuotaUsedUp as error:
            told["refused"] += 1
            wait = error.retry_after or timedelta(0)
            # Half as long as told: it goes on asking when nothing can be free.
            await asyncio.sleep(wait.total_seconds() / 2)
        except ProviderError as error:
            told[type(error).__name__] += 1


async def main(order: dict[str, Any]) -> None:
    """Start, wait for the word, announce, tell."""
    settings = settings_of(order)

    def clock() -> datetime:
        return now() + timedelta(seconds=order["skew"])

    db = await Database.connect(order["database_url"], pool_size=4)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(db.close)
        resources = Resources(settings, db, read_ring(settings), None)
        domain = await app.build_domain(
            stack, resources, clock=clock, new_id=new_id, overrides={}, public_url="http://127.0.0.1"
        )
        domain = shortened(domain, order["window"])
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        told: Counter[str] = Counter()
        callers = [announce(domain, order, HASTY if number % 2 else None, told) for number in range(order["callers"])]
        async with asyncio.TaskGroup() as group:
            for caller in callers:
                group.create_task(caller)
        print(json.dumps([told]), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))

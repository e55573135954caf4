"""(d) Refreshing ahead, over a simulated day: how often each grant is exchanged, and what one exchange costs.

Owns the grants and the clock, which is moved by hand. The vendor is in process and says of each refresh token whether
it was used before.
"""

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import httpx

from gateway.domain.context import Domain
from providers.simulators.tiktok import Vendor, create_app
from storage import connections, locations
from storage.database import Database
from tests.bench.rounds import at_most
from tests.bench.scale.ground import sized
from tests.bench.scale.line import Line, Tell
from tests.bench.servers import SCOPES, Bench, vendor_config
from tests.bench.usage import cpu_seconds
from tests.fixtures.clock import Clock
from tests.fixtures.domain import built
from tests.fixtures.rows import CAPABILITIES, as_grant, connection_row
from tests.fixtures.settings import for_tiktok, make_settings

DAY = timedelta(days=1)
LOOK = timedelta(minutes=10)
A_LOCATION = 500
"""Grants of one location, so that there are not as many data keys as grants."""


async def measure(bench: Bench, sizes: Sequence[int], tell: Tell) -> list[Line]:
    """Let a day pass for each number of grants, in a database of its own."""
    found = [await _one(bench, size, tell) for size in sizes]
    at = tuple(sizes)
    return [
        Line("d", "Exchanges a grant and day", "", at, tuple(each[0] for each in found)),
        Line("d", "Refresh tokens used twice, or refused", "", at, tuple(each[1] for each in found), at_most(0)),
        Line("d", "CPU an exchange, gateway + database", "ms", at, tuple(each[2] for each in found)),
    ]


async def _one(bench: Bench, size: int, tell: Tell) -> tuple[float, float, float]:
    """Return exchanges a grant, refused ones, and milliseconds an exchange."""
    clock = Clock()
    simulator = create_app(vendor_config(processing_seconds=0), clock=clock)
    vendor: Vendor = simulator.state.vendor

    async def nothing(db: Database, size: int) -> None:
        return None

    with tempfile.TemporaryDirectory(dir=bench.folder, ignore_cleanup_errors=True) as name:
        async with sized(bench, [size], nothing, lambda _: None) as (db,):
            settings = make_settings(db.url, Path(name), **for_tiktok())
            overrides = {"tiktok": {"transport": httpx.ASGITransport(simulator)}}
            async with built(settings, clock=clock, overrides=overrides) as (_, domain):
                await _connect(domain, vendor, size, tell)
                return await _day(bench, domain, vendor, clock, size, tell)


async def _connect(domain: Domain, vendor: Vendor, size: int, tell: Tell) -> None:
    """Connect as many users of the vendor, spread over the day before, as they would have come."""
    for first in range(0, size, A_LOCATION):
        tell(f"{size:,} grants: {first:,} connected")
        location, now = f"l{first}", domain.clock()
        async with domain.db.transaction() as tx:
            seal = await domain.sealer.for_location(tx, location)
            await locations.claim(tx, location, "agency", now)
            for number in range(first, min(first + A_LOCATION, size)):
                user = vendor.add_user(open_id=f"u{number}", username=f"u{number}", display_name="U")
                grant = as_grant(vendor.grant(user.open_id), now)
                granted = {"capabilities": CAPABILITIES, "granted_scopes": list(SCOPES)}
                row = connection_row(
                    now,
                    location=location,
                    id=f"c{number}",
                    provider_subject=user.open_id,
                    last_verify_time=now,
                    **granted,
                )
                await connections.insert(tx, row)
                await domain.tokens.put(tx, seal, row.id, grant)


async def _day(
    bench: Bench, domain: Domain, vendor: Vendor, clock: Clock, size: int, tell: Tell
) -> tuple[float, float, float]:
    """Let the clock go round, and refresh what is due as the sweeper does."""
    end, before = clock() + DAY, _cpu(bench)
    while clock() < end:
        clock.advance(LOOK)
        while await domain.tokens.renew_due():
            tell(f"{size:,} grants: {clock():%H:%M}, {len(vendor.exchanges):,} exchanges")
            await asyncio.sleep(0)
    outcomes = Counter(each.outcome for each in vendor.exchanges if each.grant_type == "refresh_token")
    good = outcomes.pop("ok", 0)
    return good / size, float(sum(outcomes.values())), (_cpu(bench) - before) / max(good, 1) * 1e3


def _cpu(bench: Bench) -> float:
    """Return the processor seconds of this process, in which gateway and vendor are, and of the database."""
    return cpu_seconds(os.getpid(), bench.postmaster)

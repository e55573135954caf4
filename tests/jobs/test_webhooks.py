"""Webhooks that are applied in turns: a flood of one agency's keeps nobody else's waiting.

Owns the proofs of `gateway/jobs/webhooks.py`. The deliveries are the vendor's own, and what holds them up is a row that
somebody has locked.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.domain.webhooks import deliveries
from gateway.jobs.webhooks import Webhooks
from providers.simulators.tiktok import SimulatorConfig
from providers.simulators.tiktok.webhooks import body_of, signature
from storage.fair import Tenant
from tests.fixtures.domain import Stage, opened
from tests.fixtures.rows import connect_tiktok
from tests.fixtures.waiting import until

USERS = 4
EACH = 5
PLACES = 8


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage with accounts of the agency A, and one of B."""
    async with opened(database_url, tmp_path, SimulatorConfig(rate_limits=False)) as made:
        for number in range(USERS):
            made.vendor.add_user(open_id=f"u{number}", username=f"u{number}", display_name=f"User {number}")
        for number in range(USERS + 1):
            agency = "A" if number < USERS else "B"
            await connect_tiktok(made.domain, made.vendor, location=f"l{number}", user=number, agency=agency)
        yield made


@asynccontextmanager
async def applying(stage: Stage) -> AsyncIterator[Webhooks]:
    """Apply webhooks within the block, as soon as it is known that some are due."""
    webhooks = Webhooks(stage.domain, PLACES, stopping=lambda: False)

    async def look() -> None:
        while True:
            await webhooks.woken.wait()
            webhooks.woken.clear()
            await webhooks.take_due()

    webhooks.start()
    webhooks.woken.set()
    looking = asyncio.create_task(look())
    try:
        yield webhooks
    finally:
        looking.cancel()
        await webhooks.stop(20)


async def tell(stage: Stage, user: int, number: int = 0) -> None:
    """Receive a delivery about a user, whose grant is gone."""
    time = int(stage.clock().timestamp()) - number
    open_id = list(stage.vendor.users)[user]
    body = body_of("sim-client-key", "authorization.removed", open_id, {"reason": 1}, time)
    header = {"tiktok-signature": signature("sim-client-secret", int(stage.clock().timestamp()), body)}
    assert await deliveries.receive(stage.domain, "tiktok", header, body)


async def waiting(stage: Stage) -> dict[str, int]:
    """Count by agency the deliveries that have not been applied."""
    query = text("SELECT agency, count(*) FROM webhooks WHERE due_at IS NOT NULL GROUP BY agency")
    async with stage.domain.db.read() as tx:
        return {row[0]: row[1] for row in await tx.execute(query)}


async def test_a_flood_of_one_agency_delays_no_other(stage: Stage) -> None:
    """While all of A's that have begun wait for rows that somebody has locked, B's delivery is applied at once."""
    for number in range(USERS * EACH):
        await tell(stage, number % USERS, number)
    async with stage.domain.db.transaction() as tx:
        await tx.execute(text("SELECT FROM connections WHERE location <> :own FOR UPDATE"), {"own": f"l{USERS}"})
        async with applying(stage) as webhooks:
            await until(lambda: PLACES * 0.75 == webhooks.places.held(Tenant("A"))[0])
            await tell(stage, USERS)

            async def applied() -> bool:
                return "B" not in await waiting(stage)

            await until(applied)
            left = await waiting(stage)
            await tx.rollback()

    assert {"A": USERS * EACH} == left


async def test_everything_is_applied_in_the_end(stage: Stage) -> None:
    """Whoever ends looks for what is due as long as something is left."""
    for number in range(USERS * EACH):
        await tell(stage, number % (USERS + 1), number)
    async with applying(stage):

        async def applied() -> bool:
            return {} == await waiting(stage)

        await until(applied)

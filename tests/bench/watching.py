"""What watching costs: the audit log's part of a published post, and telemetry's of a hot read.

Owns both comparisons. The loads are those of `publishing.py` and `reads.py`.
"""

import os

from sqlalchemy import text

from gateway.audit.acts import Act
from gateway.audit.seal import seal_all
from gateway.clock import now
from storage import audit
from storage.states import AuditOutcome
from tests.bench import publishing, reads
from tests.bench.rounds import Result, Rounds, at_most
from tests.bench.servers import Bench
from tests.bench.usage import cpu_seconds

ROWS = 500
LIMIT = 0.05
AWAY = "http://127.0.0.1:9"
"""Where no collector is: what is sent there costs no more than what is taken."""


async def audit_of_a_post(bench: Bench, rounds: Rounds) -> list[Result]:
    """The processor time of a post's rows, written and sealed, beside that of the whole post."""
    async with bench.gateway() as gateway, bench.client(gateway) as client:

        async def ours() -> float:
            before = await _count(bench)
            places = await publishing.connected(bench, publishing.POSTS, bench.vendor)
            cost = await publishing.cost(bench, gateway, client, places)
            rows = (await _count(bench) - before) / len(places)
            return rows * await _row_cost(bench) * 1e3 / cost.cpu

        shares = await rounds.repeated(ours)
    return [Result("Audit, part of a published post", "", "", at_most(LIMIT), tuple(shares))]


async def telemetry_of_a_read(bench: Bench, rounds: Rounds) -> list[Result]:
    """GetPost with metrics for Prometheus, metrics and traces over OTLP, against the same without."""
    watched = {"GATEWAY_METRICS_ADDRESS": "127.0.0.1:0", "OTEL_EXPORTER_OTLP_ENDPOINT": AWAY}
    async with (
        bench.gateway(**watched) as one,
        bench.gateway() as other,
        bench.client(one) as watched_caller,
        bench.client(other) as caller,
    ):
        ours = await reads.hot(bench, watched_caller, "PostService/GetPost", reads.POSTS)
        bare = await reads.hot(bench, caller, "PostService/GetPost", reads.POSTS)
        return [
            await rounds.side_by_side(
                "GetPost with telemetry, server CPU a call",
                "without",
                "µs",
                at_most(1 + LIMIT),
                ours=lambda: reads.cost(one.pid, ours),
                bare=lambda: reads.cost(other.pid, bare),
            )
        ]


async def _count(bench: Bench) -> int:
    """Return how many rows have been written, sealed or not."""
    async with bench.domain.db.read() as tx:
        query = text("SELECT (SELECT count(*) FROM audit) + (SELECT count(*) FROM audit_unsealed)")
        return int((await tx.execute(query)).scalar_one())


async def _row_cost(bench: Bench) -> float:
    """Return the seconds of processor time of one more row in a transaction, and of its place in the chain."""
    processes = (os.getpid(), bench.postmaster)
    plain = await _transactions(bench, processes, 0)
    with_rows = await _transactions(bench, processes, 1)
    before = cpu_seconds(*processes)
    await seal_all(bench.domain.db, bench.domain.audit_secret, now)
    return (with_rows - plain + cpu_seconds(*processes) - before) / ROWS


async def _transactions(bench: Bench, processes: tuple[int, ...], rows: int) -> float:
    """Return the processor time of many transactions that write, with so many rows of the log in each."""
    act = Act("/bench", "k1", "acme", "ipv4:127.0.0.1:1", "r1", resource="locations/bench0/posts/p1")
    before = cpu_seconds(*processes)
    for _ in range(ROWS):
        async with bench.domain.db.transaction() as tx:
            await tx.execute(text("UPDATE posts SET update_time = now() WHERE location = 'bench0'"))
            for _ in range(rows):
                await audit.insert(tx, act.entry(now(), AuditOutcome.ANNOUNCED))
    return cpu_seconds(*processes) - before

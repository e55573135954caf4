"""(a) Posts that are all due at the same instant, over a thousand accounts, and two processes that hand them over.

Owns the posts, which are rows as a schedule leaves them, and when each was handed over: when the vendor could first
publish it, by the journal.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import text

from storage import posts, uploads
from storage.states import UploadState
from storage.uploads import UploadPartRow, UploadRow
from tests.bench.publishing import connected, transactions
from tests.bench.rounds import at_most
from tests.bench.scale.ground import quantile
from tests.bench.scale.line import Line, Tell
from tests.bench.servers import Bench
from tests.bench.usage import cpu_seconds
from tests.fixtures import media
from tests.fixtures.domain import GOOD
from tests.fixtures.rows import post_row

ACCOUNTS = 1000
WORKERS = 2
LOOK_SECONDS = 2.0
PATIENCE_SECONDS = 3600.0

_UNTIL = text("UPDATE posts SET due_at = :time, queue_time = :time WHERE location = ANY(:places) AND state = 'QUEUED'")
_STATES = text("SELECT state, count(*) FROM posts WHERE location = ANY(:places) GROUP BY state")
_WAL = text("SELECT pg_current_wal_insert_lsn() - '0/0'")
_SENT = text("SELECT final_sent_time FROM attempts WHERE location = ANY(:places) AND final_sent_time IS NOT NULL")


async def measure(bench: Bench, sizes: Sequence[int], tell: Tell) -> list[Line]:
    """Hand over each number of posts, with accounts and gateways of its own."""
    lags: list[list[float]] = []
    costs: list[_Used] = []
    for size in sizes:
        tell(f"{size:,} posts: connecting")
        places = await connected(bench, min(size, ACCOUNTS), bench.vendor)
        await _write(bench, places, size)
        async with AsyncExitStack() as stack:
            shared = {"GATEWAY_BLOB_URL": (bench.folder / "blobs").as_uri()}
            workers = [await stack.enter_async_context(bench.gateway(**shared)) for _ in range(WORKERS)]
            pids = [worker.pid for worker in workers]
            before = await _used(bench, pids)
            due = await _make_due(bench, places)
            await _until_published(bench, places, size, tell)
            costs.append((await _used(bench, pids)).since(before, size))
        async with bench.domain.db.read() as tx:
            sent = (await tx.execute(_SENT, {"places": places})).scalars().all()
        assert size == len(sent), f"{size - len(sent)} posts were not handed over, or more than once"
        lags.append([(time - due).total_seconds() for time in sent])
        cpu = costs[-1].workers + costs[-1].database
        tell(f"{size:,} posts: lag p99 {quantile(lags[-1], 0.99):.1f} s, {cpu:.0f} ms of processor time a post")
    at = tuple(sizes)
    return [
        Line("a", "Lag of a due post, p99", "s", at, tuple(quantile(each, 0.99) for each in lags), at_most(30)),
        Line("a", "Lag of a due post, median", "s", at, tuple(quantile(each, 0.5) for each in lags)),
        Line("a", "CPU a post, workers", "ms", at, tuple(each.workers for each in costs)),
        Line("a", "CPU a post, database", "ms", at, tuple(each.database for each in costs)),
        Line("a", "Transactions that write, a post", "", at, tuple(each.commits for each in costs)),
        Line("a", "Write-ahead log, a post", "KiB", at, tuple(each.wal for each in costs)),
    ]


@dataclass(frozen=True, slots=True)
class _Used:
    """Milliseconds of processor time, transactions that write, KiB of the write-ahead log."""

    workers: float
    database: float
    commits: float
    wal: float

    def since(self, before: "_Used", posts: int) -> "_Used":
        """Return what was used since then for each post."""
        pairs = zip(astuple(self), astuple(before), strict=True)
        return _Used(*((now - then) / posts for now, then in pairs))


async def _used(bench: Bench, workers: list[int]) -> _Used:
    async with bench.domain.db.read() as tx:
        wal = float((await tx.execute(_WAL)).scalar_one()) / 1024
    return _Used(
        cpu_seconds(*workers) * 1e3, cpu_seconds(bench.postmaster) * 1e3, float(await transactions(bench)), wal
    )


async def _write(bench: Bench, places: list[str], size: int) -> None:
    """Write a small video in each place, and posts of it that nobody looks at yet."""
    domain, now, clip = bench.domain, bench.domain.clock(), media.clip()
    size_of, digest = len(clip), sha256(clip).hexdigest()
    counts = [size // len(places) + (number < size % len(places)) for number in range(len(places))]
    for place, count in zip(places, counts, strict=True):
        key = f"uploads/{place}/u/0"
        await domain.blobs.put(key, clip)
        row = UploadRow(
            location=place,
            id="u",
            mime_type="video/mp4",
            state=UploadState.COMPLETE,
            media=GOOD.to_json(),
            size_bytes=size_of,
            committed_size=size_of,
            sha256=digest,
            create_time=now,
            expire_time=now + timedelta(days=7),
        )
        async with domain.db.transaction() as tx:
            await uploads.insert(tx, row)
            tx.add(UploadPartRow(location=place, upload="u", first=0, size=size_of, key=key))
            for number in range(count):
                what = {"caption": "A caption", "content": {"kind": "video"}, "uploads": ["u"]}
                options = {"privacy_level": "public"}
                where = {"location": place, "id": f"p{number}", "total_bytes": size_of}
                await posts.insert(tx, post_row(now, **what, options=options, **where, due_at=now + timedelta(days=1)))


async def _make_due(bench: Bench, places: list[str]) -> datetime:
    """Make all of them due at one instant, a moment from now."""
    time = bench.domain.clock() + timedelta(seconds=3)
    async with bench.domain.db.transaction() as tx:
        await tx.execute(_UNTIL, {"time": time, "places": places})
    return time


async def _until_published(bench: Bench, places: list[str], size: int, tell: Tell) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            async with bench.domain.db.read() as tx:
                states = {row[0]: row[1] for row in await tx.execute(_STATES, {"places": places})}
            tell(f"{size:,} posts: " + ", ".join(f"{count:,} {state}" for state, count in sorted(states.items())))
            if states.get("PUBLISHED") == size:
                return
            assert "FAILED" not in states, states

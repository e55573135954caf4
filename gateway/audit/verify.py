"""Verifying the audit log: every row, the end of every day, and that no day is missing.

Owns what is compared with what, and the sentences that say what is wrong. Changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.audit import chain
from storage import audit
from storage.audit import AuditDayRow
from storage.database import Database

MAX_FINDINGS = 20
"""How many findings of one day are listed: after the first missing row each of the others may be one."""


@dataclass(frozen=True, slots=True)
class Known:
    """What somebody wrote down of a day: how many rows it had, and the hash of the last of those."""

    rows: int
    hash: str


@dataclass(slots=True)
class Report:
    """What was verified, and what is wrong."""

    days: list[AuditDayRow] = field(default_factory=list)
    rows: int = 0
    unsealed: int = 0
    findings: list[str] = field(default_factory=list)


async def verify(db: Database, secret: bytes, known: Mapping[str, Known] | None = None) -> Report:
    """Verify the whole log; `known` is what was written down elsewhere, by day."""
    async with db.read() as tx:
        report = Report(await audit.days(tx), unsealed=await audit.count_unsealed(tx))
    previous: AuditDayRow | None = None
    for day in report.days:
        if not chain.is_authentic(secret, day):
            report.findings.append(f"{_name(day.day)}: the end of the day was not stored by this gateway")
        if day.previous != (previous.day if previous else None):
            missing = _name(day.previous) if day.previous else "an earlier day"
            report.findings.append(f"{_name(day.day)}: the day before it, {missing}, is missing")
        await _verify_day(db, day, previous, report, (known or {}).get(_name(day.day)))
        previous = day
    await _find_unknown_days(db, report, known or {})
    return report


async def _verify_day(
    db: Database, day: AuditDayRow, previous: AuditDayRow | None, report: Report, known: Known | None
) -> None:
    """Compare the rows of a day with their hashes, and the last of them with the end of the day."""
    if day.dropped:
        return
    hash, expected, wrong = previous.hash if previous else chain.BEGINNING, 1, []
    async for row in audit.read_day(db, day.day):
        if row.number > day.rows:
            break
        wrong += [f"row {number} is missing" for number in range(expected, row.number)[:MAX_FINDINGS]]
        gap = row.number != expected
        computed = chain.next_hash(hash, day.day, row.number, row.entry)
        if computed != row.hash and not gap:
            wrong.append(f"row {row.number} is not what was written")
        if known is not None and row.number == known.rows and row.hash.hex() != known.hash:
            wrong.append(f"row {row.number} has another hash than the one that is known")
        hash, expected = row.hash, row.number + 1
        report.rows += 1
    wrong += [f"row {number} is missing" for number in range(expected, day.rows + 1)[:MAX_FINDINGS]]
    if expected > day.rows and hash != day.hash:
        wrong.append("the last row does not have the hash that the day ends with")
    if known is not None and known.rows > day.rows:
        wrong.append(f"{known.rows} rows are known, and the day ends with {day.rows}")
    report.findings += [f"{_name(day.day)}: {each}" for each in [*wrong, *await _added(db, day)][:MAX_FINDINGS]]


async def _added(db: Database, day: AuditDayRow) -> list[str]:
    """Return a finding if there are rows after the end of the day, also after those that were sealed meanwhile."""
    async with db.read() as tx:
        last = await audit.last_number(tx, day.day)
    if last <= day.rows:
        return []
    async with db.read() as tx:
        ends = {each.day: each.rows for each in await audit.days(tx)}
    return [] if last <= ends.get(day.day, 0) else [f"rows up to {last} were added after the end of the day"]


async def _find_unknown_days(db: Database, report: Report, known: Mapping[str, Known]) -> None:
    """Find rows of days that have no end, and days that are known and have none."""
    async with db.read() as tx:
        stored = await audit.days_with_rows(tx)
        ends = {each.day for each in await audit.days(tx)}
    report.findings += [f"{_name(day)}: the end of the day is missing" for day in stored if day not in ends]
    names = {_name(day) for day in ends}
    report.findings += [f"{day}: the day is known, and missing" for day in sorted(known) if day not in names]


def _name(day: datetime) -> str:
    return f"{day:%Y-%m-%d}"

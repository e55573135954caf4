"""Long reports: a task that TikTok works on, and its file.

Owns /report/task/: creating, checking, and reading the file row by row. TikTok's portal (2026-11-30): no limit of days,
a task can be read for 30 days, the file is CSV with our names of columns if their translation is turned off, and what
counts people cannot be split by an audience's dimension. Its only filters are ids.
"""

import csv
from collections.abc import AsyncIterator, Mapping, Sequence

from providers.errors import ContractBroken
from providers.interface.access import Access
from providers.models.ads import AdMetric, ReportQuery, ReportRow, ReportTask, ReportTaskState
from providers.tiktok_business.ads import words
from providers.tiktok_business.ads.calls import Calls
from providers.tiktok_business.ads.capabilities import REPORTS
from providers.tiktok_business.ads.refused import unsupported
from providers.tiktok_business.ads.reports import (
    AUDIENCE,
    LEVELS,
    METRICS,
    TIMES,
    check_combination,
    dimension_text,
    request,
)
from providers.tiktok_business.config import PROVIDER
from providers.tiktok_business.errors import contract
from providers.tiktok_common import values

CREATE, CHECK, DOWNLOAD = "/report/task/create/", "/report/task/check/", "/report/task/download/"
STATES: Mapping[str, ReportTaskState] = {
    "QUEUING": ReportTaskState.RUNNING,
    "PROCESSING": ReportTaskState.RUNNING,
    "SUCCESS": ReportTaskState.SUCCEEDED,
    "FAILED": ReportTaskState.FAILED,
    "CANCELED": ReportTaskState.FAILED,
}
PEOPLE = frozenset(
    {
        AdMetric.REACH,
        AdMetric.FREQUENCY,
        AdMetric.COST_PER_THOUSAND_REACHED,
        AdMetric.RESULTS,
        AdMetric.RESULT_RATE,
        AdMetric.COST_PER_RESULT,
    }
)
"""The metrics that count people ("UV metrics")."""

MAX_LINE = 64 * 1024


def check(query: ReportQuery) -> None:
    """Raise OptionUnsupported for what a long report does not have; no call."""
    check_combination(query)
    if any(each in AUDIENCE for each in query.dimensions) and PEOPLE & set(query.metrics):
        raise unsupported("metrics", "In long reports what counts people is not split by who they are.")
    if query.start is None or query.end is None or query.end < query.start:
        raise unsupported("end", "A long report has a first and a last day.")


async def create(calls: Calls, access: Access, account_id: str, query: ReportQuery) -> str:
    """Let TikTok make a report; see the interface."""
    check(query)
    body = {**request(query), "output_format": "CSV_STRING", "enable_report_title_translation": False}
    envelope = await calls.write(access, CREATE, account_id, body, scope=REPORTS)
    id = values.identifier(envelope.data.get("task_id"))
    if not id:
        raise contract("TikTok's answer names no task.", envelope, write=True)
    return id


async def read(calls: Calls, access: Access, account_id: str, id: str) -> ReportTask:
    """Return how far a report is; see the interface."""
    envelope = await calls.read(access, CHECK, account_id, {"task_id": id}, scope=REPORTS)
    state = STATES.get(values.text(envelope.data, "status"))
    if state is None:
        raise contract("TikTok says of a report what is not documented.", envelope)
    return ReportTask(state, values.text(envelope.data, "message"))


async def rows(calls: Calls, access: Access, account_id: str, id: str, query: ReportQuery) -> AsyncIterator[ReportRow]:
    """Yield the rows of a report; see the interface."""
    async with calls.download(access, DOWNLOAD, account_id, {"task_id": id}, scope=REPORTS) as pieces:
        columns: dict[str, int] | None = None
        async for cells in _cells(pieces):
            if columns is None:
                columns = _columns(cells, query)
            else:
                yield _row(cells, columns, query)


async def _cells(pieces: AsyncIterator[bytes]) -> AsyncIterator[Sequence[str]]:
    """Yield the cells of each line that has any, of which one at a time is held."""
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.strip():
                yield _split(line)
        if len(rest) > MAX_LINE:
            raise _broken("a line of it does not end")
    if rest.strip():
        yield _split(rest)


def _split(line: bytes) -> Sequence[str]:
    try:
        # The first line may begin with a byte order mark.
        return next(csv.reader([line.decode("utf-8-sig").rstrip("\r")], strict=True))
    except (UnicodeDecodeError, csv.Error, StopIteration):
        raise _broken("a line of it is no CSV") from None


def _columns(header: Sequence[str], query: ReportQuery) -> dict[str, int]:
    """Return where each column is that the report has to have."""
    names = {**TIMES, **AUDIENCE}
    wanted = [LEVELS[query.level][1], *(names[each] for each in query.dimensions), *(METRICS[m] for m in query.metrics)]
    found = {name.strip(): place for place, name in enumerate(header)}
    if missing := [name for name in wanted if name not in found]:
        raise _broken(f"it has no column {missing[0]}")
    return found


def _row(cells: Sequence[str], columns: Mapping[str, int], query: ReportQuery) -> ReportRow:
    if len(cells) < len(columns):
        raise _broken("a line of it is too short")
    row, names = {name: cells[place].strip() for name, place in columns.items()}, {**TIMES, **AUDIENCE}
    return ReportRow(
        id=row[LEVELS[query.level][1]],
        metrics={each: words.money(row, METRICS[each]) for each in query.metrics},
        dimensions={each: dimension_text(each, row[names[each]]) for each in query.dimensions},
    )


def _broken(why: str) -> ContractBroken:
    return ContractBroken(f"TikTok's file of the report cannot be read: {why}.", provider=PROVIDER, code="contract")

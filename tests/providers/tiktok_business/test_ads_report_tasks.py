"""TikTok's long reports: what is refused, how their file is read, and that it is never held."""

import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from providers.errors import ContractBroken, OptionUnsupported, Unavailable
from providers.models.ads import AdMetric, ReportDimension, ReportLevel, ReportQuery, ReportRow, ReportTask
from providers.models.ads import ReportTaskState as State
from providers.tiktok_business.ads.report_tasks import PEOPLE
from tests.providers.tiktok_business.support import AdsAccess, tiktok

QUERY = ReportQuery(
    ReportLevel.AD,
    (AdMetric.SPEND, AdMetric.CONVERSIONS),
    date(2024, 1, 1),
    date(2026, 11, 30),
    (ReportDimension.DAY,),
)
HEADER = b"ad_id,stat_time_day,spend,conversion\r\n"


class Stream(httpx.AsyncByteStream):
    """A body that is made while it is read."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces:
            yield piece


async def cut(body: bytes, size: int) -> AsyncIterator[bytes]:
    """Yield a body in pieces of a size."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def rows(body: bytes, *, size: int = 7, query: ReportQuery = QUERY) -> list[ReportRow]:
    """Return the rows of a file that comes in pieces."""
    provider, _ = tiktok(lambda request: httpx.Response(200, stream=Stream(cut(body, size))))
    return [row async for row in provider.ads.report_rows(AdsAccess(), "1", "t1", query)]


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_a_file_is_read_row_by_row(size: int) -> None:
    """However it is cut: columns by their names in any order, a mark at the beginning, quotes, no last line's end."""
    body = b"\xef\xbb\xbfspend,ad_id,more,conversion,stat_time_day\n"
    body += b'"1.50",17,x,-,2026-11-20 00:00:00\n\n0,18,,3,2026-11-21'
    first, second = await rows(body, size=size)
    assert first == ReportRow(
        "17", {AdMetric.SPEND: Decimal("1.50"), AdMetric.CONVERSIONS: None}, {ReportDimension.DAY: "2026-11-20"}
    )
    assert ("18", Decimal(0), "2026-11-21") == (
        second.id,
        second.metrics[AdMetric.SPEND],
        second.dimensions[ReportDimension.DAY],
    )


@pytest.mark.parametrize("body", [HEADER, b"", b"\n"], ids=["header", "nothing", "empty line"])
async def test_a_report_without_rows_has_none(body: bytes) -> None:
    """Nothing was delivered: that is no error."""
    assert [] == await rows(body)


@pytest.mark.parametrize(
    "body",
    [
        b"Ad ID,Date,Cost,Conversions\r\n17,2026-11-20,1,2\r\n",
        HEADER + b"17,2026-11-20\r\n",
        HEADER + b"\xff\xfe,2026-11-20,1,2\r\n",
        HEADER + b'"17,2026-11-20,1,2\r\n',
        HEADER + b"7" * 100_000,
        b"<html>504</html>",
        b'{"code": 0, "data": {"download_url": "https://ads.tiktok.com/x"}}',
    ],
    ids=["translated", "short", "no text", "no end of a quote", "endless", "html", "an envelope"],
)
async def test_a_file_that_cannot_be_read_is_no_report(body: bytes) -> None:
    """Nothing is guessed of it."""
    with pytest.raises(ContractBroken):
        await rows(body, size=4_096)


async def test_an_error_in_place_of_the_file_is_that_error() -> None:
    """An envelope with a code has its meaning, and its status does not matter."""
    refused = {"code": 50000, "message": "System error", "request_id": "2026", "data": {}}
    provider, _ = tiktok(lambda request: httpx.Response(200, json=refused))
    with pytest.raises(Unavailable):
        _ = [row async for row in provider.ads.report_rows(AdsAccess(), "1", "t1", QUERY)]


async def test_a_transfer_that_breaks_is_unavailable() -> None:
    """After the rows that came there is an error, not an end."""

    async def broken() -> AsyncIterator[bytes]:
        yield HEADER + b"17,2026-11-20,1,2\r\n"
        raise httpx.ReadError("gone")

    provider, _ = tiktok(lambda request: httpx.Response(200, stream=Stream(broken())))
    found = provider.ads.report_rows(AdsAccess(), "1", "t1", QUERY)
    assert "17" == (await anext(found)).id
    with pytest.raises(Unavailable):
        await anext(found)


async def test_memory_does_not_grow_with_the_file() -> None:
    """Of 4 MB less than one is held at any time."""
    line = b"7100000000000000001,2026-11-20 00:00:00,123456.78,-\r\n"
    piece, pieces = line * 1_000, 80

    async def much() -> AsyncIterator[bytes]:
        yield HEADER
        for _ in range(pieces):
            yield piece

    provider, _ = tiktok(lambda request: httpx.Response(200, stream=Stream(much())))
    count = 0
    tracemalloc.start()
    try:
        async for _ in provider.ads.report_rows(AdsAccess(), "1", "t1", QUERY):
            count += 1
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (1_000 * pieces, True) == (count, peak < 1_000_000), peak


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("metrics", {"metrics": ()}),
        *(("metrics", {"metrics": (each,), "dimensions": (ReportDimension.AGE,)}) for each in sorted(PEOPLE)),
        ("dimensions", {"dimensions": (ReportDimension.DAY, ReportDimension.HOUR)}),
        ("end", {"start": None, "end": None, "dimensions": ()}),
        ("end", {"end": date(2023, 12, 31)}),
        ("ids", {"ids": tuple(str(each) for each in range(101))}),
    ],
)
async def test_what_a_long_report_cannot_have_is_refused(field: str, change: dict[str, Any]) -> None:
    """Before any call; a span of years is none of it."""
    provider, vendor = tiktok()
    provider.ads.check_long_report(QUERY)
    wrong = replace(QUERY, **change)
    with pytest.raises(OptionUnsupported) as checked:
        provider.ads.check_long_report(wrong)
    with pytest.raises(OptionUnsupported) as asked:
        await provider.ads.request_report(AdsAccess(), "1", wrong)
    assert (field, field, []) == (checked.value.field, asked.value.field, vendor.requests)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("QUEUING", State.RUNNING),
        ("PROCESSING", State.RUNNING),
        ("SUCCESS", State.SUCCEEDED),
        ("FAILED", State.FAILED),
        ("CANCELED", State.FAILED),
    ],
)
async def test_each_state_of_a_task_is_understood(status: str, state: State) -> None:
    """The documented ones; the reason of a failure comes with it."""
    told = {"code": 0, "message": "OK", "data": {"status": status, "message": "why"}}
    provider, _ = tiktok(lambda request: httpx.Response(200, json=told))
    assert ReportTask(state, "why") == await provider.ads.report_task(AdsAccess(), "1", "t1")


async def test_a_state_that_is_not_documented_is_no_success() -> None:
    """It is an error that is tried again."""
    provider, _ = tiktok(lambda request: httpx.Response(200, json={"code": 0, "data": {"status": "DONE"}}))
    with pytest.raises(ContractBroken):
        await provider.ads.report_task(AdsAccess(), "1", "t1")

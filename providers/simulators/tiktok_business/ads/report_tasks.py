"""Long reports: tasks that take a while, and their files.

Owns: /report/task/. As in TikTok's portal (2026-11-30): no limit of days, filters by ids alone, nothing that counts
people by an audience's dimension, titles of columns that are translated unless asked otherwise, 30 days of validity.
"""

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from providers.simulators.common.ids import number
from providers.simulators.tiktok_business.ads import reports
from providers.simulators.tiktok_business.ads.wire import advertiser_of
from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.marketing.state import SimReport
from providers.simulators.tiktok_business.state import Vendor
from providers.simulators.tiktok_business.wire import choice, envelope, json_body, required, vendor_of

FORMATS = ("CSV_STRING", "CSV_DOWNLOAD", "XLSX_DOWNLOAD")
FILTERS = {"campaign_ids", "adgroup_ids", "ad_ids"}
PEOPLE = {"reach", "frequency", "cost_per_1000_reached", "result", "result_rate", "cost_per_result"}
ANY_SPAN = dict.fromkeys(reports.MOST_DAYS, 1_000_000)
VALID = timedelta(days=30)


async def create(request: Request) -> Response:
    """Begin a task."""
    body, vendor = await json_body(request), vendor_of(request)
    advertiser = advertiser_of(request, "report.create", "44", body)
    values = {name: each if isinstance(each, str) else json.dumps(each) for name, each in body.items()}
    required(values, "report_type", "dimensions")
    choice({"output_format": "CSV_STRING", **values}, "output_format", FORMATS)
    if any(each.get("field_name") not in FILTERS for each in body.get("filtering", [])):
        raise VendorError(40002, "filtering: is not supported in asynchronous reports")
    if values["report_type"] == "AUDIENCE" and PEOPLE & set(body.get("metrics", [])):
        raise VendorError(40002, "metrics: UV metrics with audience dimensions are not supported")
    ads = vendor.marketing.of_level("ad", advertiser.advertiser_id)
    rows = reports.rows_of(ads, advertiser, values, ANY_SPAN)
    report = SimReport(
        task_id=str(number(vendor.entropy)),
        advertiser_id=advertiser.advertiser_id,
        created=vendor.now(),
        translated=body.get("enable_report_title_translation", True) is not False,
        columns=[*body["dimensions"], *body.get("metrics", ["spend", "impressions"])],
        rows=rows,
    )
    vendor.marketing.reports[report.task_id] = report
    return envelope(vendor, {"task_id": report.task_id})


async def check(request: Request) -> Response:
    """Say how far a task is."""
    vendor, report = _task(request, "report.check")
    status = _status(vendor, report)
    message = vendor.marketing.report_failure if status == "FAILED" else ""
    return envelope(vendor, {"status": status, "message": message})


async def download(request: Request) -> Response:
    """Return the file of a task: CSV, and no envelope."""
    vendor, report = _task(request, "report.download")
    if _status(vendor, report) != "SUCCESS":
        raise VendorError(40002, "task_id: the task has not succeeded")
    return StreamingResponse(_lines(report), media_type="text/csv")


def _task(request: Request, operation: str) -> tuple[Vendor, SimReport]:
    values, vendor = dict(request.query_params), vendor_of(request)
    advertiser = advertiser_of(request, operation, "44", values)
    [id] = required(values, "task_id")
    report = vendor.marketing.reports.get(id)
    if report is None or report.advertiser_id != advertiser.advertiser_id or vendor.now() >= report.created + VALID:
        raise VendorError(40007, "task_id: the task does not exist")
    return vendor, report


def _status(vendor: Vendor, report: SimReport) -> str:
    done = (vendor.now() - report.created) / timedelta(seconds=vendor.config.report_seconds or 1e-9)
    if done < 1:
        return "QUEUING" if done < 0.5 else "PROCESSING"
    return "FAILED" if vendor.marketing.report_failure else "SUCCESS"


def _lines(report: SimReport) -> Iterator[str]:
    yield _line([_title(name) if report.translated else name for name in report.columns])
    for row in report.rows:
        cells = {**row["dimensions"], **row["metrics"]}
        yield _line([cells[name] for name in report.columns])


def _line(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _title(name: str) -> str:
    return name.replace("_", " ").title().replace(" Id", " ID")

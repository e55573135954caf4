"""Import posts from a CSV file: upload it, set the accounts, review, finalize.

Owns: …/csv and …/set-accounts. Knows nothing of how a row is parsed.
"""

from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.common.ids import opaque
from providers.simulators.highlevel import csv_files, ids, posts, rules, validation, wire
from providers.simulators.highlevel.errors import CsvRefusal, Refusal, not_found
from providers.simulators.highlevel.operations import V3
from providers.simulators.highlevel.planner_resources import CsvImport
from providers.simulators.highlevel.state import Vendor
from providers.simulators.highlevel.validation import Field, Shape


async def upload(request: Request) -> Response:
    """Receive a multipart file and parse its rows. v3 adds a code to refusals."""
    wire.check_media_type(request, "multipart/form-data")
    vendor, v3 = wire.vendor_of(request), wire.generation(request) == V3
    async with request.form() as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Refusal(400, "File is required")
        name, data = file.filename or "", await file.read()
    try:
        rows = csv_files.read(name, data)
    except CsvRefusal as error:
        raise error if v3 else Refusal(400, error.message) from None
    path = f"social-planner/{wire.location_of(request)}/{opaque(vendor.entropy)}/{name}"
    vendor.uploaded_csvs[path] = rows
    results: dict[str, Any] = {"filePath": path, "rowsCount": len(rows), "fileName": name}
    if v3:
        results |= {"fileSize": len(data), "csvFileType": "basic"}
    return wire.envelope(request, "Uploaded CSV", results, 201)


def _set_shape(*, v3: bool) -> Shape:
    shape = {
        "accountIds": Field(validation.some(validation.texts), True),
        "filePath": Field(validation.text, True),
        "rowsCount": Field(validation.number, True),
        "fileName": Field(validation.text, True),
        "approver": Field(validation.text),
        "userId": Field(validation.text, v3),
    }
    return shape | ({"csvFileType": Field(validation.one_of("basic", "advance"))} if v3 else {})


async def set_accounts(request: Request) -> Response:
    """Set the accounts of the rows. Only v3 returns the id of the import; older clients find it by its file name."""
    vendor, v3, body = wire.vendor_of(request), wire.generation(request) == V3, await wire.json_object(request)
    wire.check_shape(_set_shape(v3=v3), body)
    rows = vendor.uploaded_csvs.pop(body["filePath"], None)
    if rows is None:
        raise Refusal(400, "filePath was not uploaded")
    made = CsvImport(
        id=ids.mongo(vendor.entropy),
        location_id=wire.location_of(request),
        file_name=body["fileName"],
        file_path=body["filePath"],
        rows=[_checked(vendor, request, row, body) for row in rows],
        time=vendor.now(),
        account_ids=body["accountIds"],
        user_id=body.get("userId") or "",
        approver=body.get("approver") or "",
    )
    vendor.imports[made.id] = made
    return wire.envelope(request, "Set accounts", {"csvId": made.id} if v3 else None, 201)


def _checked(vendor: Vendor, request: Request, row: dict[str, str], body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return a row as a body of create, and its error or ""."""
    post = {**csv_files.body_of(row), "accountIds": body["accountIds"], "userId": body.get("userId") or "csv"}
    known = [vendor.accounts.by_id.get(each) for each in body["accountIds"]]
    try:
        rules.check_body(post, wire.generation(request), vendor.now())
        rules.check_tiktok(post, [each for each in known if each is not None])
    except Refusal as error:
        return post, "; ".join(error.message)
    return post, ""


def _json(request: Request, made: CsvImport) -> dict[str, Any]:
    vendor = wire.vendor_of(request)
    v3 = wire.generation(request) == V3
    return {
        "id" if v3 else "_id": made.id,
        "locationId": made.location_id,
        "fileName": made.file_name,
        "accountIds": made.account_ids,
        "file": made.file_path,
        "status": made.status(vendor.now(), vendor.config.csv_seconds),
        "count": len(made.rows),
        "createdBy": made.user_id,
        "approver": made.approver,
        "createdAt": made.time.isoformat(),
    }


async def listing(request: Request) -> Response:
    """Return a page of imports, the latest first. v3 requires userId."""
    vendor = wire.vendor_of(request)
    if wire.generation(request) == V3:
        wire.required_query(request, "userId")
    here = [each for each in vendor.imports.values() if each.location_id == wire.location_of(request)]
    rows = [_json(request, each) for each in reversed(here)][wire.page(request, limit=10)]
    return wire.envelope(request, "Fetched CSVs", {"csvs": rows, "count": len(here)})


def _own(request: Request) -> CsvImport:
    made = wire.vendor_of(request).imports.get(wire.mongo_id(request))
    if made is None or made.location_id != wire.location_of(request):
        raise not_found("CSV")
    return made


def _row_json(vendor: Vendor, made: CsvImport, body: dict[str, Any], error: str) -> dict[str, Any]:
    known = [vendor.accounts.by_id.get(each) for each in made.account_ids]
    named = {"tiktok": "tiktokError", "tiktok-business": "tiktokBusinessError", "facebook": "facebookError"}
    keys = {named.get(each.platform, "invalidError") for each in known if each is not None}
    medias = [
        {"url": each["url"], "type": each["type"], **dict.fromkeys(keys if error else (), error)}
        for each in body["media"]
    ]
    shown = {"accountIds": made.account_ids, "medias": medias, "summary": body["summary"], "type": body["type"]}
    shown |= {name: body[name] for name in ("scheduleDate", "tiktokPostDetails") if name in body}
    return {**shown, "errorMessage": error} if error else shown


async def get(request: Request) -> Response:
    """Return an import with a page of its posts and their errors."""
    vendor, made = wire.vendor_of(request), _own(request)
    rows = [_row_json(vendor, made, body, error) for body, error in made.rows]
    results = {"csv": _json(request, made), "count": len(rows), "posts": rows[wire.page(request, limit=10)]}
    return wire.envelope(request, "Fetched CSV", results)


async def finalize(request: Request) -> Response:
    """Schedule the valid posts; the others are skipped."""
    vendor, made, body = wire.vendor_of(request), _own(request), await wire.json_object(request)
    wire.check_shape({"userId": Field(validation.text, wire.generation(request) == V3)}, body)
    if made.status(vendor.now(), vendor.config.csv_seconds) != "pending":
        raise Refusal(400, "CSV is not ready to be imported")
    user_id = body.get("userId") or made.user_id
    for post, error in made.rows:
        if not error:
            posts.new_record(vendor, made.location_id, {**post, "userId": user_id or None}, "csv")
    made.final = "completed"
    return wire.envelope(request, "Updated CSV")


async def delete(request: Request) -> Response:
    """Delete an import, but not the posts it created."""
    made = _own(request)
    made.final = "deleted"
    del wire.vendor_of(request).imports[made.id]
    shown = _json(request, made)
    gone = {name: value for name, value in shown.items() if name not in ("id", "_id", "createdAt")}
    return wire.envelope(request, "Deleted CSV", {"csv": gone})


async def delete_post(request: Request) -> Response:
    """Delete a row before the import. Its id is its index as 24 hexadecimal digits."""
    made, post_id = _own(request), wire.mongo_id(request, "postId")
    place = int(post_id, 16)
    if place >= len(made.rows):
        raise not_found("Post")
    del made.rows[place]
    return wire.envelope(request, "Deleted Post", {"postId": post_id})

"""The endpoints of the planner's posts: create, list, get, update, delete, bulk delete.

Owns: …/posts. Knows nothing of how a post progresses.
"""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.simulators.highlevel import ids, rules, validation, wire
from providers.simulators.highlevel.errors import NOT_AN_ID, Refusal, invalid, not_found
from providers.simulators.highlevel.ledger import Created
from providers.simulators.highlevel.operations import V3
from providers.simulators.highlevel.post_records import PostRecord, post_json
from providers.simulators.highlevel.social_accounts import SimAccount
from providers.simulators.highlevel.state import Vendor
from providers.simulators.highlevel.tenants import post_user_json


def _accounts(vendor: Vendor, location_id: str, account_ids: list[str]) -> list[SimAccount]:
    """Return the accounts of a body. The error for an unknown one is not documented; expired ones are accepted."""
    known = [vendor.accounts.by_id.get(each) for each in account_ids]
    found = [each for each in known if each is not None and each.location_id == location_id]
    if len(found) != len(known):
        raise Refusal(400, "accountIds has an account that is not connected to this location")
    return found


def _check_user(vendor: Vendor, location_id: str, user_id: str | None) -> None:
    users = {user.id for user in vendor.tenants.users_of(location_id) if not user.deleted}
    if user_id and vendor.config.check_user and user_id not in users:
        raise invalid("userId is not a user of this location")


def _fill(vendor: Vendor, record: PostRecord, body: dict[str, Any]) -> None:
    """Fill a record with a valid body and add it to the planner. Raise Refusal without changing anything."""
    accounts = _accounts(vendor, record.location_id, body.get("accountIds") or [])
    _check_user(vendor, record.location_id, body.get("userId"))
    rules.check_tiktok(body, accounts)
    record.fill(body, vendor.now())
    record.summary = rules.truncated_caption(body.get("summary") or "", accounts)
    record.platform = accounts[0].platform if accounts else ""
    vendor.planner.add(record)


def new_record(vendor: Vendor, location_id: str, body: dict[str, Any], source: str = "composer") -> PostRecord:
    """Create a post in the planner from a valid body. Raise Refusal."""
    now = vendor.now()
    record = PostRecord(
        id=ids.mongo(vendor.entropy),
        location_id=location_id,
        created_at=now,
        updated_at=now,
        user_id=body.get("userId") or "",
        source=source,
    )
    _fill(vendor, record, body)
    row = Created(
        post_id=record.id,
        location_id=location_id,
        account_ids=tuple(record.account_ids),
        status=body.get("status") or "",
        summary=record.summary,
        time=now,
    )
    vendor.created.append(row)
    return record


async def create(request: Request) -> Response:
    """Create a post. The response to publishing now may have no results, hence no id."""
    vendor, body = wire.vendor_of(request), await wire.json_object(request)
    rules.check_body(body, wire.generation(request), vendor.now())
    record = new_record(vendor, wire.location_of(request), body)
    vendor.settle()
    at_once = body.get("status") in (None, "published")
    if at_once and not vendor.config.publish_now_results:
        return wire.envelope(request, "Created Post", status=201)
    return _single(request, "Created Post", record, 201)


def _shown(request: Request, record: PostRecord, *, with_user: bool = False) -> dict[str, Any]:
    vendor, v3 = wire.vendor_of(request), wire.generation(request) == V3
    user = vendor.tenants.users.get(record.user_id) if with_user else None
    shown = post_user_json(user) if user is not None else None
    return post_json(record, echo_schedule_date=vendor.config.echo_schedule_date, v3=v3, user=shown)


def _single(request: Request, message: str, record: PostRecord, status: int = 200) -> Response:
    vendor = wire.vendor_of(request)
    post = _shown(request, record)
    if vendor.config.post_at == "flat":
        return JSONResponse(post, status)
    if vendor.config.post_at == "top":
        return wire.envelope(request, message, status=status, post=post)
    return wire.envelope(request, message, {"post": post}, status)


def _own(request: Request) -> PostRecord:
    vendor = wire.vendor_of(request)
    record = vendor.planner.records.get(wire.mongo_id(request))
    if record is None or record.location_id != wire.location_of(request):
        raise not_found("Post")
    return record


async def get(request: Request) -> Response:
    """Return a post, even a deleted one."""
    return _single(request, "Fetched Post", _own(request))


async def update(request: Request) -> Response:
    """Replace a post: everything that the body omits is removed. The response has no results."""
    vendor, record, body = wire.vendor_of(request), _own(request), await wire.json_object(request)
    rules.check_body(body, wire.generation(request), vendor.now(), update=True)
    if record.deleted or record.status in ("published", "in_progress"):
        raise Refusal(400, f"A post that is {record.status} can not be changed")
    _fill(vendor, record, body)
    vendor.settle()
    return wire.envelope(request, "Updated Post")


async def delete(request: Request) -> Response:
    """Delete HighLevel's record; the post on the network stays."""
    record = _own(request)
    if record.deleted:
        raise not_found("Post")
    wire.vendor_of(request).planner.delete(record)
    return wire.envelope(request, "Deleted Post", {"postId": record.id})


async def bulk_delete(request: Request) -> Response:
    """Delete up to 50 records; 404 when none of them exists."""
    vendor, location_id = wire.vendor_of(request), wire.location_of(request)
    body = await wire.json_object(request)
    wire.check_shape({"postIds": validation.Field(validation.some(validation.texts), True)}, body)
    if len(body["postIds"]) > rules.MAX_BULK_DELETE:
        raise Refusal(400, f"postIds must contain no more than {rules.MAX_BULK_DELETE} elements")
    known = [vendor.planner.records.get(each) for each in dict.fromkeys(body["postIds"])]
    here = [each for each in known if each is not None and each.location_id == location_id and not each.deleted]
    if not here:
        raise not_found("Posts")
    for record in here:
        vendor.planner.delete(record)
    results = {"message": "Posts deleted successfully", "deletedCount": len(here)}
    return wire.envelope(request, "Deleted Posts", results, 201)


# List


def _check_search(vendor: Vendor, body: dict[str, Any]) -> None:
    numeric = any(isinstance(body.get(name), int) for name in ("skip", "limit"))
    if numeric and vendor.config.numeric_paging_status == 400:
        raise Refusal(400, NOT_AN_ID)
    wire.check_shape(rules.SEARCH, body)


def _matches(record: PostRecord, body: dict[str, Any]) -> bool:
    kind = body.get("type") or "all"
    wanted = not record.deleted if kind in ("all", "recent") else record.status == kind
    accounts = [each for each in (body.get("accounts") or "").split(",") if each]
    among = not accounts or bool(set(accounts) & set(record.account_ids))
    return wanted and among and body.get("postType") in (None, record.type)


def _instant(body: dict[str, Any], name: str) -> datetime:
    return validation.parse_instant(body[name]) or datetime.min.replace(tzinfo=UTC)


async def search(request: Request) -> Response:
    """Return a page of posts, the latest first. Which date is compared is not documented; here it is displayDate."""
    vendor, body = wire.vendor_of(request), await wire.json_object(request)
    _check_search(vendor, body)
    location_id, since, until = wire.location_of(request), _instant(body, "fromDate"), _instant(body, "toDate")
    here = [each for each in vendor.planner.records.values() if each.location_id == location_id]
    found = [each for each in here if _matches(each, body) and since <= each.display_date <= until]
    found.sort(key=lambda each: each.display_date, reverse=True)
    skip, users = int(body["skip"]), body["includeUsers"] == "true"
    rows = [_shown(request, each, with_user=users) for each in found[skip : skip + int(body["limit"])]]
    return wire.envelope(request, "Fetched Posts", {"posts": rows, "count": len(found)}, 201)

"""Custom audiences from files: `/dmp/custom_audience/…` of TikTok's Marketing API.

Owns the requests and what the answers mean. All files are of the type MULTIPLE_TYPES, whose header names the columns:
one audience can then be found by any identifier. Why files, and not `/segment/…`: docs/decisions/0040-audiences.md.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from providers.errors import ContentRefused, NotFound, ProviderError, Unavailable, UploadGone
from providers.http import strict_json
from providers.http.multipart import FileForm
from providers.interface.access import Access
from providers.models.audiences import (
    Audience,
    AudienceChange,
    AudienceLimits,
    AudiencePage,
    AudienceState,
    MembersAction,
    MembersFile,
)
from providers.tiktok_business import wire
from providers.tiktok_business.ads.calls import Calls, next_page, page_of, rows_of
from providers.tiktok_business.ads.capabilities import AUDIENCES, CHANGE_AUDIENCES
from providers.tiktok_business.client import Client
from providers.tiktok_business.config import PROVIDER
from providers.tiktok_business.errors import contract
from providers.tiktok_common import values

UPLOAD_PATH, CREATE_PATH, UPDATE_PATH, GET_PATH, LIST_PATH, DELETE_PATH = (
    f"/dmp/custom_audience/{action}/" for action in ("file/upload", "create", "update", "get", "list", "delete")
)
CALCULATE_TYPE = "MULTIPLE_TYPES"
ACTIONS = {MembersAction.APPEND: "APPEND", MembersAction.REMOVE: "REMOVE"}
PAGE = 100
# As many changes as the documentation of `history_size` shows at once; ours are the newest.
HISTORY = 50
# 500 files a call at most, "fewer than 50" advised; a file below 1 GB, of 1,000 rows at least (TikTok's help,
# September 2025).
LIMITS = AudienceLimits(min_rows=1_000, max_file_bytes=1_000_000_000, max_files=49, min_matches=1_000, max_name=128)
# The refusal of a change while an audience is being matched has the code of every invalid parameter, and these words.
NOT_EDITABLE = "not editable"
# How long TikTok keeps a file that no audience was made of is documented nowhere; this is its code afterwards.
FILE_GONE = "40909"
TAG_DIGITS = 12


class BusinessAudiences:
    """Custom audiences at TikTok for Business."""

    limits = LIMITS

    def __init__(self, client: Client) -> None:
        """Make the calls with `client`."""
        self._calls = Calls(client)

    async def upload(
        self, access: Access, account: str, file: MembersFile, body: Callable[[], AsyncIterator[bytes]]
    ) -> str:
        """Upload a file; see the interface."""
        fields = {"advertiser_id": account, "file_signature": file.md5, "calculate_type": CALCULATE_TYPE}
        form = FileForm("members.csv", "text/csv", file.size, body, fields=fields)
        envelope = await self._calls.upload(access, UPLOAD_PATH, form, scope=CHANGE_AUDIENCES)
        path = values.text(envelope.data, "file_path")
        if not path:
            raise contract("TikTok's answer names no file.", envelope, write=True)
        return path

    async def create(self, access: Access, account: str, name: str, paths: Sequence[str], *, key: str) -> str:
        """Make an audience of files; see the interface."""
        body = {
            "custom_audience_name": tagged(name, key),
            "file_paths": _checked(paths),
            "calculate_type": CALCULATE_TYPE,
        }
        envelope = await self._name_files(access, CREATE_PATH, account, body)
        id = values.identifier(envelope.data.get("custom_audience_id"))
        if not id:
            raise contract("TikTok's answer names no audience.", envelope, write=True)
        return id

    async def find_created(self, access: Access, account: str, key: str) -> Audience | None:
        """Look through the names, newest first as far as TikTok sorts them; see the interface."""
        cursor = ""
        while True:
            page = await self.page(access, account, cursor=cursor)
            found = next((each for each in page.audiences if each.name.endswith(_tag(key))), None)
            if found is not None or not page.next_cursor:
                return found
            cursor = page.next_cursor

    async def change(self, access: Access, account: str, id: str, action: MembersAction, paths: Sequence[str]) -> None:
        """Append or remove members; see the interface. The action is always sent: TikTok's default replaces all."""
        body = {"custom_audience_id": id, "action": ACTIONS[action], "file_paths": _checked(paths)}
        await self._name_files(access, UPDATE_PATH, account, body)

    async def _name_files(self, access: Access, path: str, account: str, body: Mapping[str, Any]) -> wire.Envelope:
        try:
            return await self._calls.write(access, path, account, body, scope=CHANGE_AUDIENCES)
        except ContentRefused as error:
            raise _understood(error) from None

    async def get(self, access: Access, account: str, ids: Sequence[str]) -> tuple[Audience, ...]:
        """Read audiences with their history; see the interface."""
        query = {"custom_audience_ids": list(ids), "history_size": HISTORY}
        envelope = await self._calls.read(access, GET_PATH, account, query, scope=AUDIENCES)
        now = self._calls.client.clock()
        return tuple(read_audience(row, now) for row in _rows(envelope))

    async def page(self, access: Access, account: str, *, cursor: str = "") -> AudiencePage:
        """List audiences; see the interface."""
        number = page_of(cursor)
        query = {"page": number, "page_size": PAGE}
        envelope = await self._calls.read(access, LIST_PATH, account, query, scope=AUDIENCES)
        now, (following, _) = self._calls.client.clock(), next_page(envelope.data, number)
        return AudiencePage(tuple(read_audience(row, now) for row in _rows(envelope)), following)

    async def delete(self, access: Access, account: str, id: str) -> None:
        """Delete an audience; see the interface."""
        try:
            body = {"custom_audience_ids": [id]}
            await self._calls.write(access, DELETE_PATH, account, body, scope=CHANGE_AUDIENCES)
        except NotFound:
            return


def tagged(name: str, key: str) -> str:
    """Return the name of an audience at TikTok: as wanted, shortened if need be, with a tag of its key."""
    tag = _tag(key)
    return f"{name[: LIMITS.max_name - len(tag)]}{tag}"


def _tag(key: str) -> str:
    return f" #{key[:TAG_DIGITS]}"


def untagged(name: str) -> str:
    """Return the name without the tag of a key."""
    head, separator, tail = name.rpartition(" #")
    ours = separator and len(tail) == TAG_DIGITS and all(letter in "0123456789abcdef" for letter in tail)
    return head if ours else name


def _checked(paths: Sequence[str]) -> list[str]:
    if not 1 <= len(paths) <= LIMITS.max_files:
        raise ValueError(f"an audience is made of 1 to {LIMITS.max_files} files at once")
    return list(paths)


def _understood(error: ContentRefused) -> ProviderError:
    """Return the error of a call that names files: TikTok may have forgotten them, or a change is only too early."""
    if error.code == FILE_GONE:
        text = "TikTok does not have the files any more."
        return UploadGone(text, provider=PROVIDER, code=error.code, log_id=error.log_id)
    if NOT_EDITABLE not in error.message:
        return error
    text = "TikTok cannot change the audience now: it is being matched, or has too few matches."
    return Unavailable(text, provider=PROVIDER, code=error.code, log_id=error.log_id)


def _rows(envelope: wire.Envelope) -> list[dict[str, Any]]:
    if not isinstance(envelope.data.get("list"), list):
        raise contract("TikTok's answer has no list of audiences.", envelope)
    found = rows_of(envelope.data)
    if any(not _id(_details(row)) for row in found):
        raise contract("TikTok showed an audience without an id.", envelope)
    return found


def _details(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of an audience: below `audience_details` with a history, else the row itself."""
    return strict_json.mapping(row, "audience_details") or row


def _id(details: Mapping[str, Any]) -> str:
    return values.identifier(details.get("audience_id"))


def read_audience(row: Mapping[str, Any], now: datetime) -> Audience:
    """Parse an audience."""
    details = _details(row)
    size, expired = values.count(details, "cover_num"), _time(details, "expired_time")
    valid, error = details.get("is_valid"), values.text(details, "error_msg")
    state = _state(valid if isinstance(valid, bool) else None, error, size, expired is not None and expired <= now)
    changes = (_change(each) for each in values.items(row, "audience_history") if isinstance(each, dict))
    return Audience(
        id=_id(details),
        name=values.text(details, "name"),
        state=state,
        size=size,
        error=error,
        editable=state is AudienceState.ACTIVE,
        create_time=_time(details, "create_time"),
        expire_time=expired,
        changes=tuple(
            sorted(changes, key=lambda change: change.time or datetime.min.replace(tzinfo=UTC), reverse=True)
        ),
    )


def _state(valid: bool | None, error: str, size: int | None, expired: bool) -> AudienceState:
    """Return the state; `is_valid` is the only thing that TikTok says of it, beside an error."""
    if expired:
        return AudienceState.EXPIRED
    if valid:
        return AudienceState.ACTIVE
    if error:
        return AudienceState.FAILED
    if valid is None:
        return AudienceState.UNKNOWN
    return AudienceState.TOO_SMALL if size and size < LIMITS.min_matches else AudienceState.BUILDING


def _change(entry: Mapping[str, Any]) -> AudienceChange:
    named = values.text(entry, "action").upper()
    action = next((each for each, name in ACTIONS.items() if name == named), None)
    return AudienceChange(action, _time(entry, "opt_time"))


def _time(source: Mapping[str, Any], key: str) -> datetime | None:
    """Return a time of the Marketing API: UTC, without saying so."""
    try:
        return datetime.strptime(values.text(source, key), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None

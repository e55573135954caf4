"""AccountService: reads and detaches accounts, and reads what their creators may post.

Owns the conversions, and which fields of an account need which part of a profile. Makes no decisions.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from google.protobuf import empty_pb2

from gateway.aip import masks, names
from gateway.domain.accounts import attach, creator_info, profiles, read, sync
from gateway.domain.context import Domain
from gateway.rpc import post_from_proto
from gateway.rpc.convert import keyset_in_location, max_staleness, write_times
from gateway.rpc.request import RequestGuard, or_not_found
from providers.models.accounts import CreatorInfo, ProfilePart
from socialgateway.v1 import account_pb2, account_service_pb2, account_service_pb2_grpc
from storage.accounts import AccountRow

_COUNTS = profiles.FIELDS[ProfilePart.STATS]
_TEXTS = (
    "provider_account_id",
    "username",
    "display_name",
    "bio",
    "avatar_uri",
    "profile_uri",
    "union_id",
    "platform",
    "kind",
)


class AccountService(account_service_pb2_grpc.AccountServiceServicer):
    """Serves accounts."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve `domain` to the callers that `guard` admits."""
        self._domain = domain
        self._guard = guard

    async def GetAccount(self, request: account_service_pb2.GetAccountRequest, context: Any) -> account_pb2.Account:
        """Return an account, at most `max_staleness` old."""
        location, account = names.ACCOUNT.parse(request.name)
        await self._guard.authorize(location)
        paths = masks.read_paths(request.read_mask, account_pb2.Account.DESCRIPTOR)
        age = max_staleness(request, read.MAX_AGE)
        reading = read.get(self._domain, location, account, parts=_parts(paths), max_age=age)
        message = to_proto(await or_not_found(request.name, reading), self._domain.clock())
        masks.keep(message, paths, always=("name", "unavailable_fields"))
        return message

    async def ListAccounts(
        self, request: account_service_pb2.ListAccountsRequest, context: Any
    ) -> account_service_pb2.ListAccountsResponse:
        """List accounts as they are stored here."""
        location = names.location(request.parent)
        await self._guard.authorize(location)
        page = self._guard.read_page(request)
        connection, unreachable = _connection(request, location), []
        if request.HasField("max_staleness") and not page.after:
            age = max_staleness(request, timedelta(0))
            unreachable = await sync.refresh_stale(self._domain, location, age, connection)
        filters = {"connection": connection, "platform": request.platform}

        async def rows_after(cursor: tuple[str | int, ...], limit: int) -> Sequence[AccountRow]:
            return await read.page(self._domain, location, after=keyset_in_location(cursor), limit=limit, **filters)

        now = self._domain.clock()
        items, token = await self._guard.list_page(
            request, page, rows_after, lambda row: to_proto(row, now), lambda row: (row.create_time.isoformat(), row.id)
        )
        return account_service_pb2.ListAccountsResponse(accounts=items, next_page_token=token, unreachable=unreachable)

    async def DeleteAccount(self, request: account_service_pb2.DeleteAccountRequest, context: Any) -> empty_pb2.Empty:
        """Detach an account."""
        location, account = names.ACCOUNT.parse(request.name)
        key = await self._guard.authorize_write(location, request)
        await or_not_found(request.name, attach.detach(self._domain, location, account, key))
        return empty_pb2.Empty()

    async def GetCreatorInfo(
        self, request: account_service_pb2.GetCreatorInfoRequest, context: Any
    ) -> account_pb2.CreatorInfo:
        """Return what the account's creator may post, at most `max_staleness` old."""
        location, account = names.CREATOR_INFO.parse(request.name)
        await self._guard.authorize(location)
        age = max_staleness(request, creator_info.MAX_AGE)
        reading = read.creator_info(self._domain, location, account, max_age=age)
        info = await or_not_found(names.ACCOUNT.format(location, account), reading)
        return creator_to_proto(request.name, info)


def _connection(request: account_service_pb2.ListAccountsRequest, location: str) -> str:
    """Return the id of the connection to filter by, "" for all; it must belong to the location."""
    return names.CONNECTION.parse_in(location, request.connection, path="connection") if request.connection else ""


def to_proto(row: AccountRow, now: datetime) -> account_pb2.Account:
    """Return an account and its health at a point in time."""
    message = account_pb2.Account(
        name=names.ACCOUNT.format(row.location, row.id),
        connection=names.CONNECTION.format(row.location, row.connection),
        provider=names.PROVIDER.format(row.provider),
        verified=row.verified,
        avatar_uris=row.avatar_uris,
        state=row.state,
        health=f"ACCOUNT_HEALTH_{sync.health_of(row, now) or 'UNSPECIFIED'}",
        **{name: getattr(row, name) for name in _TEXTS},
    )
    for name in _COUNTS:
        value = getattr(row, name)
        if value is not None:
            setattr(message, name, value)
    fetched = [time for key, time in row.fetch_times.items() if not key.startswith(profiles.MISSING)]
    message.unavailable_fields.extend(_unavailable(row))
    write_times(
        message,
        create_time=row.create_time,
        fetch_time=datetime.fromisoformat(min(fetched)) if fetched else None,
        expire_time=row.expire_time,
    )
    return message


def _unavailable(row: AccountRow) -> list[str]:
    return sorted(
        name
        for part in ProfilePart
        if f"{profiles.MISSING}{part.value}" in row.fetch_times
        for name in profiles.FIELDS[part]
        # The consent may have provided what the account list does not.
        if not getattr(row, name)
    )


def creator_to_proto(name: str, info: CreatorInfo) -> account_pb2.CreatorInfo:
    """Return what a creator may post."""
    message = account_pb2.CreatorInfo(
        name=name,
        privacy_levels=[post_from_proto.privacy_to_proto(level) for level in info.privacy_levels],  # type: ignore[misc]
        comment_disabled=info.comment_disabled,
        duet_disabled=info.duet_disabled,
        stitch_disabled=info.stitch_disabled,
        can_post=info.can_post,
        cannot_post_reason=info.cannot_post_reason,
        nickname=info.nickname,
        username=info.username,
        avatar_uri=info.avatar_uri,
    )
    if info.max_video_duration is not None:
        message.max_video_duration.FromTimedelta(info.max_video_duration)
    write_times(message, fetch_time=info.fetch_time)
    return message


def _parts(paths: frozenset[str] | None) -> frozenset[ProfilePart] | None:
    """Return the parts of a profile that the requested fields need; None, without a mask, means every granted one."""
    if paths is None:
        return None
    return frozenset(part for part, fields in profiles.FIELDS.items() if any(path in fields for path in paths))

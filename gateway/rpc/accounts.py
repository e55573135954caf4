"""AccountService: from the wire to the rules of accounts and creators, and back.

Owns which fields of an account cost which part of a profile. Decides nothing.
"""

from datetime import datetime, timedelta
from typing import Any

from google.protobuf import empty_pb2

from gateway.aip import masks, names, paging
from gateway.domain.accounts import attach, creator_info, profiles, read, sync
from gateway.domain.context import Domain
from gateway.errors import FieldInvalid
from gateway.rpc import post_from_proto
from gateway.rpc.convert import max_staleness, write_times
from gateway.rpc.request import RequestGuard, known
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
        """Serve the rules in `domain` to whom `guard` lets in."""
        self._domain = domain
        self._guard = guard

    async def GetAccount(self, request: account_service_pb2.GetAccountRequest, context: Any) -> account_pb2.Account:
        """Return an account, as fresh as was asked for."""
        location, account = names.ACCOUNT.parse(request.name)
        await self._guard.enter(location)
        paths = masks.read_paths(request.read_mask, account_pb2.Account.DESCRIPTOR)
        age = max_staleness(request, read.MAX_AGE)
        reading = read.get(self._domain, location, account, parts=_parts(paths), max_age=age)
        message = to_proto(await known(names.ACCOUNT.format(location, account), reading), self._domain.clock())
        masks.keep(message, paths, always=("name", "unavailable_fields"))
        return message

    async def ListAccounts(
        self, request: account_service_pb2.ListAccountsRequest, context: Any
    ) -> account_service_pb2.ListAccountsResponse:
        """List accounts as they are known here."""
        location = names.location(request.parent)
        await self._guard.enter(location)
        page = paging.read(request, secret=self._guard.page_secret)
        connection, unreachable = _connection(request, location), []
        if request.HasField("max_staleness") and not page.after:
            age = max_staleness(request, timedelta(0))
            unreachable = await sync.refresh_stale(self._domain, location, age, connection)
        found = await read.page(
            self._domain,
            location,
            connection=connection,
            platform=request.platform,
            after=_after(page.after),
            limit=page.size + 1,
        )
        shown, token = found[: page.size], ""
        if len(found) > page.size:
            cursor = (shown[-1].create_time.isoformat(), shown[-1].id)
            token = paging.next_token(request, cursor, secret=self._guard.page_secret)
        now = self._domain.clock()
        return account_service_pb2.ListAccountsResponse(
            accounts=[to_proto(row, now) for row in shown], next_page_token=token, unreachable=unreachable
        )

    async def DeleteAccount(self, request: account_service_pb2.DeleteAccountRequest, context: Any) -> empty_pb2.Empty:
        """Let an account go."""
        location, account = names.ACCOUNT.parse(request.name)
        caller = await self._guard.enter(location)
        key = self._guard.request_key(caller, location, request)
        await known(names.ACCOUNT.format(location, account), attach.detach(self._domain, location, account, key))
        return empty_pb2.Empty()

    async def GetCreatorInfo(
        self, request: account_service_pb2.GetCreatorInfoRequest, context: Any
    ) -> account_pb2.CreatorInfo:
        """Return what the account's creator may post now."""
        location, account = names.CREATOR_INFO.parse(request.name)
        await self._guard.enter(location)
        age = max_staleness(request, creator_info.MAX_AGE)
        asking = read.creator_info(self._domain, location, account, max_age=age)
        info = await known(names.ACCOUNT.format(location, account), asking)
        return creator_to_proto(names.CREATOR_INFO.format(location, account), info)


def _connection(request: account_service_pb2.ListAccountsRequest, location: str) -> str:
    """Return the id of the connection that is asked for, if one is; it must be the location's."""
    if not request.connection:
        return ""
    found, connection = names.CONNECTION.parse(request.connection, path="connection")
    if found != location:
        raise FieldInvalid("connection", f"must be a connection of locations/{location}")
    return connection


def to_proto(row: AccountRow, now: datetime) -> account_pb2.Account:
    """Write an account as it is at a time."""
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
        # A consent may have told what the list of accounts does not.
        if not getattr(row, name)
    )


def creator_to_proto(name: str, info: CreatorInfo) -> account_pb2.CreatorInfo:
    """Write what a creator may post."""
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
    """Return the parts of a profile that the asked fields need; no mask asks for whatever was granted."""
    if paths is None:
        return None
    return frozenset(part for part, fields in profiles.FIELDS.items() if any(path in fields for path in paths))


def _after(cursor: tuple[str | int, ...]) -> tuple[datetime, str] | None:
    return (datetime.fromisoformat(str(cursor[0])), str(cursor[1])) if cursor else None

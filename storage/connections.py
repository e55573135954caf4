"""Connections: one grant of one location to one provider, and its health.

Owns the table `connections`. Tokens have their own table (`storage/tokens.py`); what a status means is decided in
`gateway/domain`.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Index, Text, and_, bindparam, delete, exists, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel, col

from storage import direct, rows, tokens
from storage.accounts import AccountRow, CreatorInfoRow
from storage.database import Transaction, notify
from storage.due_rows import DueRows
from storage.errors import NotFound
from storage.locations import locations_of
from storage.states import ConnectionStatus, GrantOrigin
from storage.types import agency_field, as_text, json_field, state_field, time_field

TOPIC = "connections"
WITHOUT_GRANT = (ConnectionStatus.PENDING, ConnectionStatus.DISCONNECTED)
SENT_WITH_TOKEN = frozenset({"provider_settings", "provider_subject"})
"""Columns that are cached together with the access token: a change of one invalidates the cached token."""
DUE = DueRows("connections", "verify_at")
"""The connections to verify."""


class ConnectionRow(SQLModel, table=True):
    """One connection; `version` grows with every change and is the etag, times are aware UTC.

    The parent is the connection of the agency that this grant is derived from, if any. `accounts_version` counts the
    accounts that were attached and detached through us, so that an account list from before such a change can be
    recognised; neither it nor `accounts_fetch_time` changes the version.
    """

    __tablename__ = "connections"
    __table_args__ = (
        Index("connections_by_provider", "location", "provider", "create_time"),
        Index("connections_by_subject", "provider", "provider_subject"),
        Index(
            "connections_by_parent",
            "parent_location",
            "parent_connection",
            postgresql_where=text("parent_connection <> ''"),
        ),
        Index("connections_verify_due", "verify_at", postgresql_where=text("verify_at IS NOT NULL")),
        *DUE.indexes(),
    )

    location: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    provider: str
    grant_kind: str = ""
    requested_scopes: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    granted_scopes: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    provider_settings: dict[str, str] = json_field()
    status: ConnectionStatus = state_field(ConnectionStatus, default=ConnectionStatus.PENDING)
    capabilities: dict[str, bool] = json_field()
    reason_code: str = ""
    reason_message: str = ""
    last_error_code: str = ""
    last_error_message: str = ""
    provider_subject: str = ""
    grant_origin: GrantOrigin = state_field(GrantOrigin, default=GrantOrigin.UNSPECIFIED)
    parent_location: str = ""
    parent_connection: str = ""
    last_verify_time: datetime | None = time_field(nullable=True)
    verify_at: datetime | None = time_field(nullable=True)
    accounts_version: int = 0
    accounts_fetch_time: datetime | None = time_field(nullable=True)
    create_time: datetime = time_field()
    update_time: datetime = time_field()
    version: int = 1
    agency: str = agency_field()


def cache_key(location: str, provider: str) -> str:
    """Return the cache key that a change of a connection invalidates: the provider's status in that location."""
    return f"{location}|{provider}"


async def insert(tx: Transaction, row: ConnectionRow) -> ConnectionRow:
    """Add a connection; raises AlreadyExists when the location has one with that id."""
    await rows.insert_new(tx, "connection", row)
    await notify(tx, TOPIC, cache_key(row.location, row.provider))
    return row


async def find(tx: Transaction, location: str, connection: str, *, lock: bool = False) -> ConnectionRow | None:
    """Return the connection as it is now, or None; `lock` locks its row until the transaction ends."""
    return await rows.find(tx, ConnectionRow, location, connection, lock=lock)


async def get(tx: Transaction, location: str, connection: str, *, lock: bool = False) -> ConnectionRow:
    """Return the connection as it is now; raises NotFound. `lock` locks its row until the transaction ends."""
    return await rows.get(tx, ConnectionRow, "connection", location, connection, lock=lock)


async def with_account(
    tx: Transaction, location: str, account: str
) -> tuple[AccountRow, ConnectionRow, CreatorInfoRow | None]:
    """Return an account, its connection and its creator info, however old, as they are now; raises NotFound."""
    found = await (await direct.run(tx, _with_account(), {"in_location": location, "of_id": account})).fetchone()
    if found is None:
        raise NotFound("account", account)
    rest = found[direct.width(AccountRow) :]
    info = rest[direct.width(ConnectionRow) :]
    stored = None if info[0] is None else direct.built(CreatorInfoRow, info)
    return direct.built(AccountRow, found), direct.built(ConnectionRow, rest), stored


@lru_cache
def _with_account() -> str:
    account, connection, info = map(direct.table_of, (AccountRow, ConnectionRow, CreatorInfoRow))
    of_account = and_(connection.c.location == account.c.location, connection.c.id == account.c.connection)
    its_info = and_(info.c.location == account.c.location, info.c.account == account.c.id)
    all_three = account.join(connection, of_account).outerjoin(info, its_info)
    where = account.c.location == bindparam("in_location"), account.c.id == bindparam("of_id")
    return direct.compiled(select(account, connection, info).select_from(all_three).where(*where))


async def current(tx: Transaction, location: str, provider: str) -> ConnectionRow | None:
    """Return the connection that represents a provider in a location: its own before an agency's, a usable one before a
    disconnected one, then the newest.
    """
    query = (
        select(ConnectionRow)
        .where(col(ConnectionRow.location) == location, col(ConnectionRow.provider) == provider)
        .order_by(
            text("grant_kind = 'COMPANY'"),
            col(ConnectionRow.status) == ConnectionStatus.DISCONNECTED,
            col(ConnectionRow.status) == ConnectionStatus.PENDING,
            col(ConnectionRow.create_time).desc(),
        )
        .limit(1)
    )
    return (await tx.execute(query)).scalar_one_or_none()


async def by_subject(tx: Transaction, location: str, provider: str, subject: str) -> ConnectionRow | None:
    """Return the location's connection to one vendor user, or None; its row is locked until the transaction ends."""
    query = (
        select(ConnectionRow)
        .where(
            col(ConnectionRow.location) == location,
            col(ConnectionRow.provider) == provider,
            col(ConnectionRow.provider_subject) == subject,
        )
        .order_by(col(ConnectionRow.create_time))
        .limit(1)
        .with_for_update()
    )
    return (await tx.execute(query)).scalar_one_or_none()


async def with_grant(tx: Transaction, location: str) -> list[ConnectionRow]:
    """Return the connections of a location that have a grant: neither pending nor disconnected, by id."""
    query = select(ConnectionRow).where(
        col(ConnectionRow.location) == location,
        col(ConnectionRow.status).not_in(WITHOUT_GRANT),
    )
    return list((await tx.execute(query.order_by(col(ConnectionRow.id)))).scalars())


async def values_of_setting(tx: Transaction, location: str, provider: str, setting: str) -> set[str]:
    """Return the values of a provider setting among a location's connections that have, or had, a grant, except
    disconnected ones.
    """
    value = col(ConnectionRow.provider_settings)[setting].astext
    query = select(value).where(
        col(ConnectionRow.location) == location,
        col(ConnectionRow.provider) == provider,
        col(ConnectionRow.provider_subject) != "",
        col(ConnectionRow.status) != ConnectionStatus.DISCONNECTED,
        value.is_not(None),
    )
    return set((await tx.execute(query)).scalars())


async def of_subject(tx: Transaction, provider: str, subject: str) -> list[ConnectionRow]:
    """Return the connections of all locations to one vendor user, including disconnected ones, by location and id."""
    query = (
        select(ConnectionRow)
        .where(col(ConnectionRow.provider) == provider, col(ConnectionRow.provider_subject) == subject)
        .order_by(col(ConnectionRow.location), col(ConnectionRow.id))
    )
    return list((await tx.execute(query)).scalars())


async def with_grant_of(
    tx: Transaction, provider: str, subject: str, *, being_saved_since: datetime
) -> list[ConnectionRow]:
    """Return the connections, in any location, that have a working grant of one vendor user, by location and id.

    A connection without a token pair counts if it is PENDING and was changed after `being_saved_since`: its consent may
    be about to save one.
    """
    has_pair = exists().where(
        col(tokens.TokenRow.location) == col(ConnectionRow.location),
        col(tokens.TokenRow.connection) == col(ConnectionRow.id),
    )
    being_saved = and_(
        col(ConnectionRow.status) == ConnectionStatus.PENDING,
        col(ConnectionRow.grant_origin) != GrantOrigin.UNSPECIFIED,
        col(ConnectionRow.update_time) >= being_saved_since,
    )
    query = select(ConnectionRow).where(
        col(ConnectionRow.provider) == provider,
        col(ConnectionRow.provider_subject) == subject,
        col(ConnectionRow.status).not_in((ConnectionStatus.DISCONNECTED, ConnectionStatus.EXPIRED)),
        or_(has_pair, being_saved),
    )
    order = (col(ConnectionRow.location), col(ConnectionRow.id))
    return list((await tx.execute(query.order_by(*order))).scalars())


async def of_parent(tx: Transaction, location: str, connection: str) -> list[ConnectionRow]:
    """Return the connections, in any location, whose grants are derived from this one, by location and id."""
    query = (
        select(ConnectionRow)
        .where(col(ConnectionRow.parent_location) == location, col(ConnectionRow.parent_connection) == connection)
        .order_by(col(ConnectionRow.location), col(ConnectionRow.id))
    )
    return list((await tx.execute(query)).scalars())


async def by_setting(
    tx: Transaction, agency: str, provider: str, setting: str, values: Sequence[str]
) -> list[ConnectionRow]:
    """Return an agency's connections to a provider whose provider setting `setting` has one of these values, or is
    missing while the location's id is one of them; oldest first. An agency's own connection never has the setting.
    """
    named = col(ConnectionRow.provider_settings)[setting].astext
    unnamed = and_(named.is_(None), col(ConnectionRow.grant_kind) != "COMPANY", col(ConnectionRow.location).in_(values))
    query = select(ConnectionRow).where(
        col(ConnectionRow.location).in_(locations_of(agency)),
        col(ConnectionRow.provider) == provider,
        or_(named.in_(values), unnamed),
    )
    return list((await tx.execute(query.order_by(col(ConnectionRow.create_time), col(ConnectionRow.id)))).scalars())


async def change(
    tx: Transaction, location: str, connection: str, now: datetime, *, expect_version: int | None = None, **values: Any
) -> ConnectionRow | None:
    """Set columns, increment the version and invalidate caches; return None when the row is gone or has another
    version than expected.
    """
    where = rows.by_id(ConnectionRow, location, connection)
    if expect_version is not None:
        where = and_(where, col(ConnectionRow.version) == expect_version)
    row = await rows.change(tx, ConnectionRow, where, now, **values)
    if row is not None:
        await notify(tx, TOPIC, cache_key(location, row.provider))
        if not SENT_WITH_TOKEN.isdisjoint(values):
            await notify(tx, tokens.TOPIC, tokens.cache_key(location, connection))
    return row


async def note_accounts(tx: Transaction, row: ConnectionRow, **values: Any) -> None:
    """Set how fresh the copy of a connection's accounts is (`accounts_fetch_time`) or their `accounts_version`, without
    changing the connection's version or etag.
    """
    await tx.execute(update(ConnectionRow).where(rows.by_id(ConnectionRow, row.location, row.id)).values(**values))


async def remove(tx: Transaction, row: ConnectionRow) -> None:
    """Delete the row only; the caller deletes what depends on it."""
    await tx.execute(delete(ConnectionRow).where(rows.by_id(ConnectionRow, row.location, row.id)))
    await notify(tx, TOPIC, cache_key(row.location, row.provider))


async def page(
    tx: Transaction,
    *,
    locations: Sequence[str] | None,
    agency: str,
    statuses: Sequence[str] = (),
    provider: str = "",
    after: tuple[datetime, str, str] | None,
    limit: int,
) -> list[ConnectionRow]:
    """Return one page, newest first, after the keyset `(create_time, location, id)`.

    Only locations of `agency`, and among `locations` if given. A name in `statuses` that is not a status matches
    nothing.
    """
    query = select(ConnectionRow).where(col(ConnectionRow.location).in_(locations_of(agency)))
    if locations is not None:
        query = query.where(col(ConnectionRow.location).in_(locations))
    if statuses:
        query = query.where(as_text(col(ConnectionRow.status)).in_(statuses))
    if provider:
        query = query.where(col(ConnectionRow.provider) == provider)
    keys = (col(ConnectionRow.create_time), col(ConnectionRow.location), col(ConnectionRow.id))
    return list((await tx.execute(rows.keyset(query, keys, after, limit))).scalars())


async def take_due(
    tx: Transaction, ids: Sequence[tuple[str, str]], now: datetime, lease_until: datetime
) -> list[tuple[str, str]]:
    """Lease the verification of connections, given by location and id: postpone those that are still due to
    `lease_until` and return them, skipping those another replica is leasing.
    """
    keys = (col(ConnectionRow.location), col(ConnectionRow.id))
    leased = rows.lease_due(ConnectionRow, keys, col(ConnectionRow.verify_at), now, lease_until, ids)
    return [(row[0], row[1]) for row in (await tx.execute(leased.returning(*keys))).all()]

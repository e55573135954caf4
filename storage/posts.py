"""Posts: what a caller wants published, its state, and when it is due.

Owns the table `posts`. A post changes state only by compare-and-swap from an expected state, and `due_at` is never NULL
while a post is unfinished: even if its job is lost, the sweeper finds the post again.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Index,
    Text,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage import direct, rows
from storage.database import Transaction
from storage.due_rows import DueRows
from storage.errors import AlreadyExists
from storage.fair import Tenant
from storage.locations import locations_of
from storage.states import PostState
from storage.types import agency_field, as_text, json_field, json_or_null, state_field, time_field

TOPIC = "posts"
UNFINISHED = (
    PostState.SCHEDULED,
    PostState.QUEUED,
    PostState.TRANSFERRING,
    PostState.PROCESSING,
    PostState.CANCELLING,
)
IS_UNFINISHED = "state IN ({})".format(", ".join(f"'{state}'" for state in UNFINISHED))
_HANDED_OVER = "state IN ('QUEUED', 'TRANSFERRING')"
HAND_OVERS = DueRows("posts", "due_at", condition=_HANDED_OVER, name="_hand_overs")
"""The posts whose next step submits or transfers them."""
POLLS = DueRows("posts", "due_at", condition=f"NOT ({_HANDED_OVER})", name="_polls")
"""All others that are due at some time."""


class PostRow(SQLModel, table=True):
    """One post of one account; `attempt` is the number of its newest attempt, `version` grows with every change.

    A draft can be published several times, so the vendor may have several ids of it (`provider_post_ids`).
    The post is published through `account`; `named_account` is the account that the caller named, if it is a different
    one. `differences` has, by field, what a planner keeps otherwise than it was sent. A round of attempts begins at
    `queue_time` with attempt `round_start`: when the post was created or retried.
    `content` has the addresses of media without their queries, `addresses_sealed` the whole ones. `traceparent` is
    that of the call that made the post, if it was traced.
    """

    __tablename__ = "posts"
    __table_args__ = (
        Index("posts_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        *HAND_OVERS.indexes(),
        *POLLS.indexes(),
        Index("posts_by_time", "location", "create_time", "id"),
        Index("posts_by_account", "location", "account", "create_time"),
        Index("posts_by_connection", "location", "connection", "state"),
        Index(
            "posts_by_provider_post_id",
            "location",
            "account",
            "provider_post_id",
            postgresql_where=text("provider_post_id <> ''"),
        ),
        Index("posts_by_provider_post_ids", "provider_post_ids", postgresql_using="gin"),
        Index(
            "posts_by_upload",
            "uploads",
            postgresql_using="gin",
            postgresql_where=text(IS_UNFINISHED),
            # A list of what is not in the index yet would be read with each look.
            postgresql_with={"fastupdate": "off"},
        ),
        Index("posts_scheduled", "location", "schedule_time", "id", postgresql_where=text("schedule_time IS NOT NULL")),
    )

    location: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    account: str
    connection: str
    provider: str
    mode: str
    caption: str = ""
    content: dict[str, Any] = json_field()
    uploads: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    options: dict[str, Any] = json_field()
    provider_extra: dict[str, Any] = json_field()
    labels: dict[str, str] = json_field()
    consent: dict[str, Any] | None = json_or_null()
    route_policy: str = ""
    route_reason: str = ""
    named_account: str = ""
    schedule_time: datetime | None = time_field(nullable=True)
    late_tolerance_seconds: int | None = None
    state: PostState = state_field(PostState)
    error: dict[str, Any] | None = json_or_null()
    provider_post_id: str = ""
    provider_post_ids: list[str] = Field(
        default_factory=list, sa_type=ARRAY(Text), sa_column_kwargs={"server_default": "{}"}
    )
    public_uri: str = ""
    differences: dict[str, str] | None = json_or_null()
    attempt: int = 0
    round_start: int = 1
    sent_bytes: int = Field(default=0, sa_type=BigInteger)
    total_bytes: int = Field(default=0, sa_type=BigInteger)
    next_attempt_time: datetime | None = time_field(nullable=True)
    due_at: datetime | None = time_field(nullable=True)
    queue_time: datetime = time_field()
    create_time: datetime = time_field()
    update_time: datetime = time_field()
    publish_time: datetime | None = time_field(nullable=True)
    version: int = 1
    addresses_sealed: bytes | None = None
    traceparent: str = Field(default="", sa_type=Text, nullable=False, sa_column_kwargs={"server_default": ""})
    agency: str = agency_field()

    @property
    def tenant(self) -> Tenant:
        """For whom the post is published."""
        return Tenant(self.agency, self.location)

    @property
    def public_ids(self) -> list[str]:
        """The vendor's ids of what is public, the first of which is `provider_post_id`; older rows have that one."""
        return self.provider_post_ids or [id for id in (self.provider_post_id,) if id]


POSTS = direct.table_of(PostRow)


def cache_key(location: str, post: str) -> str:
    """Return the cache key of one post."""
    return f"{location}|{post}"


async def insert(tx: Transaction, row: PostRow) -> PostRow:
    """Add a post; raises AlreadyExists when the location has one with that id."""
    values = direct.row_values(row) | direct.notified(TOPIC, cache_key(row.location, row.id))
    if await (await direct.run(tx, _insert(), values)).fetchone() is None:
        raise AlreadyExists("post", row.id)
    return row


@lru_cache
def _insert() -> str:
    # Of two transactions that choose the same id at the same time the second waits here for the first.
    new = pg_insert(POSTS).values(direct.assignments(POSTS.columns.keys())).on_conflict_do_nothing()
    added = new.returning(POSTS.c.id).cte("added")
    return direct.compiled(select(direct.NOTIFY).select_from(added))


async def find_many(tx: Transaction, location: str, ids: Sequence[str]) -> Sequence[PostRow]:
    """Return those of the posts that are there, in no particular order."""
    query = select(PostRow).where(col(PostRow.location) == location, col(PostRow.id).in_(ids))
    return (await tx.execute(query)).scalars().all()


async def find(tx: Transaction, location: str, post: str, *, lock: bool = False) -> PostRow | None:
    """Return the post as it is now, or None; `lock` locks its row until the transaction ends."""
    return await rows.find(tx, PostRow, location, post, lock=lock)


async def get(tx: Transaction, location: str, post: str, *, lock: bool = False) -> PostRow:
    """Return the post as it is now; raises NotFound. `lock` locks its row until the transaction ends."""
    return await rows.get(tx, PostRow, "post", location, post, lock=lock)


async def look(tx: Transaction, location: str, post: str) -> PostRow:
    """Return the post as it is now, to look at: nothing that is changed in it is stored. Raises NotFound."""
    return await rows.look(tx, PostRow, "post", location, post)


async def change(
    tx: Transaction,
    location: str,
    post: str,
    now: datetime,
    *,
    expect: Sequence[PostState],
    at_attempt: int | None = None,
    at_version: int | None = None,
    **values: Any,
) -> PostRow | None:
    """Set columns of a post that is in one of the expected states (and at the expected attempt and version); return
    None when it is not.
    """
    statement = _change(tuple(values), at_attempt is not None, at_version is not None)
    named = direct.written(PostRow, {**values, "update_time": now}) | direct.notified(TOPIC, cache_key(location, post))
    named |= {"in_location": location, "post": post, "expect": [PostState(state).value for state in expect]}
    named |= {"at_attempt": at_attempt, "at_version": at_version}
    record = await (await direct.run(tx, statement, named)).fetchone()
    return None if record is None else direct.built(PostRow, record)


@lru_cache(maxsize=1000)
def _change(names: tuple[str, ...], at_attempt: bool, at_version: bool) -> str:
    """Return the statement that changes these columns of a post and notifies of it."""
    c = POSTS.c
    where = [c.location == bindparam("in_location"), c.id == bindparam("post")]
    where += [type_coerce(c.state, Text) == any_(bindparam("expect", type_=ARRAY(Text)))]
    where += [c.attempt == bindparam("at_attempt")] if at_attempt else []
    where += [c.version == bindparam("at_version")] if at_version else []
    version = c.version + literal_column("1")
    statement = update(POSTS).where(*where).values({**direct.assignments([*names, "update_time"]), "version": version})
    changed = statement.returning(POSTS).cte("changed")
    return direct.compiled(select(changed, direct.NOTIFY))


async def idle_with_query(tx: Transaction, after: tuple[str, str], limit: int) -> list[PostRow]:
    """Return posts after (location, id), locked, that nobody works on and that have the query of a medium's address in
    clear: earlier versions stored it so.
    """
    clear = text("""posts.content @? '$.sources[*].uri ? (@ like_regex "[?#]")'""")
    query = select(PostRow).where(col(PostRow.due_at).is_(None), clear)
    query = rows.keyset(query, (col(PostRow.location), col(PostRow.id)), after, limit, ascending=True)
    return list((await tx.execute(query.with_for_update(skip_locked=True))).scalars())


async def any_unfinished(tx: Transaction, location: str, connection: str) -> bool:
    """Return whether any post of the connection is unfinished."""
    unfinished = col(PostRow.state).in_(UNFINISHED)
    return await rows.any_match(
        tx, col(PostRow.location) == location, col(PostRow.connection) == connection, unfinished
    )


async def any_unfinished_of_account(tx: Transaction, location: str, account: str) -> bool:
    """Return whether any post of the account is unfinished."""
    unfinished = col(PostRow.state).in_(UNFINISHED)
    return await rows.any_match(tx, col(PostRow.location) == location, _through(account), unfinished)


async def of_connection(
    tx: Transaction, location: str, connection: str, states: Sequence[PostState], due: datetime, limit: int
) -> list[str]:
    """Return the ids of a connection's posts in these states that are due by `due`, the earliest first."""
    query = select(col(PostRow.id)).where(
        col(PostRow.location) == location,
        col(PostRow.connection) == connection,
        col(PostRow.state).in_(states),
        col(PostRow.due_at) <= due,
    )
    return list((await tx.execute(query.order_by(col(PostRow.due_at)).limit(limit))).scalars())


async def any_of_account(tx: Transaction, location: str, account: str) -> bool:
    """Return whether there is any post of the account."""
    return await rows.any_match(tx, col(PostRow.location) == location, _through(account))


def _through(account: str) -> ColumnElement[bool]:
    """Match the posts that name an account, or that are published through it."""
    return or_(col(PostRow.account) == account, col(PostRow.named_account) == account)


async def set_due(tx: Transaction, location: str, post: str, due_at: datetime, *, also_idle: bool = False) -> None:
    """Set when the post is next looked at, without a change that a caller can see.

    A post that is not waiting to be looked at (`due_at` is NULL) is left alone unless `also_idle`.
    """
    where = rows.by_id(PostRow, location, post)
    if not also_idle:
        where = and_(where, col(PostRow.due_at).is_not(None))
    await tx.execute(update(PostRow).where(where).values(due_at=due_at))


async def take_due(
    tx: Transaction, ids: Sequence[tuple[str, str]], now: datetime, lease_until: datetime
) -> list[PostRow]:
    """Lease posts, given by location and id: postpone those that are still due to `lease_until` and return them,
    skipping those another replica is leasing.
    """
    keys = (col(PostRow.location), col(PostRow.id))
    leased = rows.lease_due(PostRow, keys, col(PostRow.due_at), now, lease_until, ids)
    return list((await tx.execute(leased.returning(PostRow))).scalars())


async def move_due(
    tx: Transaction, leased: Sequence[tuple[str, str, datetime]], due_at: datetime
) -> list[tuple[str, str]]:
    """Set when posts, given by location, id and `due_at`, are next looked at; return location and id of those that
    were still due as given. A post that somebody keeps locked is left out, so that it holds up no other.
    """
    keys = (col(PostRow.location), col(PostRow.id))
    as_leased = tuple_(*keys, col(PostRow.due_at)).in_(leased)
    free = select(*keys).where(as_leased).order_by(*keys).with_for_update(skip_locked=True).cte("free")
    statement = update(PostRow).where(tuple_(*keys).in_(select(*free.c))).values(due_at=due_at).returning(*keys)
    found = await tx.execute(statement.execution_options(synchronize_session=False))
    return [(location, id) for location, id in found.all()]


async def wake_connection(tx: Transaction, location: str, connection: str, now: datetime) -> int:
    """Make all waiting posts of a connection due now, because it was reauthorized, and return their number.

    Not those that are being transferred and wait for nothing: their step is under way.
    """
    # A post that was waiting is ready now, and younger posts stay behind it.
    waiting = case((col(PostRow.next_attempt_time).is_not(None), now))
    waiting_posts = (
        select(col(PostRow.id))
        .where(
            col(PostRow.location) == location,
            col(PostRow.connection) == connection,
            col(PostRow.state).in_(UNFINISHED),
            col(PostRow.state) != PostState.SCHEDULED,
            or_(col(PostRow.state) != PostState.TRANSFERRING, col(PostRow.next_attempt_time).is_not(None)),
        )
        # In a fixed order, so that two concurrent calls cannot deadlock.
        .order_by(col(PostRow.id))
        .with_for_update()
    )
    statement = (
        update(PostRow)
        .where(col(PostRow.location) == location, col(PostRow.id).in_(waiting_posts))
        .values(due_at=now, next_attempt_time=waiting, update_time=now)
        .returning(col(PostRow.id))
    )
    return len((await tx.execute(statement)).all())


async def wake_agency(tx: Transaction, agency: str, reason: str, now: datetime) -> None:
    """Make due now the posts of an agency that wait for the `reason` in their error."""
    statement = (
        update(PostRow)
        .where(
            col(PostRow.agency) == agency,
            col(PostRow.due_at) > now,
            col(PostRow.state) == PostState.QUEUED,
            col(PostRow.error)["reason"].astext == reason,
        )
        .values(due_at=now, next_attempt_time=now, update_time=now)
        .execution_options(synchronize_session=False)
    )
    await tx.execute(statement)


async def wake_scheduled(tx: Transaction, location: str, account: str, now: datetime) -> None:
    """Make due now the posts of an account that wait for their time."""
    statement = (
        update(PostRow)
        .where(
            col(PostRow.location) == location,
            col(PostRow.account) == account,
            col(PostRow.state) == PostState.SCHEDULED,
            col(PostRow.due_at).is_not(None),
        )
        .values(due_at=now)
    )
    await tx.execute(statement)


async def wake_mode(tx: Transaction, location: str, account: str, mode: str, now: datetime) -> None:
    """Make due now the posts of an account and a mode that wait to be submitted."""
    statement = (
        update(PostRow)
        .where(
            col(PostRow.location) == location,
            col(PostRow.account) == account,
            col(PostRow.mode) == mode,
            col(PostRow.state) == PostState.QUEUED,
            col(PostRow.next_attempt_time) > now,
        )
        .values(due_at=now, next_attempt_time=now, update_time=now)
    )
    await tx.execute(statement)


async def page(
    tx: Transaction,
    *,
    locations: Sequence[str] | None,
    agency: str,
    account: str = "",
    states: Sequence[str] = (),
    create_after: datetime | None = None,
    create_before: datetime | None = None,
    by_schedule: bool = False,
    after: tuple[datetime, str, str] | None,
    limit: int,
) -> list[PostRow]:
    """Return one page of posts: newest first, or with `by_schedule` the scheduled ones, soonest first.

    `after` is the keyset `(create_time or schedule_time, location, id)` of the last row of the page before. Only
    locations of `agency`, and among `locations` if given. A name in `states` that is not a state matches nothing.
    """
    query = select(PostRow).where(col(PostRow.location).in_(locations_of(agency)))
    if locations is not None:
        query = query.where(col(PostRow.location).in_(locations))
    if account:
        query = query.where(_through(account))
    if states:
        query = query.where(as_text(col(PostRow.state)).in_(states))
    if create_after is not None:
        query = query.where(col(PostRow.create_time) >= create_after)
    if create_before is not None:
        query = query.where(col(PostRow.create_time) < create_before)
    moment = col(PostRow.schedule_time) if by_schedule else col(PostRow.create_time)
    if by_schedule:
        query = query.where(moment.is_not(None))
    keys = (moment, col(PostRow.location), col(PostRow.id))
    return list((await tx.execute(rows.keyset(query, keys, after, limit, ascending=by_schedule))).scalars())


async def count_older_ready(tx: Transaction, post: PostRow, now: datetime, moved_since: datetime, most: int) -> int:
    """Count, up to `most`, the older queued posts of the account that are ready to be submitted.

    A post is ready unless `next_attempt_time` says that it waits for something; `due_at` says nothing, because it is
    also the lease. A post that has not changed since `moved_since` does not count.
    """
    values = {"in_location": post.location, "of_account": post.account, "of_id": post.id, "queued": post.queue_time}
    return int(await direct.first(tx, _older_ready(), {**values, "now": now, "since": moved_since, "most": most}))


@lru_cache
def _older_ready() -> str:
    c = POSTS.c
    where = [c.location == bindparam("in_location"), c.account == bindparam("of_account")]
    where += [c.state == literal_column(f"'{PostState.QUEUED}'")]
    where += [or_(c.next_attempt_time.is_(None), c.next_attempt_time <= bindparam("now"))]
    where += [c.update_time > bindparam("since")]
    where += [tuple_(c.queue_time, c.id) < tuple_(bindparam("queued"), bindparam("of_id"))]
    older = select(c.id).where(*where).limit(bindparam("most")).subquery()
    return direct.compiled(select(func.count()).select_from(older))

"""The publish journal: one row per attempt, each state committed before the vendor call that it stands for.

Owns the table `attempts`. Every transition is a compare-and-swap on (attempt, state, confirmed): a worker that was
frozen and wakes up finds that its attempt has moved on, and can neither submit nor transfer. What follows from a state
is decided in `gateway/domain`.

    INTENT → INIT_SENT → INIT_OK → UPLOADING → FINAL_SENT → PROCESSING → PUBLISHED | AWAITING_CREATOR | FAILED |
    CANCELLED | INDETERMINATE
    INTENT → INIT_SENT → PROCESSING …  when the vendor fetches the media: this one call may already publish
    and from any unfinished state → ABANDONED, when a new attempt replaces this one

`gone_time` is when the upload URL was first found invalid; `confirmed` is how much the vendor had received then.
`announce_time` is the time of the submit: when INIT_SENT was committed, the last time if more than once.
`final_sent_time` is when the vendor could first publish: set before the last bytes are sent, or before a call that may
publish by itself.
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
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel, col

from storage import direct, posts, rows
from storage.connections import ConnectionRow
from storage.database import Transaction, notify
from storage.posts import PostRow
from storage.states import AttemptState, ConnectionStatus, PostState
from storage.types import json_field, state_field, time_field


class AttemptRow(SQLModel, table=True):
    """One attempt: what was submitted to the vendor and how much of it is confirmed; sizes in bytes.

    `failures` counts consecutive failed polls and chunks, `faults` consecutive steps that an error of the gateway
    itself ended. `denials` counts the polls since the last successful one in which the vendor denied knowing the
    publish id; without an id, the consecutive searches of the vendor's list in which the post was missing. `media` has
    under `stored` the addresses of the attempt's media in the vendor's library, by position, under `taken` true if the
    vendor accepted the submit without returning an id, under `refused` a refusal that proves nothing, under `compared`
    true once a planner's record was compared with what was sent, under `account` the vendor's id of the account, and
    under `moving` true from before the planner's record is moved to another of them until that has ended.
    """

    __tablename__ = "attempts"
    __table_args__ = (Index("attempts_by_publish_id", "publish_id"),)

    location: str = Field(primary_key=True)
    post: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    state: AttemptState = state_field(AttemptState)
    publish_id: str = ""
    upload_url_sealed: bytes | None = None
    upload_expire_time: datetime | None = time_field(nullable=True)
    size: int = Field(default=0, sa_type=BigInteger)
    chunk_size: int = Field(default=0, sa_type=BigInteger)
    chunk_count: int = 0
    confirmed: int = Field(default=0, sa_type=BigInteger)
    polls: int = 0
    failures: int = 0
    fail_code: str = ""
    vendor_log_id: str = ""
    create_time: datetime = time_field()
    update_time: datetime = time_field()
    final_sent_time: datetime | None = time_field(nullable=True)
    announce_time: datetime | None = time_field(nullable=True)
    gone_time: datetime | None = time_field(nullable=True)
    denials: int = 0
    faults: int = 0
    media: dict[str, Any] = json_field()


ATTEMPTS = direct.table_of(AttemptRow)

ACCOUNT = "account"
"""The key in `AttemptRow.media` of the vendor's id of the account that the attempt was submitted for."""


def _is(location: str, post: str, number: int) -> ColumnElement[bool]:
    return and_(col(AttemptRow.location) == location, col(AttemptRow.post) == post, col(AttemptRow.number) == number)


async def insert(tx: Transaction, row: AttemptRow) -> AttemptRow:
    """Add an attempt."""
    await direct.run(tx, _insert(), direct.row_values(row))
    return row


@lru_cache
def _insert() -> str:
    return direct.compiled(direct.inserted(AttemptRow))


async def find(tx: Transaction, location: str, post: str, number: int) -> AttemptRow | None:
    """Return the attempt as it is now, or None."""
    query = select(AttemptRow).where(_is(location, post, number)).execution_options(populate_existing=True)
    return (await tx.execute(query)).scalar_one_or_none()


async def find_newest(tx: Transaction, location: str, post: str) -> tuple[PostRow | None, AttemptRow | None]:
    """Return a post as it is now and its newest attempt; None for each that does not exist."""
    record = await (await direct.run(tx, _newest(), {"in_location": location, "of_post": post})).fetchone()
    if record is None:
        return None, None
    attempt = record[len(posts.POSTS.columns) :]
    return direct.built(PostRow, record), None if attempt[0] is None else direct.built(AttemptRow, attempt)


@lru_cache
def _newest() -> str:
    post, attempt = posts.POSTS, ATTEMPTS
    newest = and_(
        attempt.c.location == post.c.location, attempt.c.post == post.c.id, attempt.c.number == post.c.attempt
    )
    where = post.c.location == bindparam("in_location"), post.c.id == bindparam("of_post")
    return direct.compiled(select(post, attempt).select_from(post.outerjoin(attempt, newest)).where(*where))


async def by_publish_id(tx: Transaction, publish_id: str) -> list[AttemptRow]:
    """Return the attempts with a vendor's publish id: the vendor chooses the ids, so several attempts may share one."""
    query = select(AttemptRow).where(col(AttemptRow.publish_id) == publish_id)
    return list((await tx.execute(query)).scalars())


async def in_doubt(tx: Transaction, location: str, post: str) -> bool:
    """Return whether any attempt of the post may have published, as far as is known."""
    return await rows.any_match(
        tx,
        col(AttemptRow.location) == location,
        col(AttemptRow.post) == post,
        or_(
            col(AttemptRow.state) == AttemptState.INDETERMINATE,
            # Ended by a decision here, after everything had been sent.
            and_(
                col(AttemptRow.state).not_in((AttemptState.INTENT, AttemptState.ABANDONED, AttemptState.CANCELLED)),
                col(AttemptRow.final_sent_time).is_not(None),
                col(AttemptRow.fail_code) == "",
            ),
        ),
    )


async def known_ids(tx: Transaction, publish_ids: Sequence[str]) -> set[str]:
    """Return those of a vendor's publish ids that our attempts have."""
    query = select(col(AttemptRow.publish_id)).where(col(AttemptRow.publish_id).in_(publish_ids))
    return set((await tx.execute(query)).scalars()) if publish_ids else set()


async def without_id(tx: Transaction, provider: str, subject: str, before: datetime) -> list[AttemptRow]:
    """Return the attempts of a vendor user, submitted by `before`, that may have created a publish whose id we never
    received.

    This includes attempts whose answer is still pending, and those of posts that were retried since.
    """
    query = (
        select(AttemptRow)
        .join(PostRow, and_(col(PostRow.location) == col(AttemptRow.location), col(PostRow.id) == col(AttemptRow.post)))
        .join(
            ConnectionRow,
            and_(
                col(ConnectionRow.location) == col(PostRow.location), col(ConnectionRow.id) == col(PostRow.connection)
            ),
        )
        .where(
            col(ConnectionRow.provider) == provider,
            col(ConnectionRow.provider_subject) == subject,
            col(ConnectionRow.status) != ConnectionStatus.DISCONNECTED,
            col(AttemptRow.state).in_((AttemptState.INIT_SENT, AttemptState.INDETERMINATE)),
            col(AttemptRow.publish_id) == "",
            # Without an id this time is set only for a submit call that may publish by itself.
            col(AttemptRow.final_sent_time) <= before,
        )
    )
    return list((await tx.execute(query)).scalars())


async def remember_account(tx: Transaction, location: str, account: str, provider_account_id: str) -> None:
    """Note for which of the vendor's ids the unfinished posts of an account were submitted, where their current
    attempts do not say it.
    """
    of_account = select(col(PostRow.id), col(PostRow.attempt)).where(
        col(PostRow.location) == location,
        col(PostRow.account) == account,
        col(PostRow.state).in_(posts.UNFINISHED),
    )
    submitted_for = func.jsonb_build_object(ACCOUNT, provider_account_id)
    statement = (
        update(AttemptRow)
        .where(
            col(AttemptRow.location) == location,
            tuple_(col(AttemptRow.post), col(AttemptRow.number)).in_(of_account),
            col(AttemptRow.announce_time).is_not(None),
        )
        .values(media=submitted_for.op("||")(col(AttemptRow.media)))
        .execution_options(synchronize_session=False)
    )
    await tx.execute(statement)


async def subject_of(tx: Transaction, attempt: AttemptRow) -> str:
    """Return the vendor's id of the user that an attempt belongs to."""
    return await direct.first(tx, _subject(), {"in_location": attempt.location, "of_post": attempt.post}) or ""


@lru_cache
def _subject() -> str:
    post, connection = posts.POSTS, direct.table_of(ConnectionRow)
    its = and_(post.c.location == connection.c.location, post.c.connection == connection.c.id)
    where = post.c.location == bindparam("in_location"), post.c.id == bindparam("of_post")
    return direct.compiled(select(connection.c.provider_subject).select_from(connection.join(post, its)).where(*where))


async def another_transferring(
    tx: Transaction, location: str, account: str, but: str, states: Sequence[AttemptState]
) -> bool:
    """Return whether a post of the account other than `but` is being transferred, its newest attempt in one of these
    states.
    """
    named = {"in_location": location, "of_account": account, "but": but, "states": [state.value for state in states]}
    return bool(await direct.first(tx, _another_transferring(), named))


@lru_cache
def _another_transferring() -> str:
    c, a = posts.POSTS.c, ATTEMPTS.c
    where = [c.location == bindparam("in_location"), c.account == bindparam("of_account"), c.id != bindparam("but")]
    where += [c.state == literal_column(f"'{PostState.TRANSFERRING}'")]
    where += [a.location == c.location, a.post == c.id, a.number == c.attempt]
    where += [type_coerce(a.state, Text) == any_(bindparam("states", type_=ARRAY(Text)))]
    return direct.compiled(select(exists().where(*where)))


async def move(
    tx: Transaction, row: AttemptRow, to: AttemptState, now: datetime, *, confirmed: int | None = None, **values: Any
) -> AttemptRow | None:
    """Move from the state and confirmed offset of `row` to the state `to`; return None when the attempt has moved on
    since `row` was read.
    """
    if confirmed is not None:
        values["confirmed"] = confirmed
    named = direct.written(AttemptRow, {**values, "state": to, "update_time": now})
    statement = _move(tuple(values))
    named |= {"in_location": row.location, "of_post": row.post, "at_number": row.number}
    named |= {"at_state": AttemptState(row.state).value, "at_confirmed": row.confirmed}
    record = await (await direct.run(tx, statement, named)).fetchone()
    return None if record is None else direct.built(AttemptRow, record)


@lru_cache(maxsize=1000)
def _move(names: tuple[str, ...]) -> str:
    """Return the statement that moves an attempt and changes these further columns of it."""
    c = ATTEMPTS.c
    where = [c.location == bindparam("in_location"), c.post == bindparam("of_post"), c.number == bindparam("at_number")]
    where += [c.state == bindparam("at_state"), c.confirmed == bindparam("at_confirmed")]
    statement = update(ATTEMPTS).where(*where).values(direct.assignments([*names, "state", "update_time"]))
    return direct.compiled(statement.returning(ATTEMPTS))


async def remove_post(tx: Transaction, location: str, post: str, *, expect: PostState) -> bool:
    """Delete a post and its attempts if the post is in this state; return False when it is not."""
    row = and_(col(PostRow.location) == location, col(PostRow.id) == post, col(PostRow.state) == expect)
    if (await tx.execute(delete(PostRow).where(row).returning(col(PostRow.id)))).scalar_one_or_none() is None:
        return False
    await tx.execute(delete(AttemptRow).where(col(AttemptRow.location) == location, col(AttemptRow.post) == post))
    await notify(tx, posts.TOPIC, posts.cache_key(location, post))
    return True

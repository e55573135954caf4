"""The publish journal: one row per attempt, each state committed before the call that it announces.

Owns the table `attempts`. Every move is a compare-and-swap on (attempt, state): a worker that was frozen and wakes up
finds its attempt moved on and can neither announce nor send. What follows from a state is decided in
`gateway/domain/publishing/step.py`.

    INTENT → INIT_SENT → INIT_OK → UPLOADING → FINAL_SENT → PROCESSING → PUBLISHED | AWAITING_CREATOR | FAILED |
    CANCELLED | INDETERMINATE
    INTENT → INIT_SENT → PROCESSING …  when the vendor fetches the media: the one call may publish by itself
    and from any unfinished one: → ABANDONED, when a new attempt takes its place

`gone_time` is when the upload address was first found dead, with how much the vendor held then in `confirmed`.
`announce_time` is when INIT_SENT was committed, the last time if more than once. `final_sent_time` is when the outcome
began to be the vendor's: before the last bytes left, or before such a call.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Index, and_, exists, or_, select, update
from sqlmodel import Field, SQLModel, col

from storage.connections import ConnectionRow
from storage.database import Transaction
from storage.posts import PostRow
from storage.types import json_field, time_field


class AttemptRow(SQLModel, table=True):
    """One attempt: what was announced to the vendor and how much of it is confirmed; sizes in bytes.

    `failures` are questions and chunks in a row that went wrong, `denials` answers in all that the vendor has no such
    id, `faults` steps in a row that a fault of our own ended. `media` says where the attempt's own media lie with the
    vendor.
    """

    __tablename__ = "attempts"
    __table_args__ = (Index("attempts_by_publish_id", "publish_id"),)

    location: str = Field(primary_key=True)
    post: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    state: str
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


def _is(location: str, post: str, number: int) -> ColumnElement[bool]:
    return and_(col(AttemptRow.location) == location, col(AttemptRow.post) == post, col(AttemptRow.number) == number)


async def insert(tx: Transaction, row: AttemptRow) -> AttemptRow:
    """Add an attempt in its first state."""
    tx.add(row)
    await tx.flush()
    return row


async def find(tx: Transaction, location: str, post: str, number: int) -> AttemptRow | None:
    """Return the attempt as it stands now, or None."""
    query = select(AttemptRow).where(_is(location, post, number)).execution_options(populate_existing=True)
    return (await tx.execute(query)).scalar_one_or_none()


async def by_publish_id(tx: Transaction, publish_id: str) -> list[AttemptRow]:
    """Return the attempts that carry a vendor's publish id (ids are the vendor's; more than one is no fault of
    ours).
    """
    query = select(AttemptRow).where(col(AttemptRow.publish_id) == publish_id)
    return list((await tx.execute(query)).scalars())


async def in_doubt(tx: Transaction, location: str, post: str) -> bool:
    """Return whether an attempt of the post may have posted, for all that is known."""
    query = select(
        exists().where(
            col(AttemptRow.location) == location,
            col(AttemptRow.post) == post,
            or_(
                col(AttemptRow.state) == "INDETERMINATE",
                # Given up by somebody's decision after everything had left.
                and_(
                    col(AttemptRow.state).not_in(("INTENT", "ABANDONED", "CANCELLED")),
                    col(AttemptRow.final_sent_time).is_not(None),
                    col(AttemptRow.fail_code) == "",
                ),
            ),
        )
    )
    return bool((await tx.execute(query)).scalar_one())


async def known_ids(tx: Transaction, publish_ids: Sequence[str]) -> set[str]:
    """Return those of a vendor's publish ids that attempts of ours carry."""
    query = select(col(AttemptRow.publish_id)).where(col(AttemptRow.publish_id).in_(publish_ids))
    return set((await tx.execute(query)).scalars()) if publish_ids else set()


async def without_id(tx: Transaction, provider: str, subject: str, before: datetime) -> list[AttemptRow]:
    """Return the attempts of a vendor's user, begun by then, that may have made a publish whose id never came here.

    Those whose answer is still awaited, and those that were tried again since, are among them.
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
            col(ConnectionRow.status) != "DISCONNECTED",
            col(AttemptRow.state).in_(("INIT_SENT", "INDETERMINATE")),
            col(AttemptRow.publish_id) == "",
            # Only an announcement that acts by itself has this time before it has an id.
            col(AttemptRow.final_sent_time) <= before,
        )
    )
    return list((await tx.execute(query)).scalars())


async def subject_of(tx: Transaction, attempt: AttemptRow) -> str:
    """Return the vendor's id of the user for whom an attempt was made."""
    query = (
        select(col(ConnectionRow.provider_subject))
        .join(
            PostRow,
            and_(
                col(PostRow.location) == col(ConnectionRow.location), col(PostRow.connection) == col(ConnectionRow.id)
            ),
        )
        .where(col(PostRow.location) == attempt.location, col(PostRow.id) == attempt.post)
    )
    return (await tx.execute(query)).scalar_one_or_none() or ""


async def handing_over(tx: Transaction, location: str, account: str, but: str, states: Sequence[str]) -> bool:
    """Return whether another post of the account than `but` is in one of these states of its newest attempt."""
    query = select(
        exists().where(
            col(PostRow.location) == location,
            col(PostRow.account) == account,
            col(PostRow.id) != but,
            col(PostRow.state) == "TRANSFERRING",
            col(AttemptRow.location) == col(PostRow.location),
            col(AttemptRow.post) == col(PostRow.id),
            col(AttemptRow.number) == col(PostRow.attempt),
            col(AttemptRow.state).in_(states),
        )
    )
    return bool((await tx.execute(query)).scalar_one())


async def move(
    tx: Transaction, row: AttemptRow, to: str, now: datetime, *, confirmed: int | None = None, **values: Any
) -> AttemptRow | None:
    """Move from the state (and confirmed offset) that `row` shows; None when the attempt has moved on meanwhile."""
    if confirmed is not None:
        values["confirmed"] = confirmed
    statement = (
        update(AttemptRow)
        .where(
            _is(row.location, row.post, row.number),
            col(AttemptRow.state) == row.state,
            col(AttemptRow.confirmed) == row.confirmed,
        )
        .values(state=to, update_time=now, **values)
        .returning(AttemptRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await tx.execute(statement)).scalar_one_or_none()

"""events, their positions and request ids in partitions by time

Owns the step from 0014 to 0015; knows nothing of the code's tables, which may have moved on since.

What is stored stays where it is: a table with rows becomes the first partition of the new one, up to the end of the
week. Only its primary key is built again, because that of a partitioned table must contain the time.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

WEEK = timedelta(days=7)
MONDAY = datetime(1970, 1, 5, tzinfo=UTC)

# The table, its time, its key, its other indexes, and the indexes that only deleting by time needed.
TABLES: tuple[tuple[str, str, str, dict[str, str], str], ...] = (
    ("events", "create_time", "location, number", {"events_by_subject": "location, subject, number"}, "events_by_time"),
    (
        "event_positions",
        "order_time",
        "agency, position",
        {"event_positions_by_location": "location"},
        "event_positions_by_time",
    ),
    ("idempotency", "create_time", "agency, location, method, request_id", {}, "idempotency_by_time"),
)

# A volatile function reads with a new snapshot in each statement: after the lock it sees what its holder committed.
CLAIM_ONCE = """
CREATE FUNCTION claim_once() RETURNS trigger LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(
        concat_ws('|', 'request', NEW.agency, NEW.location, NEW.method, NEW.request_id), 0));
    IF EXISTS (SELECT 1 FROM idempotency AS i WHERE i.agency = NEW.agency AND i.location = NEW.location
            AND i.method = NEW.method AND i.request_id = NEW.request_id) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    now = op.get_bind().execute(sa.text("SELECT now()")).scalar_one()
    for table, time, key, indexes, by_time in TABLES:
        op.execute(f"DROP INDEX {by_time}")
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey")
        for index in indexes:
            op.execute(f"ALTER INDEX {index} RENAME TO {index}_earlier")
        op.execute(f"ALTER TABLE {table} RENAME TO {table}_earlier")
        op.execute(f"CREATE TABLE {table} (LIKE {table}_earlier INCLUDING DEFAULTS) PARTITION BY RANGE ({time})")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY ({key}, {time})")
        for index, columns in indexes.items():
            op.execute(f"CREATE INDEX {index} ON {table} ({columns})")
        end = _attach_earlier(table, time, now)
        # This week and the next two: afterwards the processes of this version create them.
        while end <= now + 2 * WEEK:
            op.execute(f"CREATE TABLE {_name(table, end, end + WEEK)} PARTITION OF {table} {_bounds(end, end + WEEK)}")
            end += WEEK
    op.execute(CLAIM_ONCE)
    op.execute("CREATE TRIGGER claim_once BEFORE INSERT ON idempotency FOR EACH ROW EXECUTE FUNCTION claim_once()")


def downgrade() -> None:
    for table, time, key, indexes, by_time in TABLES:
        op.execute(f"CREATE TABLE {table}_plain (LIKE {table} INCLUDING DEFAULTS)")
        op.execute(f"INSERT INTO {table}_plain SELECT * FROM {table}")  # noqa: S608 - names from above
        op.execute(f"DROP TABLE {table}")
        op.execute(f"ALTER TABLE {table}_plain RENAME TO {table}")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY ({key})")
        for index, columns in indexes.items():
            op.execute(f"CREATE INDEX {index} ON {table} ({columns})")
        op.create_index(by_time, table, [time], postgresql_using="brin" if table == "event_positions" else "btree")
    op.execute("DROP FUNCTION claim_once")


def _attach_earlier(table: str, time: str, now: datetime) -> datetime:
    """Attach the former table as a partition, or drop it when it is empty; return where the next partition begins."""
    span = sa.text(f"SELECT min({time}), max({time}) FROM {table}_earlier")  # noqa: S608 - names from above
    first, last = op.get_bind().execute(span).one()
    if first is None:
        op.execute(f"DROP TABLE {table}_earlier")
        return _week(now)
    start, end = _week(first), _week(max(last, now)) + WEEK
    op.execute(f"ALTER TABLE {table}_earlier RENAME TO {_name(table, start, end)}")
    op.execute(f"ALTER TABLE {table} ATTACH PARTITION {_name(table, start, end)} {_bounds(start, end)}")
    return end


def _week(time: datetime) -> datetime:
    return MONDAY + (time - MONDAY) // WEEK * WEEK


def _name(table: str, start: datetime, end: datetime) -> str:
    return f"{table}_{start:%Y%m%d}_{end:%Y%m%d}"


def _bounds(start: datetime, end: datetime) -> str:
    return f"FOR VALUES FROM ('{start:%Y-%m-%d} 00:00+00') TO ('{end:%Y-%m-%d} 00:00+00')"

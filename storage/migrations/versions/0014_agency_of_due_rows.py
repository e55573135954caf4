"""of which agency a row is that becomes due, so that agencies can take turns

Owns the step from 0013 to 0014; knows nothing of the code's tables, which may have moved on since.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_HANDED_OVER = "state IN ('QUEUED', 'TRANSFERRING')"

# Table, what names its location, the column that says when, and the name and condition of the part that is due.
_DUE = (
    ("posts", "location", "due_at", "_hand_overs", f" AND {_HANDED_OVER}"),
    ("posts", "location", "due_at", "_polls", f" AND NOT ({_HANDED_OVER})"),
    ("tokens", "location", "refresh_at", "", ""),
    ("connections", "location", "verify_at", "", ""),
    ("webhook_endpoints", "location", "due_at", "", ""),
    ("webhooks", "subject", "due_at", "", ""),
)
_OF_LOCATION = "SELECT agency FROM locations WHERE location = NEW.location"
_OF_SUBJECT = """
SELECT l.agency FROM connections AS c JOIN locations AS l USING (location)
WHERE c.provider = NEW.provider AND c.provider_subject = NEW.subject AND NEW.subject <> '' LIMIT 1
"""

# The previous version writes rows too, and does not know of the column.
_FUNCTION = """
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.agency := coalesce(({query}), '');
    RETURN NEW;
END $$
"""
_FILL = "UPDATE {table} SET agency = '' WHERE {due} IS NOT NULL"
_TRIGGER = """
CREATE TRIGGER agency BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW WHEN (NEW.agency = '') EXECUTE FUNCTION {name}()
"""


def upgrade() -> None:
    op.execute(_FUNCTION.format(name="agency_of_location", query=_OF_LOCATION))
    op.execute(_FUNCTION.format(name="agency_of_subject", query=_OF_SUBJECT))
    for table, location, due in dict.fromkeys(each[:3] for each in _DUE):
        op.add_column(table, sa.Column("agency", sa.String(), server_default="", nullable=False))
        op.execute(_TRIGGER.format(table=table, name=f"agency_of_{location}"))
        # Only what is due at some time: the others learn their agency when they are.
        op.execute(_FILL.format(table=table, due=due))
    for table, location, due, part, condition in _DUE:
        where = sa.text(f"{due} IS NOT NULL{condition}")
        op.create_index(f"{table}_due{part}_by_agency", table, ["agency", due], postgresql_where=where)
        op.create_index(f"{table}_due{part}_by_location", table, ["agency", location, due], postgresql_where=where)


def downgrade() -> None:
    for table, _, _, part, _ in _DUE:
        op.drop_index(f"{table}_due{part}_by_agency", table_name=table)
        op.drop_index(f"{table}_due{part}_by_location", table_name=table)
    for table in dict.fromkeys(each[0] for each in _DUE):
        op.execute(f"DROP TRIGGER agency ON {table}")
        op.drop_column(table, "agency")
    op.execute("DROP FUNCTION agency_of_location()")
    op.execute("DROP FUNCTION agency_of_subject()")

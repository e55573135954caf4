"""who may own a location, what an agency stores, and sealed addresses of media

Owns the step from 0009 to 0010; knows nothing of the code's tables, which may have moved on since.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_GRANTED = """
UPDATE locations SET claim = 'GRANTED'
WHERE EXISTS (SELECT 1 FROM connections AS c WHERE c.location = locations.location AND c.provider_subject <> '')
"""

# What a valid key names was named by an operator: it is that agency's, unless keys of two agencies name it.
_NAMED = """
WITH named AS (
    SELECT DISTINCT agency, unnest(locations) AS location FROM api_keys
    WHERE revoke_time IS NULL AND (expire_time IS NULL OR expire_time > now())
), single AS (
    SELECT location, min(agency) AS agency FROM named GROUP BY location HAVING count(*) = 1
)
INSERT INTO locations AS l (location, agency, claim, create_time) SELECT location, agency, 'NAMED', now() FROM single
ON CONFLICT (location) DO UPDATE SET claim = 'NAMED' WHERE l.agency = excluded.agency AND l.claim = 'FIRST_USE'
"""

# Keys for all locations could claim before this scope existed, and go on: the limits hold for them too.
_SCOPED = """
UPDATE api_keys SET scopes = array_append(scopes, 'locations.claim')
WHERE locations IS NULL AND NOT 'locations.claim' = ANY (scopes)
AND scopes && ARRAY['connections.write', 'uploads.write']::text[]
"""

_COUNTED = """
INSERT INTO agencies (agency, claim_attempts, upload_bytes)
SELECT l.agency, 0, sum(CASE WHEN u.size_bytes > 0 THEN greatest(u.size_bytes, u.committed_size)
    ELSE (u.committed_size + 67108863) / 67108864 * 67108864 END)
FROM uploads AS u JOIN locations AS l USING (location) WHERE u.state IN ('OPEN', 'COMPLETE') GROUP BY l.agency
"""


def upgrade() -> None:
    op.add_column("posts", sa.Column("addresses_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("locations", sa.Column("claim", sa.String(), server_default="FIRST_USE", nullable=False))
    op.create_index("locations_first_used", "locations", ["agency"], postgresql_where=sa.text("claim = 'FIRST_USE'"))
    op.create_table(
        "agencies",
        sa.Column("agency", sa.String(), nullable=False),
        sa.Column("claim_window_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim_attempts", sa.Integer(), nullable=False),
        sa.Column("upload_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agency"),
    )
    for statement in (_GRANTED, _NAMED, _SCOPED, _COUNTED):
        op.execute(statement)


def downgrade() -> None:
    op.execute("UPDATE api_keys SET scopes = array_remove(scopes, 'locations.claim')")
    op.drop_table("agencies")
    op.drop_index("locations_first_used", table_name="locations")
    op.drop_column("locations", "claim")
    op.drop_column("posts", "addresses_sealed")

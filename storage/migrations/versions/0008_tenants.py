"""who may own a location, what an agency stores, and addresses of media without their secrets

Owns the step from 0007 to 0008; knows nothing of the code's tables, which may have moved on since.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Nobody fetches from an event, so its addresses need no key: what had the secret is cut off.
_SHOWN = """
UPDATE events SET payload = jsonb_set(payload, '{post,content,sources}', (
    SELECT jsonb_agg(CASE WHEN source ? 'uri'
        THEN jsonb_set(source, '{uri}', to_jsonb(regexp_replace(source->>'uri', '[?#].*$', ''))) ELSE source END
        ORDER BY position)
    FROM jsonb_array_elements(payload #> '{post,content,sources}') WITH ORDINALITY AS each (source, position)))
WHERE type = 'POST_STATE_CHANGED' AND payload @? '$.post.content.sources[*].uri ? (@ like_regex "[?#]")'
"""


def upgrade() -> None:
    op.add_column("posts", sa.Column("addresses_sealed", sa.LargeBinary(), nullable=True))
    op.execute(_SHOWN)


def downgrade() -> None:
    op.drop_column("posts", "addresses_sealed")

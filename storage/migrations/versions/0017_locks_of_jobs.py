"""an index by which the queue finds the other jobs with a job's lock

Owns the step from 0016 to 0017; knows nothing of the code's tables, which may have moved on since.

The queue's own index begins with the id, so that looking for a lock reads all of it: among 100,000 jobs a fetch took
thirty times as long as among 1,000 (procrastinate 3.10.0, by its plan, 2026-11-30).
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX jobs_by_lock ON procrastinate_jobs (lock) WHERE status IN ('todo', 'doing')")


def downgrade() -> None:
    op.execute("DROP INDEX IF EXISTS jobs_by_lock")

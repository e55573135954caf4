"""What no row in the database may ever show, as queries that find the rows in which it is.

Owns the queries; the simulation and the rounds of `tests/chaos/test_rounds.py` ask them.
"""

UNFINISHED = ("SCHEDULED", "QUEUED", "TRANSFERRING", "PROCESSING", "CANCELLING")
ENDED = ("PUBLISHED", "AWAITING_CREATOR", "FAILED", "CANCELLED", "INDETERMINATE", "ABANDONED")

WRONG = {
    "events with a gap": "SELECT location FROM events GROUP BY 1 HAVING count(*) <> max(number) OR min(number) <> 1",
    "positions with a gap": (
        "SELECT agency FROM event_positions GROUP BY 1 HAVING count(*) <> max(position) OR min(position) <> 1"
    ),
    "positions out of order": (
        "SELECT agency, position FROM (SELECT *, lag(number) OVER (PARTITION BY location ORDER BY position) AS before "
        "FROM event_positions) AS p WHERE number <> coalesce(before, 0) + 1"
    ),
    "two attempts under way": (
        f"SELECT location, post FROM attempts WHERE state NOT IN {ENDED} GROUP BY 1, 2 HAVING count(*) > 1"
    ),
    "an unfinished post that is never due": f"SELECT id FROM posts WHERE due_at IS NULL AND state IN {UNFINISHED}",
    "a request that made two posts": "SELECT caption FROM posts GROUP BY 1 HAVING count(*) > 1",
    "a state without its event": (
        "SELECT p.id, p.state FROM posts AS p WHERE p.state IS DISTINCT FROM (SELECT e.payload->'post'->>'state' FROM "
        "events AS e WHERE e.subject = 'locations/' || p.location || '/posts/' || p.id AND e.location = p.location "
        "AND e.type = 'POST_STATE_CHANGED' ORDER BY e.number DESC LIMIT 1)"
    ),
}
"""By what would be wrong; each request has a caption of its own."""

ALL = " UNION ALL ".join(f"SELECT '{wrong}', found::text FROM ({query}) AS found" for wrong, query in WRONG.items())

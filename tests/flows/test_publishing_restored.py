"""What is held after a restore: all that may be out, whatever the copy knows of it, and nothing else.

Owns the proofs of `gateway/domain/publishing/restored.py`; between two gateways it is tests/chaos/test_restore.py.
"""

from datetime import timedelta
from typing import Any

from gateway.domain.publishing import restored
from storage import attempts, posts
from storage.attempts import AttemptRow
from storage.database import Database
from storage.states import AttemptState, PostState
from tests.fixtures.clock import START
from tests.fixtures.rows import post_row

RAN_UNTIL = START + timedelta(hours=1)
LATER, BEFORE = RAN_UNTIL + timedelta(hours=1), RAN_UNTIL - timedelta(minutes=1)
HELD: dict[str, dict[str, Any]] = {
    "queued": {"state": PostState.QUEUED},
    "queued-later": {"state": PostState.QUEUED, "schedule_time": LATER},
    "due": {"state": PostState.SCHEDULED, "schedule_time": BEFORE},
    "transferring": {"state": PostState.TRANSFERRING, "attempt": 1},
    "processing": {"state": PostState.PROCESSING, "attempt": 1},
    "asked": {"state": PostState.INDETERMINATE, "attempt": 1, "due_at": LATER},
    "known": {"state": PostState.INDETERMINATE, "attempt": 1},
}
LEFT: dict[str, dict[str, Any]] = {
    "scheduled": {"state": PostState.SCHEDULED, "schedule_time": LATER},
    "planned": {"state": PostState.PROCESSING, "schedule_time": LATER, "attempt": 1},
    "published": {"state": PostState.PUBLISHED, "attempt": 1},
    "failed": {"state": PostState.FAILED, "attempt": 1},
}
PUBLISH_IDS = {"processing": "p1", "known": "p2", "planned": "p3"}


async def test_all_that_may_be_out_is_held(database: Database) -> None:
    """Each becomes INDETERMINATE with an attempt of which the vendor cannot be asked; a second time finds none."""
    async with database.transaction() as tx:
        for id, columns in {**HELD, **LEFT}.items():
            await posts.insert(tx, post_row(START, location="l1", id=id, **columns))
            if "attempt" in columns:
                row: dict[str, Any] = {"location": "l1", "post": id, "number": 1}
                row |= {"create_time": START, "update_time": START}
                state = AttemptState.INDETERMINATE if id in ("asked", "known") else AttemptState.PROCESSING
                await attempts.insert(tx, AttemptRow(**row, state=state, publish_id=PUBLISH_IDS.get(id, "")))

    counted = await restored.count(database, RAN_UNTIL)
    assert counted == await restored.hold(database, RAN_UNTIL, RAN_UNTIL)
    assert len(HELD) == sum(counted.values())
    assert 0 == sum((await restored.hold(database, RAN_UNTIL, RAN_UNTIL)).values())

    async with database.read() as tx:
        for id, columns in HELD.items():
            post, newest = await attempts.find_newest(tx, "l1", id)
            assert post is not None
            assert newest is not None
            assert post.error is not None
            assert (PostState.INDETERMINATE, None, "OUTCOME_UNKNOWN") == (post.state, post.due_at, post.error["reason"])
            assert (AttemptState.INDETERMINATE, "") == (newest.state, newest.publish_id)
            assert newest.number == columns.get("attempt", 0) + 1
        for id, columns in LEFT.items():
            assert columns["state"] == (await posts.get(tx, "l1", id)).state

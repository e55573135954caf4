"""Bugs that can be planted, so that it is known that the simulation finds such ones.

Owns the bugs. None is in the product; a test runs the simulation with each.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import update

from gateway.domain import idempotency
from gateway.domain.publishing import moves, submit
from storage import attempts
from storage.attempts import AttemptRow


async def move_blindly(
    tx: Any, row: AttemptRow, to: Any, now: Any, *, confirmed: int | None = None, **values: Any
) -> Any:
    """Move an attempt whatever its state is by now: the compare-and-swap is missing."""
    values |= {} if confirmed is None else {"confirmed": confirmed}
    this = attempts._is(row.location, row.post, row.number)
    statement = update(AttemptRow).where(this).values(state=to, update_time=now, **values).returning(AttemptRow)
    found = await tx.execute(statement.execution_options(synchronize_session=False, populate_existing=True))
    return found.scalar_one_or_none()


async def submit_again(domain: Any, work: Any, error: Any = None) -> Any:
    """Submit again when an answer is lost, also if the call may have published."""
    return await moves.resubmit(domain, work, error)


async def claim_nothing(tx: Any, key: Any, resource: str, now: Any) -> None:
    """Take every request for the first one with its id."""


PLANTS: dict[str, tuple[Any, str, Any]] = {
    "no-compare-and-swap": (attempts, "move", move_blindly),
    "lost-answers-repeated": (submit, "handle_lost_response", submit_again),
    "no-request-ids": (idempotency, "claim", claim_nothing),
}
"""By name what is replaced, and by what."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Have a bug for the length of a block; "" is none."""
    if not name:
        yield
        return
    owner, attribute, bug = PLANTS[name]
    with patch.object(owner, attribute, bug):
        yield

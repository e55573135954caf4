"""Bugs that can be planted, so that it is known that the simulation finds such ones.

Owns the bugs. None is in the product; a test runs the simulation with each.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from gateway.domain import idempotency
from gateway.domain.publishing import moves, submit
from storage import attempts, posts
from storage.attempts import AttemptRow
from storage.states import PostState

MOVE, CHANGE = attempts.move, posts.change


async def move_blindly(tx: Any, row: AttemptRow, to: Any, now: Any, **values: Any) -> Any:
    """Move an attempt whatever its state is by now: the journal's compare-and-swap is missing."""
    current = await attempts.find(tx, row.location, row.post, row.number)
    return await MOVE(tx, current or row, to, now, **values)


async def change_blindly(tx: Any, location: str, post: str, now: Any, **values: Any) -> Any:
    """Change a post whatever has become of it since it was read."""
    values |= {"expect": list(PostState), "at_attempt": None, "at_version": None}
    return await CHANGE(tx, location, post, now, **values)


async def submit_again(domain: Any, work: Any, error: Any = None) -> Any:
    """Submit again when an answer is lost, also if the call may have published."""
    return await moves.resubmit(domain, work, error)


async def claim_nothing(tx: Any, key: Any, resource: str, now: Any) -> None:
    """Take every request for the first one with its id."""


PLANTS: dict[str, list[tuple[Any, str, Any]]] = {
    # Two fences, each of which holds alone: the attempt's, and the post's.
    "no-fences": [(attempts, "move", move_blindly), (posts, "change", change_blindly)],
    "lost-answers-repeated": [(submit, "handle_lost_response", submit_again)],
    "no-request-ids": [(idempotency, "claim", claim_nothing)],
}
"""By name what is replaced, and by what."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Have a bug for the length of a block; "" is none."""
    with ExitStack() as stack:
        for replaced in PLANTS.get(name, []):
            stack.enter_context(patch.object(*replaced))
        yield

"""The leases of posts: until when nobody else takes up a post that this process works on, or soon comes back to.

Owns what this process knows of its leases, which are stored in `posts.due_at`, and when it comes back to which post.
Knows neither rows nor what a step does; that a lease is over says nothing about who may submit, the journal does.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from gateway.domain.concurrency import LEASE
from storage.fair import NOBODY, Tenant
from storage.states import PostState

NEAR = timedelta(minutes=1)
"""How soon a post must be due again for this process to come back to it by itself."""

TOPIC = "due"
"""The topic of the notification that some post is due and that nobody has a lease of it."""

Key = tuple[str, str]
"""A post's location and id."""


class Lane(Enum):
    """Which steps share their places: those that submit or transfer take long, and must not delay the polls."""

    HAND_OVERS = "hand-overs"
    POLLS = "polls"


def lane_of(state: PostState) -> Lane:
    """Return the lane of the next step of a post in this state."""
    return Lane.HAND_OVERS if state in (PostState.QUEUED, PostState.TRANSFERRING) else Lane.POLLS


@dataclass(slots=True)
class Held:
    """A post that this process takes a step of: its `due_at` as stored last, and when and where it goes on here.

    `read` is whether the step has read the post: before, its lease must stay as it was taken. `more` is whether the
    post became due here once more while the step was under way.
    """

    until: datetime
    again: datetime | None = None
    lane: Lane = Lane.HAND_OVERS
    tenant: Tenant = NOBODY
    known: object = None
    read: bool = False
    more: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """When a post is stored as due, and when and in which lane this process goes on with it, if it does."""

    until: datetime
    again: datetime | None = None
    lane: Lane | None = None


@dataclass(slots=True)
class Leases:
    """The leases of one process; each lasts for `length`. Only a process that takes steps has any."""

    length: timedelta = LEASE
    held: dict[Key, Held] = field(default_factory=dict)
    has_room: Callable[[Tenant], bool] = lambda tenant: False
    """Whether this process can begin a post of a tenant now."""
    carries_on: Callable[[], bool] = lambda: False
    """Whether this process comes back to the posts of which it takes steps."""
    begin: Callable[[Tenant, str, datetime, object], None] = lambda tenant, post, until, known: None
    """Take the first step of a post whose lease until then has been committed, with what is `known` of it."""

    def first(self, now: datetime, tenant: Tenant) -> tuple[datetime, bool]:
        """Return when a post that is due now is stored as due, and whether this process begins it after the commit."""
        mine = self.has_room(tenant)
        return (now + self.length if mine else now), mine

    def working(self, now: datetime) -> Stored:
        """Return how to store the lease of a post that is being worked on."""
        return Stored(now + self.length)

    def due(self, location: str, post: str, state: PostState, at: datetime, now: datetime, *, alone: bool) -> Stored:
        """Return how to store a post, of which a step may be under way here, whose next step is due `at` a time: as due
        later if this process comes back to it by itself, so that nobody else does unless it has died.

        It comes back only to posts that are stepped `alone`.
        """
        if (location, post) not in self.held:
            return Stored(at)
        near = alone and at - now <= NEAR and self.carries_on()
        return Stored(at + self.length if near else at, at if near else None, lane_of(state))

    def committed(self, location: str, post: str, stored: Stored) -> None:
        """Note what was stored of a post. Not before: what was rolled back is neither a lease nor its end."""
        held = self.held.get((location, post))
        if held is not None:
            held.until, held.again = stored.until, stored.again
            held.lane = stored.lane or held.lane

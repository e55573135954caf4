"""This process's steps of posts: begun as soon as a post is due and it is its tenant's turn.

Owns the tasks, the timers of posts that are due again soon, and that leases are renewed while a step takes long. What a
step does is the domain's; a post whose process has died is found by every sweeper once its lease is over.
"""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from datetime import datetime

import structlog

from gateway.domain.context import Domain
from gateway.domain.leases import TOPIC, Held, Key, Lane, lane_of
from gateway.domain.publishing import batch_status, queue, step
from gateway.domain.publishing.submit import Known
from storage import posts
from storage.database import DatabaseUnavailable
from storage.fair import SHARE, FairPlaces, Tenant
from storage.places import Kind, work_for, work_in
from storage.posts import PostRow

log = structlog.get_logger(__name__)

RENEWALS = 3
"""How often a lease is renewed, at least, before it would be over."""


class Steps:
    """Takes steps in this process, at most `concurrency` at once in each lane; one agency has at most `share` of what
    others leave.
    """

    def __init__(self, domain: Domain, concurrency: int, *, stopping: Callable[[], bool], share: float = SHARE) -> None:
        """Nothing is taken before `start`; no step begins while `stopping`."""
        self._domain = domain
        self._leases = domain.leases
        self._stopping = stopping
        self.places = {lane: FairPlaces(concurrency, share=share) for lane in Lane}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._polls: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._timers: dict[Key, tuple[asyncio.TimerHandle, Held]] = {}
        self._context = Context()
        # What waits for a place, by its number among all that did.
        self._waiting: dict[int, tuple[Key, Held]] = {}
        self._numbers = itertools.count()
        self._left = False
        self._unheard: Callable[[], None] = lambda: None
        self.woken = asyncio.Event()
        """Set when posts may be due of which this process has no lease."""

    def start(self) -> None:
        """Accept posts from now on."""
        # Steps are begun by calls too, whose deadline, location and log fields are not theirs.
        self._context = copy_context()
        self._context.run(work_for, Kind.JOBS)
        self._leases.has_room, self._leases.begin = self._could_begin, self.begin
        self._leases.carries_on = lambda: not self._stopping()
        self._unheard = self._domain.listener.subscribe(TOPIC, lambda _: self.woken.set())

    async def stop(self, grace_seconds: float) -> None:
        """Let the steps under way reach a safe point and end their leases; a step that takes longer is cancelled."""
        self._unheard()
        self._leases.has_room, self._leases.carries_on = (lambda tenant: False), (lambda: False)
        waiting = {key: held for key, (_, held) in self._timers.items()} | dict(self._waiting.values())
        self._waiting.clear()
        for timer, _ in self._timers.values():
            timer.cancel()
        self._timers.clear()
        await self._let_end(grace_seconds)
        late = [*self._tasks.values(), *self._polls.values()]
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        await self._give_up(waiting)

    async def _let_end(self, grace_seconds: float) -> None:
        """Wait for the steps under way, whose leases must not be over before they are."""
        loop, pause = asyncio.get_running_loop(), self._leases.length.total_seconds() / RENEWALS
        end = loop.time() + grace_seconds
        while (running := [*self._tasks.values(), *self._polls.values()]) and (left := end - loop.time()) > 0:
            await asyncio.wait(running, timeout=min(left, pause))
            with suppress(DatabaseUnavailable):
                await self.renew()

    async def _give_up(self, waiting: dict[Key, Held]) -> None:
        """Store when posts are due that this process no longer comes back to."""
        try:
            async with self._domain.db.transaction() as tx:
                for (location, post), held in sorted(waiting.items()):
                    await posts.move_due(tx, [(location, post, held.until)], held.again or self._domain.clock())
        except DatabaseUnavailable as error:
            log.warning("jobs.leases_left", posts=len(waiting), error=str(error))

    def _could_begin(self, tenant: Tenant) -> bool:
        """Return whether a post of a tenant that is created now would begin here at once."""
        return not self._stopping() and self.places[Lane.HAND_OVERS].free_for(tenant)

    async def take_due(self) -> None:
        """Begin steps of posts that are due and that nobody has a lease of, as far as it is their turn."""
        left = [await self._take(lane) for lane in Lane]
        self._left = any(left)

    async def _take(self, lane: Lane) -> bool:
        """Begin what there are places for, and return whether more is due."""
        while not self._stopping():
            # It is known only afterwards what is due: whoever ends its step meanwhile has to look again.
            self._left = True
            taken = await queue.take_due(self._domain, lane, self.places[lane])
            for row in taken.rows:
                held = Held(taken.until, lane=lane_of(row.state), tenant=row.tenant)
                self._begin((row.location, row.id), held, lane)
            for row in taken.polls:
                self._begin_poll(row, lane)
            if not (taken.more and taken.polls):
                return taken.more
        return True

    def _begin_poll(self, row: PostRow, lane: Lane) -> None:
        """Begin to poll the posts of a connection, for which there is a place in the lane."""
        key = (row.location, row.connection)
        if key in self._polls:
            # It asks for all that are due, and for what becomes due while it takes long.
            self.places[lane].leave(row.tenant)
            return
        self._polls[key] = asyncio.get_running_loop().create_task(
            self._poll(row.tenant, row.connection, lane), name=f"poll {key[0]}/{key[1]}", context=self._context.copy()
        )

    async def _poll(self, tenant: Tenant, connection: str, lane: Lane) -> None:
        work_in(tenant)
        try:
            await batch_status.poll(self._domain, tenant.location, connection, stopping=self._stopping)
        except DatabaseUnavailable as error:
            log.warning("jobs.poll_failed", location=tenant.location, connection=connection, error=str(error))
        except Exception as error:  # the posts are due again when their leases are over
            log.error("jobs.poll_failed", location=tenant.location, connection=connection, exc_info=error)
        finally:
            del self._polls[tenant.location, connection]
            self._leave(tenant, lane)

    def _leave(self, tenant: Tenant, lane: Lane) -> None:
        """Release a place, and look for what is due if nobody waits for it."""
        self.places[lane].leave(tenant)
        if self._left and not self.places[lane].waiting:
            self.woken.set()

    def begin(self, tenant: Tenant, post: str, until: datetime, known: object) -> None:
        """Begin a post of which this process has a lease until then, as soon as it is its turn."""
        self._begin_or_wait((tenant.location, post), Held(until, tenant=tenant, known=known))

    def _begin_or_wait(self, key: Key, held: Held) -> None:
        lane, number = held.lane, next(self._numbers)
        if not self._is_under_way(key, held):
            self._waiting[number] = key, held
            self.places[lane].join(held.tenant, lambda: self._begin_waiting(number, held.tenant, lane))

    def _begin_waiting(self, number: int, tenant: Tenant, lane: Lane) -> None:
        """Begin what waited for a place. What has waited for half its lease is left to whoever looks for what is due:
        with the rest it might not get as far as being renewed.
        """
        key, held = self._waiting.pop(number, (None, None))
        if key is None or held is None or self._stopping():
            self.places[lane].leave(tenant)
        elif held.until < self._domain.clock() + self._leases.length / 2:
            self._left = True
            self.places[lane].leave(tenant)
        else:
            self._begin(key, held, lane)

    def _is_under_way(self, key: Key, held: Held) -> bool:
        """Return whether a step of the post is under way, which then goes on with the later lease."""
        if key in self._tasks:
            current = self._leases.held[key]
            if held.until > current.until:
                # Somebody made the post due: the lease that was taken is that of the step under way, and of one more.
                current.until, current.more = held.until, True
            return True
        # A timer with a later lease stays: either the post was made due earlier since, or this lease does not stand any
        # more and its step does nothing.
        if key in self._timers and self._timers[key][1].until <= held.until:
            self._timers.pop(key)[0].cancel()
        return False

    def _begin(self, key: Key, held: Held, lane: Lane) -> None:
        """Begin a step, for which there is a place in the lane."""
        if self._is_under_way(key, held):
            self.places[lane].leave(held.tenant)
            return
        self._leases.held[key] = held
        self._tasks[key] = asyncio.get_running_loop().create_task(
            self._step(key, held, lane), name=f"step {key[0]}/{key[1]}", context=self._context.copy()
        )

    async def _step(self, key: Key, held: Held, lane: Lane) -> None:
        location, post = key
        work_in(held.tenant)
        try:
            known = held.known if isinstance(held.known, Known) else None
            await step.step(self._domain, location, post, stopping=self._stopping, lease=held, known=known)
        except DatabaseUnavailable as error:
            # The post is due again when its lease is over.
            log.warning("jobs.step_failed", location=location, post=post, error=str(error))
            held.again = None
        except Exception as error:  # the others must go on whatever comes of one
            log.error("jobs.step_failed", location=location, post=post, exc_info=error)
        finally:
            del self._tasks[key], self._leases.held[key]
            self._leave(held.tenant, lane)
        if self._stopping():
            return
        if held.more:
            self._begin_or_wait(key, Held(held.until, lane=held.lane, tenant=held.tenant))
        elif held.again is not None:
            self._come_back(key, held, held.again)

    def _come_back(self, key: Key, held: Held, at: datetime) -> None:
        """Take the next step when it is due; its lease has been stored with the time."""
        earlier = self._timers.pop(key, None)
        if earlier is not None:
            earlier[0].cancel()
        delay = max(0.0, (at - self._domain.clock()).total_seconds())
        timer = asyncio.get_running_loop().call_later(delay, self._due, key)
        self._timers[key] = (timer, held)

    def _due(self, key: Key) -> None:
        _, held = self._timers.pop(key)
        self._begin_or_wait(key, Held(held.until, lane=held.lane, tenant=held.tenant))

    async def renew(self) -> None:
        """Renew the leases of steps that take long, before they are over."""
        now, length = self._domain.clock(), self._leases.length
        due = {
            key: held.until for key, held in self._leases.held.items() if held.read and held.until - now < length * 0.75
        }
        if not due:
            return
        until = now + length
        async with self._domain.db.transaction() as tx:
            renewed = await posts.move_due(tx, [(*key, before) for key, before in due.items()], until)
        for key in renewed:
            held = self._leases.held.get(key)
            if held is not None and held.until == due[key]:
                held.until = until

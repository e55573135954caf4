"""A gateway that dies before and after every commit: of a file, a draft, photos, a pull, a cancelled post, and of posts
through a planner.

Owns the deaths at commits that have no name of their own, the quota ledger's and the links' among them. The clock is
moved by hand and the death is an exception that nothing catches; after each, a fresh step goes on, as another process
would. What the vendor fetches from us breaks off with us.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from gateway.domain import post_content
from gateway.domain.media import links
from gateway.domain.post_content import Source
from gateway.domain.posts import cancel
from gateway.domain.publishing import step
from gateway.domain.publishing.submit import Known
from gateway.errors import ResourceExists
from providers.simulators.highlevel import SimulatorConfig as PlannerConfig
from providers.simulators.tiktok import SimulatorConfig
from storage import attempts
from storage import posts as rows
from storage.database import Database, Transaction
from storage.fair import Tenant
from storage.posts import PostRow
from tests.chaos.test_kill_side_paths import Death, publish_drafts
from tests.fixtures import media as files
from tests.fixtures.domain import LOCATION, Stage, opened
from tests.fixtures.planner import PlannerStage, planning
from tests.flows.faults import pulled
from tests.flows.test_publishing_photos import FETCHING, PHOTOS, TYPES

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

REAL = Database.transaction
# No token runs out here: what a death costs a renewal is proved where tokens are.
PATIENT = SimulatorConfig(
    rate_limits=False,
    posts_per_day=None,
    pending_drafts=None,
    processing_seconds=10,
    moderation_seconds=60,
    access_token_seconds=31_000_000,
)
AT_ONCE = "file at once"
"""A file whose first step is taken by the process that created the post, with what it has just found."""

CONFIGS = {
    "file": PATIENT,
    AT_ONCE: PATIENT,
    "draft": PATIENT,
    "photos": replace(FETCHING, access_token_seconds=31_000_000),
    "pull": PATIENT,
    "cancelled pull": replace(PATIENT, processing_seconds=3000),
}
# Without an id in its answer a post is found in the planner's list.
PLANNER = PlannerConfig(rate_limits=False, posts_per_day=None, access_token_seconds=31_000_000)
PLANNERS = {
    "planner": PLANNER,
    "planner with ids": replace(PLANNER, publish_now_results=True),
    "planner later": PLANNER,
    "planner called back": PLANNER,
}
PLANNED = ("planner later", "planner called back")
FEWEST = {
    "file": 21,
    AT_ONCE: 14,
    "draft": 20,
    "photos": 15,
    "pull": 20,
    "cancelled pull": 13,
    "planner": 18,
    "planner with ids": 13,
    "planner later": 17,
    "planner called back": 25,
}
"""How many commits each path has at least: fewer would mean that some are not seen any more."""

FETCHED = ("links.open_link", "links.record_refused")
"""Commits that are made while the vendor fetches from the gateway."""

ENDED = ("PUBLISHED", "CANCELLED")
OPEN = ("photos", "pull", "cancelled pull")
"""What one call may publish: without its answer, and with the media in reach of the vendor, the outcome is open."""


@dataclass
class Commits:
    """Stands in the place of `Database.transaction`: counts commits, and dies before or after the armed one."""

    armed: tuple[int, str] = (0, "")
    seen: list[str] = field(default_factory=list)
    deaths: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def transaction(self, db: Database) -> AsyncIterator[Transaction]:
        """Yield a transaction as it is, with a death around its commit if this is the one."""
        place = " < ".join(islice(callers(), 3))
        if not place:
            # The listener's proof that it hears: no step of a post.
            async with REAL(db) as tx:
                yield tx
            return
        self.seen.append(place)
        number = len(self.seen)
        async with REAL(db) as tx:
            yield tx
            self._die(number, "before")
        self._die(number, "after")

    def _die(self, number: int, when: str) -> None:
        if self.armed == (number, when):
            self.armed = (0, "")
            self.deaths.append(f"{when} {self.seen[number - 1]}")
            # Whoever fetches from a process that dies sees its connection break.
            fetched = any(place in self.deaths[-1] for place in FETCHED)
            raise httpx.ReadError("gone") if fetched else Death(self.deaths[-1])


def callers() -> Iterator[str]:
    """Yield who of the gateway's rules wants a transaction, from the inside out."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame, code = frame.f_back, frame.f_code
        if "/gateway/" in code.co_filename:
            yield f"{Path(code.co_filename).stem}.{code.co_name}"


@contextmanager
def counted(commits: Commits) -> Iterator[None]:
    """Let the commits within the block be counted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "transaction", lambda db: commits.transaction(db))
        yield


@dataclass
class Route:
    """One path on a stage, taken again and again."""

    name: str
    stage: Stage
    account: str
    upload: str
    photos: list[str] = field(default_factory=list)
    known: list[Known] = field(default_factory=list)

    @property
    def posted(self) -> int:
        """Count what is on the network."""
        return len(self.stage.vendor.posts)

    def begin(self, tenant: Tenant, post: str, until: datetime, known: object) -> None:
        """Let the next step begin with what is known."""
        assert isinstance(known, Known)
        self.known.append(known)

    async def made(self, id: str) -> PostRow:
        """Create the post; one that was made before the caller lost its answer is found again under its id."""
        try:
            return await self._create(id)
        except ResourceExists:
            return await self.read(id)

    async def _create(self, id: str) -> PostRow:
        if self.name in ("file", AT_ONCE):
            return await self.stage.post(self.account, self.upload, id, id=id)
        if self.name == "draft":
            return await self.stage.post(self.account, self.upload, id=id, mode="creator_inbox", options={})
        if self.name == "photos":
            content = post_content.build_content("photos", [Source(upload=photo) for photo in self.photos], title=id)
            return await self.stage.post(self.account, "", id, id=id, content=content, uploads=self.photos)
        return await pulled(self.stage, self.account, id, id=id)

    async def read(self, id: str) -> PostRow:
        """Return the post as it is."""
        async with self.stage.domain.db.read() as tx:
            return await rows.get(tx, LOCATION, id)

    async def act(self, post: PostRow) -> PostRow:
        """Do what is next: a worker's step, after the caller's call to stop where the path has one."""
        if self.name == "cancelled pull" and post.state == "PROCESSING":
            post = await cancel.cancel(self.stage.domain, LOCATION, post.id, None)
        known = self.known.pop() if self.known else None
        await step.step(self.stage.domain, LOCATION, post.id, known=known)
        post = await self.read(post.id)
        publish_drafts(self.stage.vendor)
        if self.name == "photos":
            await fetching_over(self.stage)
        return post

    async def in_submit(self, id: str) -> bool:
        """Return whether the submit may have been made, and its response is lost."""
        post = await self.read(id)
        async with self.stage.domain.db.read() as tx:
            attempt = await attempts.find(tx, LOCATION, id, post.attempt)
        return self.name in OPEN and attempt is not None and attempt.state == "INIT_SENT"

    async def in_reach(self, post: PostRow) -> bool:
        """Return whether the vendor can have the media: those that we hold, only when it asked us for them."""
        return (
            self.name != "photos" or await links.count_fetched(self.stage.domain, LOCATION, post.id, post.attempt) > 0
        )


@dataclass
class PlannerRoute(Route):
    """One path on the stage of a planner."""

    stage: PlannerStage

    @property
    def posted(self) -> int:
        """Count what is on the network."""
        return len(self.stage.published)

    async def _create(self, id: str) -> PostRow:
        later = self.stage.clock() + timedelta(hours=3) if self.name in PLANNED else None
        return await self.stage.planned(self.account, self.upload, id, id=id, schedule_time=later)

    async def act(self, post: PostRow) -> PostRow:
        """Do what is next: a worker's step, and the caller's call to stop once the planner keeps the post."""
        post = await self.stage.step(post)
        if self.name == "planner called back" and post.state == "SCHEDULED":
            post = await cancel.cancel(self.stage.domain, LOCATION, post.id, None)
        return post


async def fetching_over(stage: Stage) -> None:
    """Let the vendor fetch the media of its pulls."""
    for _ in range(200):
        if not stage.vendor.publisher._pulling:
            break
        await asyncio.sleep(0.001)


async def take(route: Route, id: str) -> tuple[PostRow, int, bool]:
    """Take the path once to its end, and return the post, how many were made, and whether its outcome may be open."""
    stage, made, open_ = route.stage, route.posted, False
    # A slot of the inbox that a lost submit occupies is free the next day.
    stage.clock.advance(timedelta(hours=25))
    try:
        post = await route.made(id)
    except Death:
        post = await route.made(id)
    if not route.known:
        stage.clock.advance(timedelta(minutes=2))
    for _ in range(120):
        try:
            post = await route.act(post)
        except Death:
            open_ = await route.in_submit(id)
            post = await route.act(await route.read(id))
        if post.state in ENDED or post.due_at is None:
            break
        # The day of looking for proof is made short: nothing happens in it.
        hurry = timedelta(hours=25) if post.state == "INDETERMINATE" else timedelta(0)
        stage.clock.time = max(stage.clock.time, post.due_at) + hurry
    return post, route.posted - made, open_ and await route.in_reach(post)


def over(post: PostRow) -> bool:
    """Return whether a post has ended, as well as it can."""
    return post.state in ENDED or not post.due_at


def expected(route: Route, *, open_: bool) -> list[tuple[str, int]]:
    """Return how the path may end: in which state, with how many posts made."""
    if route.name == "planner called back":
        return [("CANCELLED", 0)]
    if route.name == "cancelled pull":
        # A death in the one call takes the id with it by which the vendor could be asked to stop.
        return [("CANCELLED", 0), *([("INDETERMINATE", 0), ("INDETERMINATE", 1)] if open_ else [])]
    return [("PUBLISHED", 1), *([("INDETERMINATE", 0), ("INDETERMINATE", 1)] if open_ else [])]


async def deaths_of(route: Route) -> tuple[int, list[str], list[Any]]:
    """Take the route once for each death, and return its number of commits, the deaths, and what ended otherwise."""
    # The first time media are looked into, and what was seen is kept.
    await take(route, "first")
    quiet, deaths = Commits(), list[str]()
    wrong: list[Any] = []
    with counted(quiet):
        post, count, _ = await take(route, "quiet")
    assert (post.state, count) in expected(route, open_=False)
    for number in range(1, len(quiet.seen) + 1):
        for when in ("before", "after"):
            commits = Commits((number, when))
            with counted(commits):
                post, count, open_ = await take(route, f"{when}-{number}")
            deaths += commits.deaths
            if (post.state, count) not in expected(route, open_=open_) or not over(post):
                wrong.append((commits.deaths, post.state, count, post.due_at, post.error))
    return len(quiet.seen), deaths, wrong


# A death before a vendor call leaves the call's coroutine behind, as a killed process does.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("name", CONFIGS)
async def test_a_death_around_any_commit_loses_doubles_and_sticks_nothing(
    name: str, database_url: str, tmp_path: Path
) -> None:
    """One post per death: it is never made twice nor stuck, and ends well unless the one call's answer died too."""
    # Drawing the traceback of each fetch that broke off would take longer than all else.
    with capture_logs():
        async with opened(database_url, tmp_path, CONFIGS[name]) as stage:
            account, upload = await stage.connect(), await stage.upload(files.video(30_000))
            photos = [await stage.upload(data, kind, None) for data, kind in zip(PHOTOS, TYPES, strict=True)]
            route = Route(name, stage, account, upload, photos)
            if name == AT_ONCE:
                stage.domain.leases.has_room, stage.domain.leases.begin = (lambda tenant: True), route.begin
            commits, deaths, wrong = await deaths_of(route)

    assert [] == wrong
    assert FEWEST[name] <= commits, commits
    assert 2 * commits == len(deaths)


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("name", PLANNERS)
async def test_a_death_around_any_commit_of_a_planned_post_loses_doubles_and_sticks_nothing(
    name: str, database_url: str, tmp_path: Path
) -> None:
    """One post per death: whatever answer died with it, a planner's list says what came of it, and it ends well."""
    with capture_logs():
        async with planning(database_url, tmp_path, PLANNERS[name]) as stage:
            account, upload = await stage.connect(), await stage.upload(files.video(30_000))
            commits, deaths, wrong = await deaths_of(PlannerRoute(name, stage, account, upload))

    assert [] == wrong
    assert FEWEST[name] <= commits, commits
    assert 2 * commits == len(deaths)

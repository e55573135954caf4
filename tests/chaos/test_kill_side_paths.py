"""A gateway killed where a publish leaves the straight path: replaced, refused, delivered as a draft, asked in doubt.

Owns the list of side paths, what the vendor must do for a publish to come by them, and how each has to end. Real
processes are killed at the step that makes the path. Where the rules wait for minutes, or every place of a path is to
have its turn, the clock is moved by hand and the death is an exception.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import grpc
import psycopg
import pytest

from gateway.domain.accounts import creator_info
from gateway.domain.publishing import journal, moves
from providers.simulators.faults import Fault
from providers.simulators.serving import serve
from providers.simulators.tiktok import SimulatorConfig, Vendor, create_app
from socialgateway.v1 import account_pb2, post_pb2, post_service_pb2
from storage.posts import PostRow
from tests.chaos import processes
from tests.chaos.test_kill_publish import KILLED, SIZE, SMALL, vendor_config
from tests.fixtures.domain import Stage, opened
from tests.fixtures.waiting import until
from tests.flows.faults import pulled

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

MODERATION_SECONDS = 5.0
"""Longer than the gateway waits before it first asks, so that a public post is published before its id is known."""

BANNED = Fault(match="video.init", kind="error", code="spam_risk_user_banned_from_posting", times=None)
DENIED = Fault(match="status", kind="error", code="invalid_publish_id", times=None)
FINAL = {
    post_pb2.Post.PUBLISHED,
    post_pb2.Post.AWAITING_CREATOR,
    post_pb2.Post.FAILED,
    post_pb2.Post.CANCELLED,
    post_pb2.Post.INDETERMINATE,
}


URI = "https://media.example/video.mp4"
SOON = {"Retry-After": "1"}
TOO_FAST = '{"data":{},"error":{"code":"rate_limit_exceeded","message":"too fast","log_id":"1"}}'


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side path: what makes a publish take it, the step to be killed before and after, and how it ends.

    With `first` the process dies there to begin with, and only then the vendor misbehaves: the next process comes by
    the step on this path alone, a day later. A path is taken `backwards`, with the kill after the step first, when a
    publish that died before the step does not come by it a second time.
    """

    name: str
    step: str
    faults: tuple[Fault, ...] = ()
    fail_reason: str = ""
    first: str = ""
    large: bool = False
    public: bool = False
    inbox: bool = False
    backwards: bool = False
    ends: post_pb2.Post.State = post_pb2.Post.PUBLISHED
    posts: bool = True

    def places(self) -> tuple[str, str]:
        """Return the places before and after the step, in the order in which the process dies there."""
        when, what = self.step.split(" ")
        before, after = f"publish.before-{when}.{what}", f"publish.after-{when}.{what}"
        return (after, before) if self.backwards else (before, after)

    def size(self) -> int:
        """Return the size of the video: only a large one goes in several chunks."""
        return SIZE if self.large else SMALL


REPLACED = (
    Side(name="init lost", step="commit ABANDONED", faults=(Fault(match="video.init", kind="drop_after"),)),
    Side(
        name="address gone midway",
        step="commit ABANDONED",
        faults=(Fault(match="upload", kind="expire_upload", after=1),),
        large=True,
    ),
    Side(name="given up by the vendor", step="commit ABANDONED", fail_reason="internal"),
)
ENDED = (
    Side(
        name="refused at init",
        step="commit FAILED",
        faults=(BANNED,),
        ends=post_pb2.Post.FAILED,
        posts=False,
    ),
    Side(
        name="refused afterwards",
        step="commit FAILED",
        fail_reason="spam_risk_text",
        ends=post_pb2.Post.FAILED,
        posts=False,
    ),
    Side(
        name="denied for a day",
        step="commit INDETERMINATE",
        faults=(DENIED,),
        first="publish.after-commit.PROCESSING",
        ends=post_pb2.Post.INDETERMINATE,
    ),
)
DRAFTS = (
    Side(name="draft", step="commit AWAITING_CREATOR", inbox=True, ends=post_pb2.Post.AWAITING_CREATOR, posts=False),
    Side(
        name="draft whose init was lost",
        step="commit ABANDONED",
        faults=(Fault(match="inbox.init", kind="drop_after"),),
        inbox=True,
        ends=post_pb2.Post.AWAITING_CREATOR,
        posts=False,
    ),
    Side(
        name="init not possible now",
        step="commit INTENT",
        faults=(Fault(match="video.init", kind="body", status=429, headers=SOON, body=TOO_FAST, times=2),),
        first="publish.after-commit.INTENT",
        backwards=True,
    ),
)
CREATOR_ASKED = (
    Side(name="creator asked by the caller", step="call creator-info"),
    Side(name="creator asked by the worker", step="call creator-info", first="publish.after-commit.INTENT"),
)
VENDOR_ASKED = (
    Side(
        name="range refused without a word",
        step="call range-status",
        faults=(Fault(match="upload", kind="status", status=416, after=1, times=2),),
        large=True,
    ),
    Side(
        name="last answer lost",
        step="call doubt-status",
        faults=(Fault(match="upload", kind="drop_after"),),
    ),
    Side(
        name="last chunk lost",
        step="call doubt-status",
        faults=(Fault(match="upload", kind="drop_before"),),
    ),
    Side(name="id not known yet", step="call late-status", public=True),
)
GROUPS = {
    "vendor-asked": VENDOR_ASKED,
    "replaced": REPLACED,
    "drafts": DRAFTS,
    "ended": ENDED,
    "creator-asked": CREATOR_ASKED,
}


@dataclass(frozen=True)
class World:
    """A gateway to be killed, its vendor, and what there is to be published."""

    gateway: processes.Gateway
    vendor: Vendor
    accounts: dict[str, str]
    small: str
    large: str

    def request(self, side: Side) -> post_service_pb2.CreatePostRequest:
        """Return the request for a post that will take the side path; its caption and its id name the path."""
        upload = self.large if side.large else self.small
        request = processes.new_post(self.accounts[side.name], upload, side.name, side.name.replace(" ", "-"))
        if side.public:
            request.post.options.privacy_level = account_pb2.PRIVACY_LEVEL_PUBLIC
        if side.inbox:
            request.post.mode = post_pb2.POST_MODE_CREATOR_INBOX
            # TikTok takes a draft without a word about it: the creator writes that.
            request.post.ClearField("options")
            request.post.ClearField("caption")
        return request

    def misbehave(self, side: Side) -> None:
        """Order from the vendor what leads to the side path."""
        self.vendor.faults.add(*side.faults)
        self.vendor.publisher.failures.extend([side.fail_reason] if side.fail_reason else [])

    def behave(self, side: Side) -> None:
        """End what was ordered, all of which must have happened, and as often as it was ordered."""
        for fault in side.faults:
            hits = self.vendor.faults.hits[f"{fault.match} {fault.kind}"]
            assert hits, f"{side.name}: {fault} was not met"
            assert fault.times in (None, hits), f"{side.name}: {fault} was met {hits} times"
        assert not self.vendor.publisher.failures, f"{side.name}: no publish failed"
        self.vendor.faults.clear()


def a_day_passes(database_url: str) -> None:
    """Make a day and an hour older what the gateway remembers of the last chunk, and of what the creator allows."""
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE attempts SET final_sent_time = final_sent_time - interval '25 hours'")
        connection.execute("UPDATE creator_infos SET fetch_time = fetch_time - interval '25 hours'")


async def die(gateway: processes.Gateway, place: str, request: post_service_pb2.CreatePostRequest) -> None:
    """Run a process that dies at the place, over a post that it is given or finds."""
    async with processes.running(gateway, failpoint=f"{place}=kill"):
        await processes.create_post(gateway, request)
        assert KILLED == await gateway.died(20), f"{request.post_id}: {place} was not reached"


async def settled(gateway: processes.Gateway, name: str, side: Side, seconds: float = 60) -> post_pb2.Post:
    """Watch a post, without asking the vendor ourselves, until it is final and known in full; else as it stands."""
    async with gateway.client() as client:
        for _ in range(int(seconds * 10)):
            post: post_pb2.Post = await client.call("PostService/GetPost", name=name)
            if post.state in FINAL and (post.provider_post_id or not side.public):
                break
            await asyncio.sleep(0.1)
    return post


async def survive(world: World, side: Side) -> None:
    """Kill the gateway on one side of the step, the next one on the other, and start it again: the post ends right."""
    gateway, request = world.gateway, world.request(side)
    if side.first:
        await die(gateway, side.first, request)
    a_day_passes(gateway.database_url)
    world.misbehave(side)
    for place in side.places():
        await die(gateway, place, request)
    async with processes.running(gateway):
        # The kill may have come before the call was answered: a caller asks again, under the same id.
        post = await settled(gateway, await processes.create_post(gateway, request), side)
    world.behave(side)
    assert side.ends == post.state, f"{side.name}: {post}"
    assert post.provider_post_id or not side.public, f"{side.name}: the id was never learnt"


@pytest.mark.parametrize("sides", list(GROUPS.values()), ids=list(GROUPS))
async def test_kills_on_a_side_path_lose_double_and_stick_nothing(
    sides: tuple[Side, ...], database_url: str, tmp_path: Path
) -> None:
    """One post per path, killed before and after its step: it ends as the path says, and the vendor has it so, once."""
    app = create_app(replace(vendor_config(), moderation_seconds=MODERATION_SECONDS))
    async with serve(app) as vendor_url:
        gateway = processes.Gateway(database_url, vendor_url, tmp_path)
        async with processes.running(gateway):
            made = await processes.connect_many(gateway, app.state.vendor, len(sides))
            small = await processes.upload(gateway, processes.pattern(SMALL))
            large = await processes.upload(gateway, processes.pattern(SIZE)) if any(s.large for s in sides) else ""
        accounts = {side.name: account for side, account in zip(sides, made, strict=True)}
        world = World(gateway, app.state.vendor, accounts, small, large)
        for side in sides:
            await survive(world, side)

    delivered = [each for each in world.vendor.publisher.publications.values() if each.status == "SEND_TO_USER_INBOX"]
    expected = [(side.name, sha256(processes.pattern(side.size())).hexdigest()) for side in sides if side.posts]
    assert expected == [(post.title, post.sha256) for post in world.vendor.posts]
    assert sum(side.inbox for side in sides) == len(delivered)


CALLERS = {"cancel": post_pb2.Post.CANCELLED, "asked-status": post_pb2.Post.PUBLISHED}
"""Calls to the vendor that a caller of ours waits for, and how a post ends for which they were made."""


async def asked(gateway: processes.Gateway, call: str, name: str) -> None:
    """Make the call of ours that makes the vendor's, once the post is with the vendor; the process dies over it."""
    async with gateway.client() as client:

        async def with_the_vendor() -> bool:
            post = await client.call("PostService/GetPost", name=name)
            return bool(post.state == post_pb2.Post.PROCESSING)

        async def ask() -> None:
            await client.call(f"PostService/{'CancelPost' if call == 'cancel' else 'RefreshPost'}", name=name)

        await until(with_the_vendor)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask()
    assert grpc.StatusCode.UNAVAILABLE == caught.value.code()


async def test_kills_while_a_caller_waits_for_the_vendor_lose_double_and_stick_nothing(
    database_url: str, tmp_path: Path
) -> None:
    """Killed around the call that stops a pull, or asks for it: the one ends CANCELLED, the other published."""
    app = create_app(replace(vendor_config(), processing_seconds=3600))
    places = {f"publish.{when}-call.{call}": call for call in CALLERS for when in ("before", "after")}
    async with serve(app) as vendor_url:
        gateway = processes.Gateway(database_url, vendor_url, tmp_path)
        async with processes.running(gateway):
            [account] = await processes.connect_many(gateway, app.state.vendor, 1)
        names = {call: f"{processes.LOCATION}/posts/{call}" for call in CALLERS}
        for place, call in places.items():
            request = processes.new_post(account, "", call, call)
            request.post.video.source.uri, request.post.video.source.vendor_pull = URI, True
            async with processes.running(gateway, failpoint=f"{place}=kill"):
                await processes.create_post(gateway, request)
                # A worker that finds a cancelling post asks the vendor by itself.
                if place != "publish.after-call.cancel":
                    await asked(gateway, call, names[call])
                assert KILLED == await gateway.died(20), f"{place} was not reached"
        app.state.vendor.advance_processing(list(app.state.vendor.publisher.publications)[-1])
        async with processes.running(gateway):
            ended = {call: (await processes.until_final(gateway, names[call], 60)).state for call in CALLERS}

    assert ended == CALLERS
    assert ["asked-status"] == [post.title for post in app.state.vendor.posts]


class Death(BaseException):
    """The process is gone: no rule may catch it, and nothing after the place happens."""


@dataclass
class Reaper:
    """Stands where `reach` is called: notes the places, and raises Death at one visit to the armed one."""

    armed: tuple[str, int] | None = None
    seen: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        """Come by a place."""
        self.seen.append(name)
        if (name, self.seen.count(name)) == self.armed:
            raise Death(name)

    def visits(self) -> list[tuple[str, int]]:
        """Return the first and the last visit to each place that was seen."""
        return sorted({(name, visit) for name, count in Counter(self.seen).items() for visit in (1, count)})


@dataclass(frozen=True, kw_only=True)
class Stepped:
    """A path that is carried on by hand: how it is taken, what step shows that it was, and how it ends.

    The death comes at places whose name ends with `at`: elsewhere it would lead away from the path.
    """

    step: str
    faults: tuple[Fault, ...] = ()
    mode: str = "direct"
    level: str = "only_me"
    pull: bool = False
    at: str = ""
    ends: str = "PUBLISHED"


STEPPED = {
    "init-lost": Stepped(step="commit.ABANDONED", faults=(Fault(match="video.init", kind="drop_after"),)),
    "last-answer-lost": Stepped(step="call.doubt-status", faults=(Fault(match="upload", kind="drop_after"),)),
    "denied-again-and-again": Stepped(
        step="commit.INDETERMINATE", faults=(replace(DENIED, after=1),), ends="INDETERMINATE"
    ),
    "address-gone-at-the-end": Stepped(step="commit.ABANDONED", faults=(Fault(match="upload", kind="expire_upload"),)),
    "draft-published-by-its-creator": Stepped(step="call.late-status", mode="creator_inbox"),
    "id-known-late": Stepped(step="call.late-status", level="public"),
    "looked-for-in-the-list": Stepped(
        step="call.list",
        faults=(Fault(match="video.init", kind="drop_after"),),
        level="public",
        pull=True,
        at="call.list",
    ),
}
PATIENT = SimulatorConfig(
    rate_limits=False, posts_per_day=None, pending_drafts=None, processing_seconds=10, moderation_seconds=60
)


def publish_drafts(vendor: Vendor) -> None:
    """Let the creator post each draft that waits in the inbox."""
    for each in vendor.publisher.publications.values():
        if each.status == "SEND_TO_USER_INBOX":
            vendor.post_draft(each.publish_id, "SELF_ONLY")


async def carry(stage: Stage, path: Stepped, post: PostRow) -> PostRow:
    """Carry a post to the end of its path, with a fresh step after a death; one that is never due again is stuck."""
    for _ in range(60):
        try:
            post = await stage.step(post)
        except Death:
            post = await stage.step(post)
        if post.state == path.ends and (post.provider_post_id or path.level == "only_me"):
            return post
        assert post.due_at is not None, f"{post.id}: {post.state}, and never looked at again"
        stage.clock.time = max(stage.clock.time, post.due_at)
        publish_drafts(stage.vendor)
    raise AssertionError(f"{post.id}: still {post.state}")


async def take(stage: Stage, path: Stepped, reaper: Reaper, account: str, upload: str) -> None:
    """Take the path once, with a death where the reaper is armed: it ends as it has to, and one post was made."""
    made = len(stage.vendor.posts)
    options = {"privacy_level": path.level} if path.mode == "direct" else {}
    # The vendor's list tells posts apart by their text.
    caption = f"{path.step} {made}"
    if path.pull:
        post = await pulled(stage, account, caption, options=options)
    else:
        post = await stage.post(account, upload, mode=path.mode, options=options)
    # What was asked about the creator for the caller is too old by now: the worker asks again.
    stage.clock.advance(timedelta(minutes=2))
    stage.vendor.faults.add(*path.faults)
    with pytest.MonkeyPatch.context() as patch:
        for module in (journal, moves, creator_info):
            patch.setattr(module, "reach", reaper)
        await carry(stage, path, post)
    assert all(stage.vendor.faults.hits.values()), "a fault was never met"
    stage.vendor.faults.clear()
    assert 1 == len(stage.vendor.posts) - made, reaper.armed


# A death before a vendor call leaves the call's coroutine behind, as a killed process does.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("name", STEPPED)
async def test_a_death_anywhere_on_a_path_loses_doubles_and_sticks_nothing(
    name: str, database_url: str, tmp_path: Path
) -> None:
    """At the first and the last visit to every place an exception that nothing catches simulates the death of the
    process; a fresh step goes on, and the post ends as its path says, posted once.
    """
    path = STEPPED[name]
    async with opened(database_url, tmp_path, PATIENT) as stage:
        account, upload = await stage.connect(), await stage.upload(processes.pattern(SMALL))
        quiet = Reaper()
        await take(stage, path, quiet, account, upload)
        assert {f"publish.before-{path.step}", f"publish.after-{path.step}"} <= set(quiet.seen)
        visits = [visit for visit in quiet.visits() if visit[0].endswith(path.at)]
        assert visits
        for armed in visits:
            reaper = Reaper(armed)
            await take(stage, path, reaper, account, upload)
            assert reaper.seen.count(armed[0]) >= armed[1], f"{armed} was not reached"

"""Whatever a vendor answers, callers get an answer or a refusal in our own words: never a fault of ours.

Owns the proof over nonsense that is made up. What known vendors' oddities mean is proved where the providers are.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateway.domain.publishing import step
from providers.simulators.tiktok import Fault
from socialgateway.v1 import account_pb2, connection_pb2, post_pb2
from tests.fixtures.settings import KEY
from tests.security.journey import DAY, FRESH, PARENT, Journey
from tests.security.recorded import CONFIG, RecordedGateway, opened
from tests.security.status_checks import complaint

pytestmark = pytest.mark.chaos

WORDS = (
    "data", "error", "code", "message", "log_id", "user", "open_id", "union_id", "display_name", "avatar_url",
    "follower_count", "is_verified", "videos", "cursor", "has_more", "id", "create_time", "access_token",
    "refresh_token", "expires_in", "refresh_expires_in", "scope", "privacy_level_options", "comment_disabled",
    "max_video_post_duration_sec", "creator_nickname", "status", "fail_reason", "publicaly_available_post_id",
    "uploaded_bytes", "publish_id", "upload_url", "error_description",
)  # fmt: skip
VALUES = (
    "ok",
    "",
    "invalid_params",
    "access_token_invalid",
    "invalid_grant",
    "PUBLISH_COMPLETE",
    "FAILED",
    "act.x",
    "\ud800",
    "\0",
    "0",
    "-1",
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(VALUES),
    st.text(max_size=20),
)
nonsense = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=25,
)
envelopes = st.fixed_dictionaries(
    {
        "data": nonsense,
        "error": st.fixed_dictionaries({"code": st.sampled_from(("ok", "ok", "odd")), "message": scalars}),
    }
)
grants = st.fixed_dictionaries(
    {"access_token": scalars, "expires_in": scalars, "refresh_token": scalars, "open_id": scalars, "scope": scalars}
)
bodies = st.one_of(
    st.builds(json.dumps, envelopes),
    st.builds(json.dumps, grants),
    st.builds(json.dumps, nonsense),
    st.text(max_size=200),
    st.sampled_from(["", "null", "[" * 50_000, '{"data": 1e999999, "error": {"code": "ok"}}', "<html>wait</html>"]),
)
faults = st.one_of(
    st.builds(lambda body: {"kind": "body", "body": body}, bodies),
    st.builds(lambda body, status: {"kind": "status", "body": body, "status": status}, bodies, st.integers(200, 599)),
    st.builds(lambda body: {"kind": "html", "body": body}, bodies),
    st.builds(
        lambda code, said: {"kind": "error", "code": code, "message": said},
        st.text(max_size=300),
        st.text(max_size=900),
    ),
    st.sampled_from([{"kind": "corrupt_json"}, {"kind": "drop_before"}, {"kind": "drop_after"}]),
)


@dataclass
class Stricken:
    """A connected account whose vendor goes mad at times; `posts` are those that the vendor is working on."""

    recorded: RecordedGateway
    journey: Journey
    upload: str = ""
    posts: list[str] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)

    async def try_one(self, call: str, operation: str, fault: dict[str, Any]) -> None:
        """Make one call while the vendor answers so; keep what is wrong with what came of it."""
        await self.recover()
        ready = await CALLS[call][1](self)
        self.recorded.vendor.faults.add(Fault(match=operation, times=None, **fault))
        try:
            await ready()
        except grpc.aio.AioRpcError as error:
            if trouble := complaint(error):
                self.wrong[f"{call} when {operation} gives {fault}"] = trouble
        finally:
            if any(self.recorded.vendor.faults.hits.values()):
                self.met.add(f"{call}: {operation}")
            self.recorded.vendor.faults.clear()

    async def recover(self) -> None:
        """Consent again, and step the posts whose publish the nonsense had ended or delayed."""
        self.recorded.clock.advance(HOUR)
        status = (await self.journey.call("ConnectionService/GetConnection", name=self.journey.connection)).status
        if status != connection_pb2.Connection.DISCONNECTED:
            status = (
                await self.journey.call("ConnectionService/VerifyConnection", name=self.journey.connection)
            ).status
        if status != connection_pb2.Connection.VALID:
            await self.journey.complete(
                await self.journey.consent((await self.journey.reauthorize()).authorization.uri)
            )
        for name in self.posts:
            for _ in range(10):
                if await self.state(name) not in UNDER_WAY:
                    break
                self.recorded.clock.advance(HOUR / 12)
                await self.step(name)
        # One that the vendor is working on is enough to ask about.
        self.posts = [name for name in self.posts if await self.state(name) in HELD][-1:]

    async def state(self, post: str) -> int:
        """Return the state of a post."""
        return int((await self.journey.call("PostService/GetPost", name=post)).state)

    async def step(self, post: str) -> None:
        """Carry a post on, as a worker does: nobody hears its exceptions, so it must raise none."""
        _, location, _, id = post.split("/")
        await step.step(self.recorded.gateway.domain, location, id)

    async def new_post(self) -> str:
        """Return a post that was not submitted yet."""
        self.posts.append((await self.journey.post(self.upload)).name)
        return self.posts[-1]

    async def new_pull(self) -> str:
        """Return a post whose video the vendor fetches itself, and that was not submitted yet."""
        post = post_pb2.Post(account=self.journey.account, mode=post_pb2.POST_MODE_DIRECT, caption="pulled")
        post.video.source.uri, post.video.source.vendor_pull = "https://media.example/v.mp4", True
        post.options.privacy_level = account_pb2.PRIVACY_LEVEL_PUBLIC
        made = await self.journey.call("PostService/CreatePost", parent=PARENT, post=post)
        return str(made.name)

    async def processing(self) -> str:
        """Return a post that the vendor is working on."""
        for name in self.posts:
            if await self.state(name) == post_pb2.Post.PROCESSING:
                return name
        name = await self.new_post()
        await self.step(name)
        return name


HOUR = timedelta(hours=1)
UNDER_WAY = (post_pb2.Post.QUEUED, post_pb2.Post.TRANSFERRING)
HELD = (*UNDER_WAY, post_pb2.Post.PROCESSING)
Ready = Callable[[], Awaitable[Any]]


async def _verify(stricken: Stricken) -> Ready:
    return lambda: stricken.journey.call("ConnectionService/VerifyConnection", name=stricken.journey.connection)


async def _renew(stricken: Stricken) -> Ready:
    stricken.recorded.clock.advance(DAY)
    return await _verify(stricken)


async def _account(stricken: Stricken) -> Ready:
    return lambda: stricken.journey.call(
        "AccountService/GetAccount", name=stricken.journey.account, max_staleness=FRESH
    )


async def _creator(stricken: Stricken) -> Ready:
    name = f"{stricken.journey.account}/creatorInfo"
    return lambda: stricken.journey.call("AccountService/GetCreatorInfo", name=name, max_staleness=FRESH)


async def _complete(stricken: Stricken) -> Ready:
    address = await stricken.journey.consent((await stricken.journey.reauthorize()).authorization.uri)
    return lambda: stricken.journey.complete(address)


async def _create(stricken: Stricken) -> Ready:
    return stricken.new_post


async def _refresh(stricken: Stricken) -> Ready:
    name = await stricken.processing()
    return lambda: stricken.journey.call("PostService/RefreshPost", name=name)


async def _submit(stricken: Stricken) -> Ready:
    name = await stricken.new_post()
    # What the creator may do was asked when the post was made: it is asked again when that is old.
    stricken.recorded.clock.advance(HOUR)
    return lambda: stricken.step(name)


async def _poll(stricken: Stricken) -> Ready:
    name = await stricken.processing()
    stricken.recorded.clock.advance(HOUR)
    return lambda: stricken.step(name)


async def _videos(stricken: Stricken) -> Ready:
    parent = stricken.journey.account
    return lambda: stricken.journey.call("VideoService/ListVideos", parent=parent, max_staleness=FRESH)


async def _video(stricken: Stricken) -> Ready:
    name = f"{stricken.journey.account}/videos/7602997517160123666"
    return lambda: stricken.journey.call("VideoService/GetVideo", name=name, max_staleness=FRESH)


async def _query(stricken: Stricken) -> Ready:
    parent = stricken.journey.account
    names = [f"{parent}/videos/{number}" for number in (1, 2)]
    return lambda: stricken.journey.call("VideoService/QueryVideos", parent=parent, names=names)


async def _pull(stricken: Stricken) -> Ready:
    name = await stricken.new_pull()
    return lambda: stricken.step(name)


async def _draft(stricken: Stricken) -> Ready:
    # Few drafts may wait for their creator: those of before are a day old by now.
    stricken.recorded.clock.advance(DAY)
    post = post_pb2.Post(account=stricken.journey.account, mode=post_pb2.POST_MODE_CREATOR_INBOX)
    post.video.source.upload = stricken.upload
    name = (await stricken.journey.call("PostService/CreatePost", parent=PARENT, post=post)).name
    return lambda: stricken.step(name)


async def _photos(stricken: Stricken) -> Ready:
    post = post_pb2.Post(account=stricken.journey.account, mode=post_pb2.POST_MODE_DIRECT, caption="photos")
    for number in range(2):
        post.photos.sources.add(uri=f"https://media.example/{number}.jpg", vendor_pull=True)
    post.options.privacy_level = account_pb2.PRIVACY_LEVEL_PUBLIC
    name = (await stricken.journey.call("PostService/CreatePost", parent=PARENT, post=post)).name
    return lambda: stricken.step(name)


async def _disconnect(stricken: Stricken) -> Ready:
    return lambda: stricken.journey.call("ConnectionService/DisconnectConnection", name=stricken.journey.connection)


async def _look_for_proof(stricken: Stricken) -> Ready:
    name = await stricken.new_pull()
    stricken.recorded.vendor.faults.add(Fault(match="video.init", kind="drop_after"))
    await stricken.step(name)
    stricken.recorded.vendor.faults.clear()
    stricken.recorded.clock.advance(HOUR)
    return lambda: stricken.step(name)


async def _cancel(stricken: Stricken) -> Ready:
    name = await stricken.new_pull()
    await stricken.step(name)
    return lambda: stricken.journey.call("PostService/CancelPost", name=name)


CALLS: dict[str, tuple[tuple[str, ...], Callable[[Stricken], Awaitable[Ready]]]] = {
    "VerifyConnection": (("user.info", "video.list"), _verify),
    "VerifyConnection after expiry": (("oauth.token",), _renew),
    "GetAccount": (("user.info",), _account),
    "GetCreatorInfo": (("creator_info",), _creator),
    "CompleteConnection": (("oauth.token", "user.info", "video.list"), _complete),
    "CreatePost": (("creator_info",), _create),
    "RefreshPost": (("status",), _refresh),
    "a worker's submit": (("creator_info", "video.init", "upload"), _submit),
    "a worker's poll": (("status",), _poll),
    "ListVideos": (("video.list",), _videos),
    "GetVideo": (("video.query",), _video),
    "QueryVideos": (("video.query",), _query),
    "a worker's submit of a pull": (("video.init",), _pull),
    "a worker's submit of a draft": (("inbox.init",), _draft),
    "a worker's submit of photos": (("content.init",), _photos),
    "a worker's search for proof": (("video.list",), _look_for_proof),
    "DisconnectConnection": (("oauth.revoke",), _disconnect),
    "CancelPost": (("cancel",), _cancel),
}
PLACES = [(call, operation) for call, (operations, _) in CALLS.items() for operation in operations]


@pytest.fixture
async def stricken(database_url: str, tmp_path: Path) -> AsyncIterator[Stricken]:
    """Yield a connected account with an upload; the vendor never ends working on a post."""
    config = replace(CONFIG, processing_seconds=10**9)
    async with opened(database_url, tmp_path, config=config) as recorded:
        journey = Journey(recorded, KEY)
        await journey.connect()
        yield Stricken(recorded, journey, await journey.upload())


@hypothesis_settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.sampled_from(PLACES), fault=faults)
async def test_no_nonsense_of_a_vendor_is_a_fault_of_ours(
    stricken: Stricken, place: tuple[str, str], fault: dict[str, Any]
) -> None:
    """Made-up JSON, HTML, texts, statuses and broken connections, at every call of a vendor: never INTERNAL."""
    await stricken.try_one(*place, fault)

    assert {} == stricken.wrong


@pytest.mark.parametrize(
    "fault", [{"kind": "html"}, {"kind": "body", "body": "[]"}, {"kind": "error", "code": "odd"}], ids=str
)
async def test_every_call_of_a_vendor_meets_its_fault(stricken: Stricken, fault: dict[str, Any]) -> None:
    """Each operation is reached by the calls above: every one was answered with nonsense, and nothing failed."""
    for place in PLACES:
        await stricken.try_one(*place, fault)

    assert {} == stricken.wrong
    assert {f"{call}: {operation}" for call, operation in PLACES} == stricken.met

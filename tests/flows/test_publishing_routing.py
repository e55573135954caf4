"""Two accounts of one TikTok user: which of them publishes a post, why, and until when that may change."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import DomainError, OptionUnsupported, ReauthorizationRequired
from gateway.rpc.post_to_proto import to_proto
from storage.posts import PostRow
from tests.fixtures.domain import LOCATION, Stage
from tests.fixtures.planner import PUBLIC, PlannerStage, planning
from tests.flows.faults import lose

VIDEO = b"v" * 5000


async def both(stage: PlannerStage, username: str = "Creator") -> tuple[str, str]:
    """Connect one user of TikTok by both providers, and return the direct account and the planner's."""
    direct, planned = await Stage.connect(stage, "direct", "direct"), await stage.connect()
    await stage.name(planned, username)
    return direct, planned


async def anyway(stage: PlannerStage, account: str, **changes: Any) -> PostRow:
    """Create a post that any account of the user may publish."""
    values = {"options": PUBLIC, "route_policy": "ANY", **changes}
    return await stage.post(account, await stage.upload(VIDEO), "Anyway", **values)


def out(stage: PlannerStage) -> tuple[int, int]:
    """Count the posts published directly, and through the planner."""
    return len(stage.vendor.posts), len(stage.published)


async def test_the_named_account_publishes_what_it_can(database_url: str, tmp_path: Path) -> None:
    """Another account is chosen only if the named one cannot publish the post."""
    async with planning(database_url, tmp_path) as stage:
        direct, _ = await both(stage)
        post = await stage.finish(await anyway(stage, direct))

    assert ("PUBLISHED", (1, 0), "") == (post.state, out(stage), post.named_account)


async def test_another_account_of_the_user_publishes_what_the_named_one_cannot(
    database_url: str, tmp_path: Path
) -> None:
    """The post has the chosen account and the reason, and still names the account that the caller named."""
    async with planning(database_url, tmp_path) as stage:
        direct, planned = await both(stage)
        await lose(stage, "direct")
        post = await stage.finish(await anyway(stage, direct))
        shown = to_proto(post, {"tiktok"})

    assert ("PUBLISHED", (0, 1)) == (post.state, out(stage))
    assert (f"locations/{LOCATION}/accounts/{direct}", f"locations/{LOCATION}/accounts/{planned}") == (
        shown.account,
        shown.route.account,
    )
    assert ("providers/highlevel", True) == (shown.route.provider, "REAUTHORIZATION_REQUIRED" in shown.route.reason)
    assert "" == shown.published_video


async def test_account_only_posts_are_not_rerouted(database_url: str, tmp_path: Path) -> None:
    """ACCOUNT_ONLY is the default: no other account publishes the post."""
    async with planning(database_url, tmp_path) as stage:
        direct, _ = await both(stage)
        await lose(stage, "direct")
        with pytest.raises(ReauthorizationRequired):
            await anyway(stage, direct, route_policy="")


@pytest.mark.parametrize("username", ["", "somebody_else"])
async def test_another_user_never_publishes_it(username: str, database_url: str, tmp_path: Path) -> None:
    """An account with another handle, or an unknown one, is not the same user."""
    async with planning(database_url, tmp_path) as stage:
        direct, _ = await both(stage, username)
        await lose(stage, "direct")
        with pytest.raises(ReauthorizationRequired):
            await anyway(stage, direct)


async def test_what_no_account_can_publish_is_refused_for_the_named_one(database_url: str, tmp_path: Path) -> None:
    """When no account can publish the post, the error is about the account that the caller named."""
    async with planning(database_url, tmp_path) as stage:
        direct, _ = await both(stage)
        with pytest.raises(DomainError) as caught:
            await anyway(stage, direct, provider_extra={"nothing": 1})

    assert isinstance(caught.value, OptionUnsupported)


async def test_a_waiting_post_is_rerouted(database_url: str, tmp_path: Path) -> None:
    """Its grant expired before the submit: nothing was sent, so the other account publishes it, once."""
    async with planning(database_url, tmp_path) as stage:
        direct, _ = await both(stage)
        post = await anyway(stage, direct)
        await lose(stage, "direct")
        post = await stage.finish(post)

    assert ("PUBLISHED", (0, 1), direct) == (post.state, out(stage), post.named_account)


async def test_a_post_that_may_be_published_is_not_rerouted(database_url: str, tmp_path: Path) -> None:
    """The planner's response is lost and the grant expires: the post is searched for there, and not submitted
    elsewhere.
    """
    async with planning(database_url, tmp_path) as stage:
        _, planned = await both(stage)
        stage.fail("posts.create", "drop_after")
        post = await anyway(stage, planned)
        await stage.step(post)
        await lose(stage, "c1")
        post = await stage.finish(post, within=timedelta(hours=1))

    assert ("PROCESSING", (0, 1), "") == (post.state, out(stage), post.named_account)

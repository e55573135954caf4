"""Polling many posts of a planner with one call: the posts whose poll was asked for are among them."""

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.publishing import batch_status
from tests.fixtures.domain import LOCATION, take_due
from tests.fixtures.planner import planning

VIDEO = b"v" * 5000


@pytest.mark.parametrize("seconds", [10, 600])
async def test_a_poll_finds_the_posts_that_it_was_asked_for(seconds: float, database_url: str, tmp_path: Path) -> None:
    """However long the leases are with which a worker takes what is due, also if the clock of the replica that polls is
    behind.
    """
    async with planning(database_url, tmp_path, worker_stale_seconds=seconds) as stage:
        post = await stage.planned(await stage.connect(), await stage.upload(VIDEO), "Once")
        post = await stage.step(post)
        stage.clock.advance(60)
        await take_due(stage.domain)
        stage.clock.advance(timedelta(seconds=-5))
        await batch_status.poll(stage.domain, LOCATION, "c1")
        post = await stage.read(post)

    assert ("PUBLISHED", 1) == (post.state, len(stage.published))

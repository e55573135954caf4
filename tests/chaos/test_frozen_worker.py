"""A gateway frozen in the middle of a publish while another takes its work over, and then woken.

Owns the proof that what is fenced is the journal, not the queue: the sleeper can neither submit nor post again.
"""

import asyncio
from pathlib import Path

import psutil
import pytest

from providers.simulators.serving import serve
from providers.simulators.tiktok import create_app
from socialgateway.v1 import post_pb2
from tests.chaos import processes
from tests.chaos.test_kill_publish import SIZE, vendor_config
from tests.fixtures.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


async def until_frozen(gateway: processes.Gateway, seconds: float = 20) -> None:
    """Wait until the process is stopped at its failpoint."""
    assert gateway.process is not None
    process = psutil.Process(gateway.process.pid)
    await until(lambda: process.status() == psutil.STATUS_STOPPED, seconds)


@pytest.mark.parametrize(
    "place",
    ["publish.after-commit.INIT_SENT", "publish.after-commit.FINAL_SENT", "publish.after-call.final-chunk"],
)
async def test_a_woken_worker_cannot_post_a_second_time(place: str, database_url: str, tmp_path: Path) -> None:
    """The post is finished by the one that took over, once; the woken one goes on living and posts nothing."""
    app = create_app(vendor_config())
    (tmp_path / "other").mkdir()
    async with serve(app) as vendor_url:
        sleeper = processes.Gateway(database_url, vendor_url, tmp_path)
        other = processes.Gateway(
            database_url,
            vendor_url,
            tmp_path / "other",
            settings={"GATEWAY_BLOB_URL": (tmp_path / "blobs").as_uri()},
        )
        async with processes.running(sleeper):
            account = await processes.connect(sleeper)
            upload = await processes.upload(sleeper, processes.pattern(SIZE))
        async with processes.running(sleeper, failpoint=f"{place}=stop"):
            name = await processes.create_post(sleeper, processes.new_post(account, upload, place, "frozen"))
            await until_frozen(sleeper)
            async with processes.running(other):
                post = await processes.until_final(other, name, 60)
                sleeper.wake()
                await asyncio.sleep(2)
                after = await processes.until_final(sleeper, name, 20)

    assert post_pb2.Post.PUBLISHED == post.state, post.error
    assert post_pb2.Post.PUBLISHED == after.state
    assert [place] == [made.title for made in app.state.vendor.posts]

"""A gateway that is gone, and another one on its backup: no post is lost, and none is published twice.

Owns the proof of "Back up and restore" in docs/operations.md, whose commands it runs.
"""

import asyncio
import os
import re
import sysconfig
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from gateway.clock import now
from providers.simulators.serving import serve
from providers.simulators.tiktok import Vendor, create_app
from socialgateway.v1 import post_pb2
from storage import embedded_binaries
from tests.api.contract import ROOT
from tests.chaos import processes
from tests.chaos.test_kill_publish import KILLED, vendor_config
from tests.fixtures import media

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

SECTION = (ROOT / "docs" / "operations.md").read_text().partition("## Back up and restore")[2].partition("\n## ")[0]
BACK_UP, RESTORE = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)
HOLD = "social-gateway restored"


@dataclass
class Site:
    """Two gateways before one vendor: the one that is lost, and the one on its backup, which is not started yet."""

    vendor: Vendor
    lost: processes.Gateway
    restored: processes.Gateway
    backup: Path

    async def run(self, gateway: processes.Gateway, commands: str, **variables: str) -> str:
        """Run commands of the page as an operator of this gateway would; return what they print."""
        tools = [sysconfig.get_path("scripts"), *map(str, embedded_binaries.candidates()), os.environ["PATH"]]
        named = {
            "BACKUP": self.backup,
            "UPLOADS": gateway.folder / "blobs",
            "PATH": os.pathsep.join(tools),
            **variables,
        }
        environment = {**gateway.environment(), **{name: str(value) for name, value in named.items()}}
        running = await asyncio.create_subprocess_exec(
            "bash", "-euo", "pipefail", "-c", commands, env=environment, stdout=-1, stderr=-1
        )
        out, err = await running.communicate()
        assert 0 == running.returncode, err.decode()
        return out.decode()


@asynccontextmanager
async def sites(database_url: str, folder: Path) -> AsyncIterator[Site]:
    """Yield a site whose second database is empty, until the block ends."""
    app, name = create_app(vendor_config()), f"{database_url.rpartition('/')[2]}_restored"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            for each in ("lost", "restored", "backup", "restored/blobs"):
                (folder / each).mkdir()
            async with serve(app) as url:
                other = f"{database_url}_restored"
                lost = processes.Gateway(database_url, url, folder / "lost")
                restored = processes.Gateway(other, url, folder / "restored")
                yield Site(app.state.vendor, lost, restored, folder / "backup")
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


async def published_and_begun(site: Site) -> dict[str, str]:
    """Publish a post, schedule another, and die over a third before the vendor has heard of it; return their names."""
    async with processes.running(site.lost):
        account = await processes.connect(site.lost)
        upload = await processes.upload(site.lost, media.clip())
        done = processes.new_post(account, upload, "done", "done")
        later = processes.new_post(account, upload, "later", "later")
        later.post.schedule_time.FromDatetime(now() + timedelta(days=1))
        names = {request.post_id: await processes.create_post(site.lost, request) for request in (done, later)}
        assert post_pb2.Post.PUBLISHED == (await processes.until_final(site.lost, names["done"], 60)).state
    async with processes.running(site.lost, failpoint="publish.after-commit.INTENT=kill"):
        names["begun"] = await processes.create_post(site.lost, processes.new_post(account, upload, "begun", "begun"))
        assert KILLED == await site.lost.died(60)
    return names


def states(posts: dict[str, post_pb2.Post]) -> dict[str, str]:
    """Return the states of posts by name."""
    return {id: post_pb2.Post.State.Name(post.state) for id, post in posts.items()}


async def read(gateway: processes.Gateway, names: dict[str, str], seconds: float) -> dict[str, post_pb2.Post]:
    """Return the posts, each once it is final or the time is over."""
    reading = (processes.until_final(gateway, name, 0 if id == "later" else seconds) for id, name in names.items())
    return dict(zip(names, await asyncio.gather(*reading), strict=True))


async def test_a_gateway_that_moves(database_url: str, tmp_path: Path) -> None:
    """Stopped before the backup, it goes on elsewhere where it was: every post once."""
    async with sites(database_url, tmp_path) as site:
        names = await published_and_begun(site)
        await site.run(site.lost, BACK_UP)
        await site.run(site.restored, "\n".join(line for line in RESTORE.splitlines() if not line.startswith(HOLD)))
        async with processes.running(site.restored):
            found = states(await read(site.restored, names, 60))

    assert {"done": "PUBLISHED", "later": "SCHEDULED", "begun": "PUBLISHED"} == found
    assert {"done": 1, "begun": 1} == Counter(post.title for post in site.vendor.posts)


async def test_a_gateway_that_is_lost(database_url: str, tmp_path: Path) -> None:
    """What went out after the backup is held on it, shown to a person, and not published again; the rest goes on."""
    async with sites(database_url, tmp_path) as site:
        names = await published_and_begun(site)
        await site.run(site.lost, BACK_UP)
        async with processes.running(site.lost):
            assert post_pb2.Post.PUBLISHED == (await processes.until_final(site.lost, names["begun"], 60)).state
        ran_until = f"{now():%Y-%m-%dT%H:%M:%SZ}"
        counted = RESTORE.replace(" --hold", "")
        assert "1 post (1 QUEUED) would be held" in await site.run(site.restored, counted, RAN_UNTIL=ran_until)
        held = f'{HOLD} --ran-until "$RAN_UNTIL" --hold'
        assert held in RESTORE
        assert "1 post (1 QUEUED) was held" in await site.run(site.restored, held, RAN_UNTIL=ran_until)
        assert "No post was held" in await site.run(site.restored, held, RAN_UNTIL=ran_until)
        async with processes.running(site.restored):
            posts = await read(site.restored, names, 5)
            async with site.restored.client() as client:
                await client.call("PostService/RefreshPost", name=names["begun"])
            posts = await read(site.restored, names, 5)

    assert {"done": "PUBLISHED", "later": "SCHEDULED", "begun": "INDETERMINATE"} == states(posts)
    assert "restored from a backup" in posts["begun"].error.message
    assert {"done": 1, "begun": 1} == Counter(post.title for post in site.vendor.posts)

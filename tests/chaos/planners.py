"""A planner behind gateway processes: its simulator on a socket, and a location that is connected to it.

Owns the settings for it and the posts that are sent to it. Knows the gateway as `processes` does, except for the rows
of the connection, which it inserts.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway import clock
from gateway.domain.api_keys import DEFAULT_AGENCY
from providers.simulators.highlevel import SimulatorConfig, Vendor, create_app
from providers.simulators.serving import serve
from socialgateway.v1 import account_pb2, post_pb2, post_service_pb2
from tests.chaos import processes
from tests.fixtures.domain import built
from tests.fixtures.rows import connect_bakery
from tests.fixtures.settings import for_highlevel, make_settings

LOCATION = processes.LOCATION.partition("/")[2]


def vendor_config() -> SimulatorConfig:
    """Return the settings of a planner that is quick, has no caps, and does not return the id of what it publishes."""
    return SimulatorConfig(processing_seconds=0.2, rate_limits=False, posts_per_day=None, publish_now_results=False)


@dataclass
class Planner:
    """The vendor, where it is, and the accounts of the connected location."""

    vendor: Vendor
    url: str
    accounts: list[str]

    @property
    def settings(self) -> dict[str, str]:
        """Return the environment that points a gateway at it."""
        values = for_highlevel(self.vendor.config, self.url)
        return {f"GATEWAY_{name.upper()}": str(value) for name, value in values.items()}

    def gateway(self, database_url: str, folder: Path, blobs: Path | None = None) -> processes.Gateway:
        """Return a gateway that is not started yet; `blobs` is the folder of one whose uploads it shares."""
        folder.mkdir(exist_ok=True)
        shared = {"GATEWAY_BLOB_URL": (blobs / "blobs").as_uri()} if blobs else {}
        return processes.Gateway(database_url, self.url, folder, settings={**self.settings, **shared})

    def made(self, caption: str) -> int:
        """Count the planner's records of a post, whether published or not."""
        return sum(each.summary == caption for each in self.vendor.created)


@asynccontextmanager
async def planning(database_url: str, folder: Path, config: SimulatorConfig | None = None) -> AsyncIterator[Planner]:
    """Serve a planner to which a location is connected, until the block ends."""
    simulator = create_app(config or vendor_config(), clock=clock.now)
    vendor = simulator.state.vendor
    settings = make_settings(database_url, folder, **for_highlevel(vendor.config))
    async with serve(simulator) as url:
        async with built(settings) as (_, domain):
            accounts = await connect_bakery(
                domain, vendor, location=LOCATION, connection="planner", prefix="a-", agency=DEFAULT_AGENCY
            )
        yield Planner(vendor, url, accounts)


def new_post(account: str, upload: str, caption: str, id: str) -> post_service_pb2.CreatePostRequest:
    """Return the request for an immediate post, public where the network has privacy levels, with a given id."""
    post = post_pb2.Post(account=f"{processes.LOCATION}/accounts/{account}", mode=post_pb2.POST_MODE_DIRECT)
    post.caption = caption
    post.video.source.upload = upload
    if "tiktok" in account:
        post.options.privacy_level = account_pb2.PRIVACY_LEVEL_PUBLIC
    return post_service_pb2.CreatePostRequest(parent=processes.LOCATION, post=post, post_id=id)

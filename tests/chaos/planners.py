"""A planner behind gateway processes: its simulator on a socket, and a location of ours that is connected to it.

Owns what a gateway must be told about it, and the post that is asked of it. Knows the gateway as `processes` does, but
for the connection, whose rows it writes.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from gateway import app, clock, ids
from gateway.bootstrap import Resources, read_ring
from gateway.domain.api_keys import DEFAULT_AGENCY
from providers.simulators.highlevel import SimulatorConfig, Vendor, create_app
from providers.simulators.serving import serve
from socialgateway.v1 import account_pb2, post_pb2, post_service_pb2
from storage.database import Database
from tests.chaos import processes
from tests.flows.planner import connected
from tests.flows.stage import make_settings

LOCATION = processes.LOCATION.partition("/")[2]


def vendor_config() -> SimulatorConfig:
    """Return a planner that is quick and sets no caps, and does not say the id of what it publishes at once."""
    return SimulatorConfig(processing_seconds=0.2, rate_limits=False, posts_per_day=None, publish_now_results=False)


@dataclass
class Planner:
    """The vendor, where it is, and the accounts of the connected location."""

    vendor: Vendor
    url: str
    accounts: list[str]

    @property
    def settings(self) -> dict[str, str]:
        """Return what a gateway must be told about it."""
        return {
            "GATEWAY_HIGHLEVEL_CLIENT_ID": self.vendor.config.client_id,
            "GATEWAY_HIGHLEVEL_CLIENT_SECRET": self.vendor.config.client_secret,
            "GATEWAY_HIGHLEVEL_API_URL": self.url,
            "GATEWAY_HIGHLEVEL_AUTHORIZE_URL": f"{self.url}/v2/oauth/chooselocation",
        }

    def gateway(self, database_url: str, folder: Path, blobs: Path | None = None) -> processes.Gateway:
        """Return a gateway that is not started yet; `blobs` is the folder of one whose uploads it shares."""
        folder.mkdir(exist_ok=True)
        shared = {"GATEWAY_BLOB_URL": (blobs / "blobs").as_uri()} if blobs else {}
        return processes.Gateway(database_url, self.url, folder, settings={**self.settings, **shared})

    def made(self, caption: str) -> int:
        """Count the planner's records of a post, published or not."""
        return sum(each.summary == caption for each in self.vendor.created)


@asynccontextmanager
async def planning(database_url: str, folder: Path, config: SimulatorConfig | None = None) -> AsyncIterator[Planner]:
    """Serve a planner for the length of a block, with a location of ours connected to it."""
    simulator = create_app(config or vendor_config(), clock=clock.now)
    vendor = simulator.state.vendor
    async with serve(simulator) as url:
        planner = Planner(vendor, url, [])
        async with AsyncExitStack() as stack:
            settings = make_settings(database_url, folder).model_copy(
                update={
                    "highlevel_client_id": vendor.config.client_id,
                    "highlevel_client_secret": SecretStr(vendor.config.client_secret),
                }
            )
            db = await Database.connect(database_url)
            stack.push_async_callback(db.close)
            resources = Resources(settings, db, read_ring(settings), None)
            domain = await app.build_domain(
                stack, resources, clock=clock.now, new_id=ids.new_id, overrides={}, public_url="http://127.0.0.1"
            )
            planner.accounts = await connected(domain, vendor, LOCATION, DEFAULT_AGENCY, "planner", "a")
        yield planner


def new_post(account: str, upload: str, caption: str, id: str) -> post_service_pb2.CreatePostRequest:
    """Return the request for a post at once, public where the network has levels, under an id of the caller's."""
    post = post_pb2.Post(account=f"{processes.LOCATION}/accounts/{account}", mode=post_pb2.POST_MODE_DIRECT)
    post.caption = caption
    post.video.source.upload = upload
    if "tiktok" in account:
        post.options.privacy_level = account_pb2.PRIVACY_LEVEL_PUBLIC
    return post_service_pb2.CreatePostRequest(parent=processes.LOCATION, post=post, post_id=id)

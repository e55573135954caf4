"""The harness of the contract tests for HighLevel: the provider over the simulator.

Owns the mapping from the steps of a provider to the simulator's operations.
"""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from providers.highlevel.capabilities import table_of
from providers.highlevel.config import V2, V3, read
from providers.interface import Access
from providers.models.engagement import AccountRef
from providers.models.grants import Grant
from providers.models.publishing import Content, Photos, PostMode, PostOptions, PublishRequest, VideoFile, VideoLink
from providers.models.secret import Secret
from providers.simulators.highlevel.tenants import BAKERY, GARAGE, OWNER
from tests.providers.conformance.harness import ONLY_ME, PHOTO_URIS, VIDEO_URI, Harness, Power, Setup
from tests.providers.faking import Renewing
from tests.providers.highlevel.sandbox import REDIRECT, Sandbox, in_process
from tests.providers.simulators.highlevel.test_csv_imports import BAD, GOOD, HEADERS

POST = {"_id": "65f0c0de0000000000000001", "status": "strange_new_state"}


class Simulated(Harness):
    """The harness over the simulator, limited to what the provider supports.

    Its `narrow` grants all scopes: HighLevel's page does not let the user deselect any. A location has only a name,
    whatever is granted.
    """

    sandbox: Sandbox
    redirect_uri = REDIRECT
    agency_places = (BAKERY, GARAGE)
    """The places that the grant of `agency` covers."""
    unknown_place = "LocationOfNobody0001"
    unknown_publish = "65f0c0de0000000000009999"
    place: ClassVar = {"location_id": BAKERY}
    """The settings of a connection with a static token."""
    operations: ClassVar = {
        "profile": "locations.search",
        "refresh": "oauth.token",
        "linked": "accounts.list",
        "attach": "connect.attach",
        "detach": "accounts.delete",
        "begin_video": "posts.create",
        "begin_pull": "posts.create",
        "begin_photos": "posts.create",
        "chunk": "medias.upload",
        "status": "posts.get",
        "edit": "posts.update",
        "figures": "statistics",
        "comment": "comments.create",
        "tags": "tags.list",
        "sheet": "csv.upload",
        "finalize": "csv.finalize",
    }
    refusals: ClassVar = {
        "rate": {"kind": "error", "message": "Too Many Requests", "status": 429},
        "unknown": {"kind": "error", "message": "Something new", "status": 400},
    }
    strange: ClassVar = {
        "status": {"kind": "body", "body": json.dumps({"success": True, "statusCode": 200, "results": {"post": POST}})},
    }

    async def agency(self) -> Renewing:
        """Connect the agency with both of its locations."""
        return await self.sandbox.connect(*self.agency_places, agency=True)

    async def consent(self, access: Renewing, platform: str) -> str:
        """Complete a network's consent page, and return the id in its signal."""
        return await self.sandbox.consent(access, platform)

    async def static(self) -> Grant:
        """Create a Private Integration Token of the bakery's location, and return its grant."""
        token = Secret(self.sandbox.vendor.private_token(BAKERY))
        authorization = self.provider.authorization
        return await authorization.static(token, settings=self.place, scopes=authorization.scopes)

    # Posts

    def video_request(self) -> PublishRequest:
        """Return a private video for TikTok, as a file."""
        return self._request(VideoFile(300_000, "video/mp4"))

    def pull_request(self) -> PublishRequest:
        """Return a private video for TikTok, as a URL."""
        return self._request(VideoLink(VIDEO_URI, "video/mp4"))

    def photo_request(self) -> PublishRequest:
        """Return two photos for Facebook: HighLevel accepts no photos for TikTok."""
        return self._request(Photos(PHOTO_URIS, ("image/jpeg",) * 2), platform="facebook", options=PostOptions())

    def text_request(self) -> PublishRequest:
        """Return a text post for Facebook."""
        return self._request(None, platform="facebook", options=PostOptions())

    def planner_request(self, kind: str) -> PublishRequest:
        """Return a planner's `draft`, or a post in `review`: for tomorrow, and waiting for its approver."""
        if kind == "draft":
            return replace(self.pull_request(), mode=PostMode.PLANNER_DRAFT)
        return replace(self.scheduled_request(), mode=PostMode.PLANNER_REVIEW, extra={"approver": OWNER})

    def scheduled_request(self) -> PublishRequest:
        """Return a video for tomorrow."""
        return replace(self.pull_request(), schedule_time=self.now + timedelta(days=1))

    def _request(self, content: Content, *, platform: str = "tiktok", options: PostOptions = ONLY_ME) -> PublishRequest:
        account, caption = self.sandbox.account(platform).id, "canary words"
        return PublishRequest(PostMode.DIRECT, content, caption, options, account=account, platform=platform)

    def around(self) -> tuple[datetime, datetime]:
        """Return two times between which all posts are made or scheduled: yesterday and the day after tomorrow."""
        return self.now - timedelta(days=1), self.now + timedelta(days=2)

    async def stoppable(self, access: Access) -> str:
        """Schedule a post for tomorrow, and return its publish id."""
        return (await self.provider.publishing.begin(access, self.scheduled_request())).publish_id

    async def unstoppable(self, access: Access) -> str:
        """Publish a post, and return its id from the list."""
        request = self.pull_request()
        await self.provider.publishing.begin(access, request)
        since, until = self.around()
        [found] = await self.provider.publishing.find(access, request.account, since=since, until=until)
        return found.publish_id

    # Engagement and the planner

    def measured(self) -> AccountRef:
        """Return the bakery's Facebook page: TikTok profiles have no figures."""
        return self.sandbox.account("facebook")

    def commented(self) -> AccountRef:
        """Return the bakery's TikTok profile."""
        return self.sandbox.account()

    def post_to_comment(self) -> str:
        """Add a post of the planner, and return its id."""
        return self.sandbox.posted()

    def add_comments(self, post: str, count: int) -> list[str]:
        """Add comments below a post, and return their ids."""
        made = [
            self.sandbox.vendor.add_comment(location_id=BAKERY, platform="tiktok", parent_id=post) for _ in range(count)
        ]
        return [each.id for each in made if each is not None]

    def label_names(self, kind: str) -> list[str]:
        """Return the names of the simulator's categories or tags."""
        vendor = self.sandbox.vendor
        rows, name = {"categories": (vendor.categories, "name"), "tags": (vendor.tags, "tag")}[kind]
        return [str(row[name]) for row in rows]

    def sheet(self) -> bytes:
        """Return a CSV file with a valid row and one whose time is in the past."""
        return f"{HEADERS}\n{GOOD}\n{BAD}\n".encode()

    def planned(self) -> int:
        """Return the number of posts that were created."""
        return len(self.sandbox.vendor.created)

    def wait(self) -> None:
        """Let the simulator check an uploaded file."""
        self.sandbox.vendor.advance_clock(1)

    # Webhooks

    def delivery(
        self,
        *,
        age: timedelta = timedelta(0),
        secret: str = "",
        body: bytes | None = None,
        application: str = "",
        event: str = "UNINSTALL",
        unsigned: bool = False,
    ) -> tuple[dict[str, str], bytes]:
        """Return a delivery with a valid signature, or with the given defects."""
        event_body = {
            "type": event,
            "appId": application or self.sandbox.vendor.config.app_id,
            "locationId": "canary-location",
            "timestamp": (self.now - age).isoformat(),
            "webhookId": "canary-webhook",
        }
        sent = json.dumps(event_body).encode() if body is None else body
        by = Ed25519PrivateKey.from_private_bytes(b"s" * 32) if secret else None
        signature = b64encode(by.sign(sent)).decode() if by else self.sandbox.vendor.webhooks.signature(sent)
        return ({} if unsigned else {"x-ghl-signature": signature}), sent


@asynccontextmanager
async def simulated(version: str) -> AsyncIterator[Simulated]:
    """Yield the harness over a new simulator without rate limits, in one of the two API versions."""
    async with in_process(version=version, rate_limits=False, processing_seconds=0) as sandbox:
        yield Simulated(sandbox)


POWERS = frozenset({Power.FAULTS, Power.CONSENT, Power.TIME, Power.RENEWAL, Power.POSTS, Power.WEBHOOKS})
SETUPS = tuple(
    Setup(f"highlevel-{version}", table_of(read({"api_version": version})), POWERS, partial(simulated, version))
    for version in (V2, V3)
)

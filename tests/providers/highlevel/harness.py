"""The harness of the contract tests for HighLevel: the provider over the simulator.

Owns the mapping from the steps of a provider to the simulator's operations.
"""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from providers.checked import checked
from providers.interface import Access, Provider
from providers.models.accounts import PrivacyLevel, ProfilePart
from providers.models.engagement import AccountRef
from providers.models.grants import Grant
from providers.models.publishing import (
    Content,
    FailureKind,
    Photos,
    PostMode,
    PostOptions,
    PublishPhase,
    PublishRequest,
    VideoFile,
    VideoLink,
)
from providers.models.secret import Secret
from providers.simulators.highlevel import Fault
from providers.simulators.highlevel.tenants import BAKERY, GARAGE, OWNER
from tests.providers.conformance.harness import Power
from tests.providers.faking import Line, Renewing
from tests.providers.highlevel.sandbox import REDIRECT, Sandbox
from tests.providers.highlevel.support import NOW, VERIFIER
from tests.providers.simulators.highlevel.test_csv_imports import BAD, GOOD, HEADERS
from tests.providers.tiktok.journeys import content

OPERATIONS = {
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
FAULTS: dict[str, dict[str, Any]] = {
    "before": {"kind": "drop_before"},
    "after": {"kind": "drop_after"},
    "status": {"kind": "status", "status": 503},
    "html": {"kind": "html"},
    "rate": {"kind": "error", "message": "Too Many Requests", "status": 429},
    "unknown": {"kind": "error", "message": "Something new", "status": 400},
}
POST = {"_id": "65f0c0de0000000000000001", "status": "strange_new_state"}
STRANGE: dict[str, dict[str, Any]] = {
    "status": {"kind": "body", "body": json.dumps({"success": True, "statusCode": 200, "results": {"post": POST}})},
}
FILE_SIZE = 300_000
PUBLIC, ONLY_ME = (PostOptions(privacy_level=each) for each in (PrivacyLevel.PUBLIC, PrivacyLevel.ONLY_ME))


@dataclass
class Simulated:
    """The harness over the simulator, limited to what the provider supports."""

    sandbox: Sandbox
    now: datetime = NOW
    powers: frozenset[Power] = frozenset({Power.FAULTS, Power.CONSENT, Power.TIME, Power.POSTS, Power.WEBHOOKS})
    verifier: Secret = VERIFIER
    redirect_uri: str = REDIRECT
    agency_places: tuple[str, ...] = (BAKERY, GARAGE)
    unknown_place: str = "LocationOfNobody0001"
    unknown_publish: str = "65f0c0de0000000000009999"
    # A location has only a name, whatever is granted.
    narrow_missing: frozenset[ProfilePart] = frozenset({ProfilePart.PROFILE, ProfilePart.STATS})

    @property
    def place(self) -> dict[str, str]:
        """The settings of the bakery's location."""
        return {"location_id": BAKERY}

    @property
    def provider(self) -> Provider:
        """The provider as the gateway uses it, with its capability table enforced."""
        return checked(self.sandbox.provider)

    @property
    def unchecked(self) -> Any:
        """The provider without that check."""
        return self.sandbox.provider

    async def access(self) -> Renewing:
        """Connect the bakery through the consent page."""
        return await self.sandbox.connect()

    async def narrow(self) -> Renewing:
        """Connect with all scopes: HighLevel's page does not let the user deselect any."""
        return await self.sandbox.connect()

    async def agency(self) -> Renewing:
        """Connect the agency with both of its locations."""
        return await self.sandbox.connect(*self.agency_places, agency=True)

    async def code(self) -> str:
        """Return the code of a consent for the bakery."""
        return await self.sandbox.code()

    async def consent(self, access: Renewing, platform: str) -> str:
        """Consent on a network's page, and return the id in its signal."""
        return await self.sandbox.consent(access, platform)

    async def static(self) -> Grant:
        """Create a Private Integration Token of a location and connect with it."""
        token = Secret(self.sandbox.vendor.private_token(BAKERY))
        authorization = self.provider.authorization
        return await authorization.static(token, settings=self.place, scopes=authorization.scopes)

    def fail(self, operation: str, how: str, **values: Any) -> None:
        """Make the next call of an operation fail."""
        fault = STRANGE[operation] if how == "strange" else FAULTS[how]
        self.sandbox.vendor.faults.add(Fault(match=OPERATIONS[operation], **{**fault, **values}))

    # Posts

    def video_request(self, **changes: Any) -> PublishRequest:
        """Return a private video for TikTok, as a file."""
        return self._request(VideoFile(FILE_SIZE, "video/mp4"), **changes)

    def pull_request(self) -> PublishRequest:
        """Return a private video for TikTok, as a URL."""
        return self._request(VideoLink(Secret("https://media.example/canary.mp4"), "video/mp4"))

    def photo_request(self) -> PublishRequest:
        """Return two photos for Facebook: HighLevel accepts no photos for TikTok."""
        uris = tuple(Secret(f"https://media.example/canary-{number}.jpg") for number in range(2))
        return self._request(Photos(uris, ("image/jpeg",) * 2), platform="facebook", options=PostOptions())

    def text_request(self) -> PublishRequest:
        """Return a text post for Facebook."""
        return self._request(None, platform="facebook", options=PostOptions())

    def planner_request(self, kind: str) -> PublishRequest:
        """Return a draft, or a post for tomorrow that waits for its approver."""
        link = self.pull_request().content
        if kind == "draft":
            return self._request(link, mode=PostMode.PLANNER_DRAFT)
        tomorrow, extra = self.now + timedelta(days=1), {"approver": OWNER}
        return self._request(link, mode=PostMode.PLANNER_REVIEW, schedule_time=tomorrow, extra=extra)

    def scheduled_request(self) -> PublishRequest:
        """Return a video for tomorrow."""
        return replace(self.pull_request(), schedule_time=self.now + timedelta(days=1))

    def public_request(self, caption: str) -> PublishRequest:
        """Return a public video, as a URL."""
        return replace(self.pull_request(), caption=caption, options=PUBLIC)

    def _request(self, content: Content, *, platform: str = "tiktok", **changes: Any) -> PublishRequest:
        account = self.sandbox.account(platform).id
        values = {"mode": PostMode.DIRECT, "caption": "canary words", "options": ONLY_ME, **changes}
        return PublishRequest(content=content, account=account, platform=platform, **values)

    def content(self, first: int, end: int) -> AsyncIterator[bytes]:
        """Yield bytes [first, end) of the test file."""
        return content(first, end)

    def around(self) -> tuple[datetime, datetime]:
        """Return yesterday and the day after tomorrow: scheduled posts here are published between them."""
        return self.now - timedelta(days=1), self.now + timedelta(days=2)

    async def stoppable(self, access: Access) -> str:
        """Schedule a post for tomorrow."""
        return (await self.provider.publishing.begin(access, self.scheduled_request())).publish_id

    async def is_stopped(self, access: Access, publish_id: str) -> bool:
        """Return whether the status says that the post was cancelled."""
        status = await self.provider.publishing.status(access, publish_id)
        return (PublishPhase.FAILED, FailureKind.CANCELLED) == (status.phase, status.fail_kind)

    async def unstoppable(self, access: Access) -> str:
        """Publish a post, and return its id from the list."""
        request = self.pull_request()
        await self.provider.publishing.begin(access, request)
        since, until = self.around()
        [found] = await self.provider.publishing.find(access, request.account, since=since, until=until)
        return found.publish_id

    def fail_publish(self, reason: str) -> None:
        """Make the next publish fail."""
        self.sandbox.vendor.fail_next_publish(reason)

    def posted(self) -> int:
        """Return the number of posts on the networks."""
        return len(self.sandbox.vendor.posts)

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

    def calls(self, operation: str) -> int:
        """Return the number of calls of an operation at the simulator."""
        return sum(call.operation == OPERATIONS[operation] for call in self.sandbox.vendor.requests)

    def sent(self) -> int:
        """Return the number of all calls at the simulator."""
        return len(self.sandbox.vendor.requests)

    def cut_off(self) -> None:
        """Make the simulator unreachable."""
        line = Line(httpx.ASGITransport(_nobody))
        line.down = True
        self.sandbox.wire.inner = line

    def expire_tokens(self) -> None:
        """Expire all access tokens."""
        self.sandbox.vendor.expire_access_tokens()

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
            "timestamp": (NOW - age).isoformat(),
            "webhookId": "canary-webhook",
        }
        sent = json.dumps(event_body).encode() if body is None else body
        by = Ed25519PrivateKey.from_private_bytes(b"s" * 32) if secret else None
        signature = b64encode(by.sign(sent)).decode() if by else self.sandbox.vendor.webhooks.signature(sent)
        return ({} if unsigned else {"x-ghl-signature": signature}), sent


async def _nobody(*_: Any) -> None:
    raise AssertionError("the line is down")

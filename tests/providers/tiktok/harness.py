"""TikTok for the contract tests: the provider over the simulator, which can be made to fail.

Owns the mapping from a provider's steps to the simulator's operations.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from providers.checked import checked
from providers.interface import Access, Provider
from providers.models.accounts import PrivacyLevel, ProfilePart
from providers.models.grants import Grant
from providers.models.publishing import (
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
from providers.simulators.tiktok import Fault
from providers.simulators.tiktok.webhooks import body_of, signature
from tests.providers.conformance.harness import Power
from tests.providers.conformance.publishing import FILE_SIZE
from tests.providers.faking import Renewing
from tests.providers.tiktok.journeys import REDIRECT, Journey, content
from tests.providers.tiktok.support import NOW, VERIFIER

OPERATIONS = {
    "profile": "user.info",
    "creator": "creator_info",
    "videos": "video.list",
    "begin_video": "video.init",
    "begin_pull": "video.init",
    "begin_photos": "content.init",
    "chunk": "upload",
    "status": "status",
    "cancel": "cancel",
    "refresh": "oauth.token",
}
FAULTS: dict[str, dict[str, Any]] = {
    "before": {"kind": "drop_before"},
    "after": {"kind": "drop_after"},
    "status": {"kind": "status", "status": 503},
    "html": {"kind": "html"},
    "rate": {"kind": "error", "code": "rate_limit_exceeded", "status": 429},
    "unknown": {"kind": "error", "code": "something_new", "status": 400},
}


def answer(data: dict[str, Any]) -> str:
    """Return the JSON of a successful answer of TikTok's."""
    return json.dumps({"data": data, "error": {"code": "ok", "message": "", "log_id": "2026"}})


STRANGE: dict[str, dict[str, Any]] = {
    "status": {"kind": "body", "body": answer({"status": "STRANGE_NEW_STATE"})},
    "creator": {
        "kind": "body",
        "body": answer({"creator_nickname": "n", "privacy_level_options": ["SELF_ONLY", "STRANGE_CIRCLE"]}),
    },
}
UNKNOWN_PUBLISH = "v_pub_file~v2-1.1"
ONLY_ME = PostOptions(privacy_level=PrivacyLevel.ONLY_ME)


@dataclass
class Simulated:
    """The harness over the simulator."""

    journey: Journey
    now: datetime = NOW
    powers: frozenset[Power] = frozenset(Power)
    verifier: Secret = VERIFIER
    redirect_uri: str = REDIRECT
    unknown_publish: str = UNKNOWN_PUBLISH
    narrow_missing: frozenset[ProfilePart] = frozenset({ProfilePart.PROFILE, ProfilePart.STATS})

    @property
    def provider(self) -> Provider:
        """The provider as the gateway uses it, checked against its capability table."""
        return checked(self.journey.provider)

    @property
    def unchecked(self) -> Any:
        """The provider itself."""
        return self.journey.provider

    async def access(self) -> Renewing:
        """Walk through the consent page."""
        return await self.journey.connect()

    async def narrow(self) -> Renewing:
        """Complete the consent page with only the first scope granted."""
        return await self.journey.connect("user.info.basic")

    async def code(self) -> str:
        """Walk through the consent page."""
        return (await self.journey.consent())["code"][0]

    async def consent(self, access: Renewing, platform: str) -> str:
        """A grant of TikTok's is one account."""
        raise NotImplementedError

    async def static(self) -> Grant:
        """There are none at TikTok."""
        raise NotImplementedError

    def video_request(self, **changes: Any) -> PublishRequest:
        """Return a private video of several chunks."""
        values = {"mode": PostMode.DIRECT, "content": VideoFile(FILE_SIZE, "video/mp4"), "options": ONLY_ME}
        return PublishRequest(**{**values, **changes})

    def pull_request(self) -> PublishRequest:
        """Return a private video by address."""
        return PublishRequest(PostMode.DIRECT, VideoLink(Secret("https://media.example/canary.mp4")), options=ONLY_ME)

    def photo_request(self) -> PublishRequest:
        """Return two private photos."""
        uris = tuple(Secret(f"https://media.example/canary-{number}.jpg") for number in range(2))
        return PublishRequest(PostMode.DIRECT, Photos(uris), options=ONLY_ME)

    def draft_request(self) -> PublishRequest:
        """Return a draft of several chunks; TikTok takes no options for one."""
        return PublishRequest(PostMode.CREATOR_INBOX, VideoFile(FILE_SIZE, "video/mp4"))

    def public_request(self, caption: str) -> PublishRequest:
        """Return a public video by address."""
        return replace(self.pull_request(), caption=caption, options=PostOptions(privacy_level=PrivacyLevel.PUBLIC))

    def around(self) -> tuple[datetime, datetime]:
        """Time stands still here."""
        return self.now - timedelta(minutes=1), self.now + timedelta(minutes=1)

    async def stoppable(self, access: Access) -> str:
        """Begin a pull that takes a while."""
        works = self.journey.vendor.publisher
        works.config = replace(works.config, processing_seconds=60)
        return (await self.provider.publishing.begin(access, self.pull_request())).publish_id

    async def is_stopped(self, access: Access, publish_id: str) -> bool:
        """TikTok calls it a failure."""
        status = await self.provider.publishing.status(access, publish_id)
        return (PublishPhase.FAILED, FailureKind.CANCELLED) == (status.phase, status.fail_kind)

    async def unstoppable(self, access: Access) -> str:
        """Submit a file: TikTok cancels only what it fetches itself."""
        return (await self.provider.publishing.begin(access, self.video_request())).publish_id

    def fail_publish(self, reason: str) -> None:
        """Let the next publish fail."""
        self.journey.vendor.fail_next_publish(reason)

    def content(self, first: int, end: int) -> AsyncIterator[bytes]:
        """Return the endless file."""
        return content(first, end)

    def fail(self, operation: str, how: str, **values: Any) -> None:
        """Order a fault."""
        ordered = STRANGE[operation] if how == "strange" else FAULTS[how]
        self.journey.vendor.faults.add(Fault(match=OPERATIONS[operation], **{**ordered, **values}))

    def calls(self, operation: str) -> int:
        """Count what came to the simulator."""
        return sum(call.operation == OPERATIONS[operation] for call in self.journey.vendor.requests)

    def sent(self) -> int:
        """Count everything that came to the simulator."""
        return len(self.journey.vendor.requests)

    def cut_off(self) -> None:
        """Take the line down."""
        assert self.journey.line is not None
        self.journey.line.down = True

    def show_empty_page(self) -> None:
        """Say that there is more, and show none of it; the cursor is where a list begins."""
        now = int(self.now.timestamp() * 1000)
        self._shows("videos", {"videos": [], "cursor": now, "has_more": True})

    def show_bare_video(self) -> None:
        """Show one video with nothing but its id."""
        self._shows("videos", {"videos": [{"id": "7602997517160123000"}], "cursor": 0, "has_more": False})

    def _shows(self, operation: str, data: dict[str, Any]) -> None:
        self.journey.vendor.faults.add(Fault(match=OPERATIONS[operation], kind="body", body=answer(data)))

    def posted(self) -> int:
        """Count the simulator's ledger."""
        return len(self.journey.vendor.posts)

    def expire_tokens(self) -> None:
        """End all access tokens."""
        self.journey.vendor.expire_access_tokens()

    def add_videos(self, count: int) -> list[str]:
        """Add videos, a minute apart."""
        open_id, start = next(iter(self.journey.vendor.users)), int(self.now.timestamp() * 1000)
        ids = [7602997517160123000 + number for number in range(count)]
        for number, id in enumerate(ids):
            self.journey.vendor.add_video(open_id, id=id, created_ms=start - 60_000 * (count - number))
        return [str(id) for id in ids]

    def delivery(
        self,
        *,
        age: timedelta = timedelta(0),
        secret: str = "",
        body: bytes | None = None,
        application: str = "",
        event: str = "post.publish.complete",
        unsigned: bool = False,
    ) -> tuple[dict[str, str], bytes]:
        """Sign a delivery as TikTok does, or not quite."""
        config = self.journey.vendor.config
        details = {"publish_id": "v_pub_file~canary", "publish_type": "DIRECT_PUBLISH"}
        moment = int((self.now - age).timestamp())
        sent = body_of(application or config.client_key, event, "-000canary", details, moment) if body is None else body
        assert body is not None or json.loads(sent)
        header = signature(secret or config.client_secret, moment, sent)
        return ({} if unsigned else {"tiktok-signature": header}), sent

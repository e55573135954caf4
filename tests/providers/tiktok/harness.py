"""The harness of the contract tests for TikTok: the provider over the simulator.

Owns the mapping from the steps of a provider to the simulator's operations.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from providers.capabilities import Capability, Cell, Support
from providers.checked import checked
from providers.interface import Access, Provider
from providers.models.publishing import Photos, PostMode, PublishRequest, VideoFile, VideoLink
from providers.simulators.tiktok import Fault
from providers.simulators.tiktok.webhooks import body_of, signature
from providers.tiktok.capabilities import TABLE
from tests.providers.conformance.harness import FILE_SIZE, ONLY_ME, PHOTO_URIS, VIDEO_URI, Harness, Power, Setup
from tests.providers.faking import Renewing
from tests.providers.tiktok.sandbox import REDIRECT, Sandbox, in_process
from tests.providers.tiktok_business import harness as business

UNKNOWN_PUBLISH = "v_pub_file~v2-1.1"


def _body(data: dict[str, Any]) -> dict[str, Any]:
    """Return the fault that replaces an answer by a success with these data."""
    return {
        "kind": "body",
        "body": json.dumps({"data": data, "error": {"code": "ok", "message": "", "log_id": "2026"}}),
    }


_BUSINESS_ONLY = {
    each: Cell(Support.IMPOSSIBLE, "A user's grant has none of it.")
    for each in (
        Capability.ACCOUNT_METRICS,
        Capability.COMMENT_LIST,
        Capability.COMMENT_REPLY,
        Capability.COMMENT_MODERATE,
        Capability.COMMENT_HIDE,
        Capability.COMMENT_DELETE,
        Capability.ADS,
        Capability.AUDIENCES,
    )
}
USER_TABLE = replace(TABLE, cells={**TABLE.cells, **_BUSINESS_ONLY})
"""What of the table a user's grant can do; the rest is proved with the grants of account holders and advertisers."""


class Simulated(Harness):
    """The harness over the simulator, for a user's grant."""

    sandbox: Sandbox
    redirect_uri = REDIRECT
    unknown_publish = UNKNOWN_PUBLISH
    operations: ClassVar = {
        "profile": "user.info",
        "creator": "creator_info",
        "videos": "video.list",
        "begin_video": "video.init",
        "begin_pull": "video.init",
        "begin_photos": "content.init",
        "chunk": "upload",
        "status": "status",
        "refresh": "oauth.token",
    }
    refusals: ClassVar = {
        "rate": {"kind": "error", "code": "rate_limit_exceeded", "status": 429},
        "unknown": {"kind": "error", "code": "something_new", "status": 400},
    }
    strange: ClassVar = {
        "status": _body({"status": "STRANGE_NEW_STATE"}),
        "creator": _body({"creator_nickname": "n", "privacy_level_options": ["SELF_ONLY", "STRANGE_CIRCLE"]}),
    }

    @property
    def provider(self) -> Provider:
        """The provider as the gateway uses it for a user's grant."""
        return checked(self.unchecked)

    @property
    def unchecked(self) -> Any:
        """The same without the check."""
        return replace(self.sandbox.provider, table=USER_TABLE)

    async def narrow(self) -> Renewing:
        """Connect with only the first scope granted."""
        return await self.sandbox.connect("user.info.basic")

    def video_request(self) -> PublishRequest:
        """Return a private video of several chunks, as a file."""
        return PublishRequest(PostMode.DIRECT, VideoFile(FILE_SIZE, "video/mp4"), options=ONLY_ME)

    def pull_request(self) -> PublishRequest:
        """Return a private video, as a URL."""
        return PublishRequest(PostMode.DIRECT, VideoLink(VIDEO_URI), options=ONLY_ME)

    def photo_request(self) -> PublishRequest:
        """Return two private photos."""
        return PublishRequest(PostMode.DIRECT, Photos(PHOTO_URIS), options=ONLY_ME)

    def draft_request(self) -> PublishRequest:
        """Return a draft in the creator's inbox, of several chunks; TikTok accepts no options for one."""
        return PublishRequest(PostMode.CREATOR_INBOX, VideoFile(FILE_SIZE, "video/mp4"))

    def around(self) -> tuple[datetime, datetime]:
        """Return two times between which all posts are made: the clock stands still."""
        return self.now - timedelta(minutes=1), self.now + timedelta(minutes=1)

    async def stoppable(self, access: Access) -> str:
        """Submit a video that takes a minute to process, and return its publish id."""
        publisher = self.sandbox.vendor.publisher
        publisher.config = replace(publisher.config, processing_seconds=60)
        return (await self.provider.publishing.begin(access, self.pull_request())).publish_id

    async def unstoppable(self, access: Access) -> str:
        """Submit a file, and return its publish id: TikTok cancels only what it fetches itself."""
        return (await self.provider.publishing.begin(access, self.video_request())).publish_id

    def show_empty_page(self) -> None:
        """Make the next list of videos an empty page that is not the last; its cursor is that of a list's beginning."""
        now = int(self.now.timestamp() * 1000)
        self._show({"videos": [], "cursor": now, "has_more": True})

    def show_bare_video(self) -> None:
        """Make the next list of videos one video with nothing but its id."""
        self._show({"videos": [{"id": "7602997517160123000"}], "cursor": 0, "has_more": False})

    def _show(self, videos: dict[str, Any]) -> None:
        self.sandbox.vendor.faults.add(Fault(match="video.list", **_body(videos)))

    def add_videos(self, count: int) -> list[str]:
        """Add public videos to the account, a minute apart, the newest last; return their ids."""
        open_id, start = next(iter(self.sandbox.vendor.users)), int(self.now.timestamp() * 1000)
        ids = [7602997517160123000 + number for number in range(count)]
        for number, id in enumerate(ids):
            self.sandbox.vendor.add_video(open_id, id=id, created_ms=start - 60_000 * (count - number))
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
        """Return headers and body of a webhook with a valid signature, or with the given defects."""
        config = self.sandbox.vendor.config
        details = {"publish_id": "v_pub_file~canary", "publish_type": "DIRECT_PUBLISH"}
        moment = int((self.now - age).timestamp())
        sent = body_of(application or config.client_key, event, "-000canary", details, moment) if body is None else body
        header = signature(secret or config.client_secret, moment, sent)
        return ({} if unsigned else {"tiktok-signature": header}), sent


@asynccontextmanager
async def simulated() -> AsyncIterator[Simulated]:
    """Yield the harness over a new simulator without rate limits."""
    async with in_process(rate_limits=False) as sandbox:
        yield Simulated(sandbox)


SETUPS = (Setup("tiktok", USER_TABLE, frozenset(Power), simulated), *business.SETUPS)

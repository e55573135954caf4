"""The harness of the contract tests for TikTok's API for Business: the provider over the simulator.

Owns the mapping from the steps of a provider to the simulator's operations, for the grant of an account holder.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx

from providers.capabilities import Capability, Cell, Support
from providers.checked import checked
from providers.interface import Provider
from providers.models.accounts import PrivacyLevel
from providers.models.engagement import AccountRef
from providers.models.grants import GrantKind
from providers.models.publishing import Photos, PostMode, PostOptions, PublishRequest, VideoLink
from providers.simulators.tiktok_business import Fault, SimulatorConfig, create_app
from providers.tiktok import build
from providers.tiktok.capabilities import TABLE
from providers.tiktok_business.capabilities import OPTIONAL_SCOPES, PLATFORM, SCOPES
from tests.providers.conformance.harness import ONLY_ME, PHOTO_URIS, VIDEO_URI, Harness, Power, Setup
from tests.providers.faking import NOW, Line, Renewing
from tests.providers.tiktok_business.ads_harness import ADS_TABLE, advertising
from tests.providers.tiktok_business.sandbox import REDIRECT, Sandbox

PUBLIC = PostOptions(privacy_level=PrivacyLevel.PUBLIC)
_OTHERS_ONLY = {
    **{
        each: Cell(Support.IMPOSSIBLE, "TikTok for Business fetches all media itself, and has no call that stops it.")
        for each in (Capability.POST_VIDEO_UPLOAD, Capability.POST_CANCEL)
    },
    **{
        each: Cell(Support.IMPOSSIBLE, "Ad accounts are reached with the grant of an advertiser.")
        for each in (Capability.ADS, Capability.AUDIENCES)
    },
}
BUSINESS_TABLE = replace(TABLE, cells={**TABLE.cells, **_OTHERS_ONLY})
"""What of TikTok's table the grant of an account holder can do."""


def _body(data: dict[str, Any]) -> dict[str, Any]:
    """Return the fault that replaces an answer by a success with these data."""
    return {"kind": "body", "body": json.dumps({"code": 0, "message": "OK", "request_id": "2026", "data": data})}


class Simulated(Harness):
    """The harness over the simulator, for the grant of an account holder."""

    sandbox: Sandbox
    redirect_uri = REDIRECT
    unknown_publish = "7602997517160999999"
    operations: ClassVar = {
        "profile": "business.get",
        "figures": "business.get",
        "creator": "video.settings",
        "begin_pull": "video.publish",
        "begin_photos": "photo.publish",
        "status": "publish.status",
        "videos": "video.list",
        "comment": "comment.create",
        "refresh": "oauth.refresh",
    }
    refusals: ClassVar = {
        "rate": {"kind": "error", "code": "40100", "message": "App 7 reaches the QPS limit 10, current QPS is 11"},
        "unknown": {"kind": "error", "code": "49999"},
    }

    strange: ClassVar = {
        "status": _body({"status": "STRANGE_NEW_STATE"}),
        "creator": _body({"privacy_level_options": ["SELF_ONLY", "STRANGE_CIRCLE"]}),
    }

    @property
    def provider(self) -> Provider:
        """The provider as the gateway uses it for such a grant."""
        return checked(self.unchecked)

    @property
    def unchecked(self) -> Any:
        """The same without the check."""
        changes: dict[str, Any] = {"table": BUSINESS_TABLE, "authorization": self.sandbox.authorization}
        return replace(self.sandbox.provider, **changes)

    async def narrow(self) -> Renewing:
        """Connect with only the first scope granted."""
        return await self.sandbox.connect("user.info.basic")

    def pull_request(self) -> PublishRequest:
        """Return a video, as a URL; every video of such an account is public."""
        return PublishRequest(PostMode.DIRECT, VideoLink(VIDEO_URI), options=PUBLIC, platform=PLATFORM)

    def photo_request(self) -> PublishRequest:
        """Return two private photos."""
        return PublishRequest(PostMode.DIRECT, Photos(PHOTO_URIS), options=ONLY_ME, platform=PLATFORM)

    def draft_request(self) -> PublishRequest:
        """Return a draft in the creator's inbox; TikTok ignores every option of one."""
        return PublishRequest(PostMode.CREATOR_INBOX, VideoLink(VIDEO_URI), platform=PLATFORM)

    def around(self) -> tuple[datetime, datetime]:
        """Return two times between which all posts are made: the clock stands still."""
        return self.now - timedelta(minutes=1), self.now + timedelta(minutes=1)

    def measured(self) -> AccountRef:
        """Return the account."""
        return AccountRef(self.sandbox.vendor.account.open_id, "tiktok_business")

    commented = measured

    def post_to_comment(self) -> str:
        """Add a video; return its id."""
        return self.sandbox.vendor.add_post().id

    def add_comments(self, post: str, count: int) -> list[str]:
        """Add comments below a video; return their ids."""
        return [self.sandbox.vendor.add_comment(post, f"c{number}").comment_id for number in range(count)]

    def add_videos(self, count: int) -> list[str]:
        """Add videos to the account, a minute apart, the newest last; return their ids."""
        start = int(self.now.timestamp() * 1000)
        posts = [self.sandbox.vendor.add_post(created_ms=start - 60_000 * (count - each)) for each in range(count)]
        return [each.id for each in posts]

    def show_empty_page(self) -> None:
        """Make the next list of videos an empty page that is not the last."""
        self._show({"videos": [], "cursor": int(self.now.timestamp() * 1000), "has_more": True})

    def show_bare_video(self) -> None:
        """Make the next list of videos one video with nothing but its id."""
        self._show({"videos": [{"item_id": "7602997517160123000"}], "cursor": 0, "has_more": False})

    def _show(self, videos: dict[str, Any]) -> None:
        self.sandbox.vendor.faults.add(Fault(match="video.list", **_body(videos)))


@asynccontextmanager
async def simulated() -> AsyncIterator[Simulated]:
    """Yield the harness over a new simulator without rate limits."""
    config = SimulatorConfig(rate_limits=False, processing_seconds=0, moderation_seconds=0)
    app = create_app(config, clock=lambda: NOW)
    transport = httpx.ASGITransport(app)
    line = Line(transport)
    settings = {
        "business_app_id": config.client_key,
        "business_secret": config.client_secret,
        "business_scopes": (*SCOPES, *OPTIONAL_SCOPES),
    }
    provider = build(settings, clock=lambda: NOW, transport=line)
    async with httpx.AsyncClient(transport=transport) as browser:
        yield Simulated(Sandbox(provider, app.state.vendor, browser, line, GrantKind.BUSINESS_ACCOUNT))
    await provider.close()


SETUPS = (
    Setup("tiktok-business", BUSINESS_TABLE, frozenset(Power) - {Power.WEBHOOKS}, simulated),
    Setup("tiktok-ads", ADS_TABLE, frozenset({Power.FAULTS, Power.MONEY, Power.TIME}), advertising),
)

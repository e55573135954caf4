"""TikTok itself keeps the contract: the same tests as over the simulator, against the sandbox of a real application.

Needs TIKTOK_LIVE_CLIENT_KEY, TIKTOK_LIVE_CLIENT_SECRET and TIKTOK_LIVE_TOKEN_FILE, a file of mode 0600 that holds a
refresh token of a sandbox user, and takes the new one. TIKTOK_LIVE_POST=1 lets it post, to that user alone.
"""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import now
from providers.checked import checked
from providers.interface import Access, Provider
from providers.models.accounts import PrivacyLevel
from providers.models.publishing import PostMode, PostOptions, PublishRequest, VideoFile
from providers.models.secret import Secret
from providers.tiktok import build
from providers.tiktok.capabilities import TABLE
from tests.fixtures import media
from tests.live.costs import COSTS, TIKTOK
from tests.providers.conformance.harness import Power, skip_unless_met
from tests.providers.conformance.test_accounts import (
    test_a_creator_says_what_may_be_posted,
    test_a_profile_says_whose_it_is,
)
from tests.providers.conformance.test_publishing import (
    test_a_file_is_posted_when_its_last_byte_is_there,
    test_an_unknown_publish_is_not_found,
    test_what_cannot_be_stopped_is_refused,
)
from tests.providers.conformance.test_videos import test_a_list_can_be_read
from tests.providers.faking import Renewing
from tests.providers.tiktok.harness import UNKNOWN_PUBLISH

__all__ = [
    "test_a_creator_says_what_may_be_posted",
    "test_a_file_is_posted_when_its_last_byte_is_there",
    "test_a_list_can_be_read",
    "test_a_profile_says_whose_it_is",
    "test_an_unknown_publish_is_not_found",
    "test_what_cannot_be_stopped_is_refused",
]
"""The contract tests that run here; all others need a vendor that can be controlled."""

MISSING = TIKTOK.missing()
INIT_SECONDS = 11.0
"""Between two tests that begin a post: TikTok takes six in a minute."""

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(MISSING), reason=f"no credentials for TikTok: {', '.join(MISSING)} not set"),
]


@dataclass
class Live:
    """The harness over TikTok itself: it moves nothing, and posts only when it may."""

    provider: Provider
    grant: Any
    video: bytes
    unknown_publish: str = UNKNOWN_PUBLISH

    async def access(self, *scopes: str) -> Renewing:
        """Lend the one grant there is."""
        return Renewing(self.provider.authorization, self.grant)

    def video_request(self, **changes: Any) -> PublishRequest:
        """Return a private video."""
        options = PostOptions(privacy_level=PrivacyLevel.ONLY_ME)
        values = {"mode": PostMode.DIRECT, "content": VideoFile(len(self.video), "video/mp4"), "options": options}
        return PublishRequest(**{**values, **changes})

    async def content(self, first: int, end: int) -> AsyncIterator[bytes]:
        """Yield bytes of the video."""
        yield self.video[first:end]

    async def unstoppable(self, access: Access) -> str:
        """Submit a file: TikTok cancels only what it fetches itself."""
        return (await self.provider.publishing.begin(access, self.video_request())).publish_id

    def posted(self) -> int:
        """TikTok shows nobody how many private posts there are."""
        return 0


def tokens_of(path: Path) -> str:
    """Read the refresh token; a file that others may read is refused."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        pytest.fail(f"{path.name} must have the mode 0600")
    return path.read_text().strip()


async def renewed() -> tuple[Provider, Any]:
    """Exchange the refresh token, and write the new one down before anything else happens."""
    path = Path(os.environ["TIKTOK_LIVE_TOKEN_FILE"])
    settings = {
        "client_key": os.environ["TIKTOK_LIVE_CLIENT_KEY"],
        "client_secret": os.environ["TIKTOK_LIVE_CLIENT_SECRET"],
    }
    provider = checked(build(settings, clock=now))
    grant = await provider.authorization.refresh(Secret(tokens_of(path)))
    assert grant.refresh_token is not None
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(grant.refresh_token.reveal())
    new.replace(path)
    return provider, grant


@pytest.fixture(scope="session")
def shared() -> dict[str, Any]:
    """Keep the one grant of the run."""
    return {}


@pytest.fixture
async def harness(request: pytest.FixtureRequest, shared: dict[str, Any]) -> AsyncIterator[Live]:
    """Yield the harness; afterwards, wait until TikTok accepts the next post."""
    skip_unless_met(request.node, TABLE, frozenset({Power.POSTS} if TIKTOK.may_post() else ()))
    if "grant" not in shared:
        provider, shared["grant"] = await renewed()
        await provider.close()
    settings = {name: os.environ[f"TIKTOK_LIVE_{name.upper()}"] for name in ("client_key", "client_secret")}
    provider = checked(build(settings, clock=now))
    yield Live(provider, shared["grant"], media.video(6_000_000, seconds=5))
    await provider.close()
    if "video/init" in COSTS[request.node.originalname]:
        await asyncio.sleep(INIT_SECONDS)

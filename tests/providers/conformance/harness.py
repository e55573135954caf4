"""What a contract test needs of a provider: a grant, bytes to send, and control over the vendor behind it.

Owns the powers and the skips. Knows no vendor: each provider has its own harness.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Set
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

import pytest

from providers.capabilities import Capability, Support
from providers.errors import ProviderError
from providers.interface import Access, Provider
from providers.models.accounts import ProfilePart
from providers.models.engagement import AccountRef
from providers.models.grants import Grant
from providers.models.publishing import PublishRequest
from providers.models.secret import Secret
from tests.providers.faking import Renewing


class Power(Enum):
    """What a harness can make its vendor do; the real vendor cannot be controlled."""

    FAULTS = "the vendor cannot be told to fail"
    CONSENT = "the vendor's consent page cannot be completed"
    TIME = "the vendor's time cannot be moved"
    POSTS = "nothing may be posted here"
    VIDEOS = "the account's videos cannot be chosen"
    WEBHOOKS = "no delivery can be signed here"


class Harness(Protocol):
    """One provider over one vendor; `now` is the time for both.

    A grant of `narrow` has as few scopes as possible: `narrow_missing` are the parts of a profile that it cannot read.
    `unknown_publish` is an id that the vendor never issued; `agency_places` are the places that the grant of `agency`
    covers, and `unknown_place` is not one; `place` are the settings of a connection with a static token.
    """

    provider: Provider
    powers: frozenset[Power]
    now: datetime
    verifier: Secret
    redirect_uri: str
    narrow_missing: Set[ProfilePart]
    unknown_publish: str
    agency_places: Collection[str]
    unknown_place: str
    place: Mapping[str, str]

    @property
    def unchecked(self) -> Any:
        """The provider without the check of its capability table: a dataclass with a `table`."""
        ...

    async def access(self) -> Renewing:
        """Connect, with everything granted."""
        ...

    async def narrow(self) -> Renewing:
        """Connect, with as few scopes granted as possible."""
        ...

    async def agency(self) -> Renewing:
        """Connect an agency, for all its places."""
        ...

    async def code(self) -> str:
        """Complete the consent page; return the code of the redirect."""
        ...

    async def static(self) -> Grant:
        """Create a token at the vendor that needs no consent, and return its grant."""
        ...

    async def consent(self, access: Renewing, platform: str) -> str:
        """Complete a network's consent page; return the id in its signal."""
        ...

    def video_request(self, **changes: Any) -> PublishRequest:
        """Return a request with the file that `content` returns."""
        ...

    def pull_request(self) -> PublishRequest:
        """Return a request with a video that the vendor fetches."""
        ...

    def photo_request(self) -> PublishRequest:
        """Return a request with photos that the vendor fetches."""
        ...

    def draft_request(self) -> PublishRequest:
        """Return a request for a draft in the creator's inbox with the file that `content` returns."""
        ...

    def planner_request(self, kind: str) -> PublishRequest:
        """Return a request for a planner's `draft`, or for a post in `review` there."""
        ...

    def text_request(self) -> PublishRequest:
        """Return a request for a text post."""
        ...

    def scheduled_request(self) -> PublishRequest:
        """Return a request that is scheduled for tomorrow."""
        ...

    def public_request(self, caption: str) -> PublishRequest:
        """Return a request for a public video that the vendor fetches."""
        ...

    def around(self) -> tuple[datetime, datetime]:
        """Return two times between which all posts are made or planned."""
        ...

    async def stoppable(self, access: Access) -> str:
        """Submit a post that can still be cancelled; return its publish id."""
        ...

    async def is_stopped(self, access: Access, publish_id: str) -> bool:
        """Return whether the vendor reports the post as cancelled."""
        ...

    async def unstoppable(self, access: Access) -> str:
        """Submit a post that can no longer be cancelled; return its publish id."""
        ...

    def content(self, first: int, end: int) -> AsyncIterator[bytes]:
        """Return bytes [first, end) of the file."""
        ...

    def fail(self, operation: str, how: str, **values: Any) -> None:
        """Make the next call of an operation (`profile`, `videos`, `creator`, `chunk`, `status`, `refresh` …) fail.

        `how` is `before` (the call never arrives), `after` (its answer is lost), `status`, `html`, `rate`, `unknown` (a
        refusal with an undocumented code) or `strange` (an answer with an undocumented value).
        """
        ...

    def calls(self, operation: str) -> int:
        """Return the number of calls of an operation that reached the vendor."""
        ...

    def sent(self) -> int:
        """Return the number of all calls that reached the vendor."""
        ...

    def cut_off(self) -> None:
        """Make every connection to the vendor fail from now on."""
        ...

    def fail_publish(self, reason: str) -> None:
        """Make the next publish fail with this reason of the vendor's."""
        ...

    def posted(self) -> int:
        """Return the number of posts that the vendor has published."""
        ...

    def expire_tokens(self) -> None:
        """Make the vendor refuse the access tokens that it issued."""
        ...

    def add_videos(self, count: int) -> list[str]:
        """Add public videos to the account, the newest last; return their ids."""
        ...

    def show_empty_page(self) -> None:
        """Make the next list of videos an empty page that is not the last."""
        ...

    def show_bare_video(self) -> None:
        """Make the next list of videos one video with nothing but its id."""
        ...

    def measured(self) -> AccountRef:
        """Return an account for which the vendor has metrics."""
        ...

    def commented(self) -> AccountRef:
        """Return an account whose posts have comments, and for which posts can be imported."""
        ...

    def post_to_comment(self) -> str:
        """Add a post of the account that can be commented on; return its id."""
        ...

    def add_comments(self, post: str, count: int) -> list[str]:
        """Add comments to a post; return their ids."""
        ...

    def label_names(self, kind: str) -> list[str]:
        """Return the names of all `categories`, or of all `tags`."""
        ...

    def sheet(self) -> bytes:
        """Return a file of two posts, of which the second is invalid."""
        ...

    def planned(self) -> int:
        """Return the number of posts in the planner."""
        ...

    def wait(self) -> None:
        """Give the vendor time to finish its work."""
        ...

    def delivery(self, **changes: Any) -> tuple[dict[str, str], bytes]:
        """Return headers and body of an authentic webhook; `changes` make it invalid (`age`, `secret`, `body` …)."""
        ...


class Contract:
    """The base of the contract classes; `harness` is set by the suite that runs it.

    Each test begins with `needs` and literal capabilities: test_complete.py parses them.
    """

    harness: Any

    def needs(self, *capabilities: Capability) -> None:
        """Skip the test unless the table promises these capabilities, with the table's note as the reason."""
        for capability in capabilities:
            cell = self.harness.provider.table.cell(capability)
            if cell.support in (Support.NOT_YET, Support.IMPOSSIBLE):
                pytest.skip(f"{capability.value}: {cell.note}")

    def can(self, *powers: Power) -> None:
        """Skip the test unless the harness has these powers."""
        for power in powers:
            if power not in self.harness.powers:
                pytest.skip(power.value)


def assert_silent(error: BaseException, *secrets: Secret | None) -> None:
    """Assert that neither an error nor its causes contain a secret."""
    cause: BaseException | None = error
    while cause is not None:
        metadata = cause.metadata if isinstance(cause, ProviderError) else {}
        text = f"{cause!r} {cause} {metadata} {getattr(cause, 'code', '')} {getattr(cause, 'log_id', '')}"
        assert [] == [secret for secret in secrets if secret is not None and secret.reveal() in text]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)

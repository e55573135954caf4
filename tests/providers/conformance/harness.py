"""What a contract test needs of a provider: a grant, bytes to send, and whatever can be done to the vendor behind it.

Owns the powers and the skips. Knows no vendor: each brings a harness of its own.
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
    """What a harness can do to its vendor; the real one does nothing that it is told."""

    FAULTS = "the vendor cannot be told to fail"
    CONSENT = "the vendor's consent page cannot be walked"
    TIME = "the vendor's time cannot be moved"
    POSTS = "nothing may be posted here"
    VIDEOS = "the account's videos cannot be chosen"
    WEBHOOKS = "no delivery can be signed here"


class Harness(Protocol):
    """One provider over one vendor; `now` is the time that both go by.

    A grant of `narrow` opens as little as there is: `narrow_missing` are the parts of a profile that it does not open.
    `unknown_publish` is an id that the vendor never gave; `agency_places` are where the grant of `agency` is at work,
    and not at `unknown_place`; `place` are the settings of a connection with a static token.
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
        """The provider without the check of its table: a dataclass with a `table`."""
        ...

    async def access(self) -> Renewing:
        """Connect, with everything granted."""
        ...

    async def narrow(self) -> Renewing:
        """Connect, with as little granted as there is."""
        ...

    async def agency(self) -> Renewing:
        """Connect an agency with all its places."""
        ...

    async def code(self) -> str:
        """Walk through the consent page; give the code that the browser comes back with."""
        ...

    async def static(self) -> Grant:
        """Make a token at the vendor that needs no consent, and take it."""
        ...

    async def consent(self, access: Renewing, platform: str) -> str:
        """Walk through a network's consent page; give the id that its signal tells."""
        ...

    def video_request(self, **changes: Any) -> PublishRequest:
        """Return a request for the file that `content` gives."""
        ...

    def pull_request(self) -> PublishRequest:
        """Return a request for a video that the vendor fetches."""
        ...

    def photo_request(self) -> PublishRequest:
        """Return a request for photos that the vendor fetches."""
        ...

    def draft_request(self) -> PublishRequest:
        """Return a request for a draft in the creator's inbox, of the file that `content` gives."""
        ...

    def planner_request(self, kind: str) -> PublishRequest:
        """Return a request for a `draft` in a planner, or for one that waits there for its `review`."""
        ...

    def text_request(self) -> PublishRequest:
        """Return a request for words alone."""
        ...

    def scheduled_request(self) -> PublishRequest:
        """Return a request that the vendor publishes tomorrow."""
        ...

    def public_request(self, caption: str) -> PublishRequest:
        """Return a request for a video that the vendor fetches, and that everybody sees."""
        ...

    def around(self) -> tuple[datetime, datetime]:
        """Return two times between which everything happens."""
        ...

    async def stoppable(self, access: Access) -> str:
        """Hand over what can still be called back; give its publish id."""
        ...

    async def is_stopped(self, access: Access, publish_id: str) -> bool:
        """Return whether the vendor says that it was called back."""
        ...

    async def unstoppable(self, access: Access) -> str:
        """Hand over what can no longer be called back; give its publish id."""
        ...

    def content(self, first: int, end: int) -> AsyncIterator[bytes]:
        """Return bytes [first, end) of the file."""
        ...

    def fail(self, operation: str, how: str, **values: Any) -> None:
        """Let the next call of an operation (`profile`, `videos`, `creator`, `chunk`, `status`, `refresh` …) fail:
        `before` (it never came), `after` (its answer is lost), `status`, `html`, `rate`, `unknown` (a refusal that no
        documentation names), `strange` (an answer with a value that none names).
        """
        ...

    def calls(self, operation: str) -> int:
        """Count the calls of an operation that the vendor got."""
        ...

    def sent(self) -> int:
        """Count all calls that the vendor got."""
        ...

    def cut_off(self) -> None:
        """Let no connection to the vendor succeed from now on."""
        ...

    def fail_publish(self, reason: str) -> None:
        """Let the next publish fail for this reason, in the vendor's words."""
        ...

    def posted(self) -> int:
        """Count what the vendor has posted."""
        ...

    def expire_tokens(self) -> None:
        """Let the vendor refuse the access tokens it gave."""
        ...

    def add_videos(self, count: int) -> list[str]:
        """Return the account public videos, the newest last; give their ids."""
        ...

    def show_empty_page(self) -> None:
        """Let the next list of videos be an empty page that is not the last."""
        ...

    def show_bare_video(self) -> None:
        """Let the next list of videos be of one that tells nothing but its id."""
        ...

    def measured(self) -> AccountRef:
        """Return an account of which the vendor has figures."""
        ...

    def commented(self) -> AccountRef:
        """Return an account under whose posts there are comments, and for which posts may be imported."""
        ...

    def post_to_comment(self) -> str:
        """Let there be a post of the account that people comment; give its id."""
        ...

    def add_comments(self, post: str, count: int) -> list[str]:
        """Let people comment a post; give the comments' ids."""
        ...

    def label_names(self, kind: str) -> list[str]:
        """Return the names of all `categories`, or of all `tags`."""
        ...

    def sheet(self) -> bytes:
        """Return a file of two posts, of which the second has something wrong."""
        ...

    def planned(self) -> int:
        """Count the posts in the planner."""
        ...

    def wait(self) -> None:
        """Let the vendor have the time that it needs."""
        ...

    def delivery(self, **changes: Any) -> tuple[dict[str, str], bytes]:
        """Return headers and body of an authentic webhook; `changes` spoil it (`age`, `secret`, `body` …)."""
        ...


class Contract:
    """What every contract class begins with; `harness` is set by the suite that runs it.

    Each test begins with `needs`, whose capabilities are written out there: test_complete.py reads them.
    """

    harness: Any

    def needs(self, *capabilities: Capability) -> None:
        """Skip what the provider's table does not promise, with the table's own word; nothing else is skipped."""
        for capability in capabilities:
            cell = self.harness.provider.table.cell(capability)
            if cell.support in (Support.NOT_YET, Support.IMPOSSIBLE):
                pytest.skip(f"{capability.value}: {cell.note}")

    def can(self, *powers: Power) -> None:
        """Skip what this harness cannot do to its vendor."""
        for power in powers:
            if power not in self.harness.powers:
                pytest.skip(power.value)


def assert_silent(error: BaseException, *secrets: Secret | None) -> None:
    """Expect that neither an error nor what it came from holds a secret."""
    seen: BaseException | None = error
    while seen is not None:
        metadata = seen.metadata if isinstance(seen, ProviderError) else {}
        text = f"{seen!r} {seen} {metadata} {getattr(seen, 'code', '')} {getattr(seen, 'log_id', '')}"
        assert [] == [secret for secret in secrets if secret is not None and secret.reveal() in text]
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)

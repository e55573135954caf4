"""What a contract test needs of a provider: a grant, bytes to send, and control over the vendor behind it.

Owns the powers, the skips, and what the harnesses over simulators have in common. Knows no vendor.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, ClassVar

import pytest

from providers.capabilities import Capability, CapabilityTable
from providers.checked import checked
from providers.errors import ContractBroken, ProviderError, RateLimited, Unavailable
from providers.interface import Access, Provider
from providers.models.accounts import PrivacyLevel, ProfilePart
from providers.models.publishing import FailureKind, PostOptions, PublishPhase, PublishRequest
from providers.models.secret import Secret
from providers.simulators.faults import Fault
from tests.providers import faking
from tests.providers.faking import NOW, Renewing

FAULTS: dict[str, dict[str, Any]] = {
    "before": {"kind": "drop_before"},
    "after": {"kind": "drop_after"},
    "status": {"kind": "status", "status": 503},
    "html": {"kind": "html"},
}
FAILED_READS = (("status", Unavailable), ("html", ContractBroken), ("rate", RateLimited), ("after", Unavailable))
"""How a read fails, and the error that says so."""
FILE_SIZE = 66_259_900
"""More than one chunk at every vendor that has chunks."""
ONLY_ME = PostOptions(privacy_level=PrivacyLevel.ONLY_ME)
VIDEO_URI = Secret("https://media.example/canary.mp4")
PHOTO_URIS = tuple(Secret(f"https://media.example/canary-{number}.jpg") for number in range(2))


class Power(Enum):
    """What a harness can make its vendor do; the real vendor cannot be controlled."""

    FAULTS = "the vendor cannot be told to fail"
    CONSENT = "the vendor's consent page cannot be completed"
    TIME = "the vendor's time cannot be moved"
    RENEWAL = "tokens are not renewed here"
    POSTS = "nothing may be posted here"
    VIDEOS = "the account's videos cannot be chosen"
    WEBHOOKS = "no delivery can be signed here"
    MONEY = "no money may be spent here"


@dataclass(frozen=True)
class Setup:
    """A provider in one configuration, as the contract tests run over it: `open` yields the harness."""

    name: str
    table: CapabilityTable
    powers: frozenset[Power]
    open: Callable[[], AbstractAsyncContextManager[Any]]


def needs(*requirements: Capability | Power) -> pytest.MarkDecorator:
    """Mark a contract test with the capabilities and powers without which it is skipped."""
    return pytest.mark.needs(*requirements)


def skip_unless_met(test: pytest.Item, table: CapabilityTable, powers: frozenset[Power]) -> None:
    """Skip a test that needs a capability that the table does not promise (with its note), or another power."""
    for requirement in (each for mark in test.iter_markers("needs") for each in mark.args):
        if isinstance(requirement, Power):
            if requirement not in powers:
                pytest.skip(requirement.value)
        elif not table.can(requirement):
            pytest.skip(f"{requirement.value}: {table.cell(requirement).note}")


class Harness:
    """A provider over a simulator that can be made to fail; `now` is the time for both.

    A vendor's harness adds the requests that it supports (`video_request`, `draft_request` …), posts that can still be
    cancelled and those that cannot (`stoppable`, `unstoppable`), and what its powers need (`add_videos`, `delivery` …).
    """

    now = NOW
    verifier = faking.VERIFIER
    redirect_uri: ClassVar[str]
    unknown_publish: ClassVar[str]
    """An id that the vendor never issued."""
    narrow_missing = frozenset({ProfilePart.PROFILE, ProfilePart.STATS})
    """The parts of a profile that a grant of `narrow` cannot read."""
    operations: ClassVar[Mapping[str, str]]
    """The simulator's name of each operation (`profile`, `chunk`, `status`, `refresh` …)."""
    refusals: ClassVar[Mapping[str, dict[str, Any]]]
    """The faults `rate` (a rate limit) and `unknown` (a refusal with an undocumented code)."""
    strange: ClassVar[Mapping[str, dict[str, Any]]]
    """For some operations an answer with an undocumented value."""

    def __init__(self, sandbox: Any) -> None:
        self.sandbox = sandbox

    @property
    def provider(self) -> Provider:
        """The provider as the gateway uses it, with its capability table enforced."""
        return checked(self.sandbox.provider)

    @property
    def unchecked(self) -> Any:
        """The provider without that check: a dataclass with a `table`."""
        return self.sandbox.provider

    # Grants

    async def access(self) -> Renewing:
        """Connect, with everything granted."""
        access: Renewing = await self.sandbox.connect()
        return access

    async def narrow(self) -> Renewing:
        """Connect, with as few scopes granted as the vendor's consent page allows."""
        return await self.access()

    async def code(self) -> str:
        """Complete the consent page; return the code of the redirect."""
        code: str = await self.sandbox.code()
        return code

    # Posts

    def pull_request(self) -> PublishRequest:
        """Return a request with a private video that the vendor fetches."""
        raise NotImplementedError

    def public_request(self, caption: str) -> PublishRequest:
        """Return a request for a public video that the vendor fetches."""
        return replace(self.pull_request(), caption=caption, options=PostOptions(privacy_level=PrivacyLevel.PUBLIC))

    def content(self, first: int, end: int) -> AsyncIterator[bytes]:
        """Return bytes [first, end) of the file of `video_request`."""
        return faking.content(first, end)

    async def is_stopped(self, access: Access, publish_id: str) -> bool:
        """Return whether the vendor reports the post as cancelled."""
        status = await self.provider.publishing.status(access, publish_id)
        return (PublishPhase.FAILED, FailureKind.CANCELLED) == (status.phase, status.fail_kind)

    def posted(self) -> int:
        """Return the number of posts that the vendor has published."""
        return len(self.sandbox.vendor.posts)

    # Faults and calls

    def fail(self, operation: str, how: str, **values: Any) -> None:
        """Make the next call of an operation fail.

        `how` is `before` (the call never arrives), `after` (its answer is lost), `status`, `html`, or one of `refusals`
        and `strange`.
        """
        fault = self.strange[operation] if how == "strange" else {**FAULTS, **self.refusals}[how]
        self.sandbox.vendor.faults.add(Fault(match=self.operations[operation], **{**fault, **values}))

    def fail_publish(self, reason: str) -> None:
        """Make the next publish fail with this reason of the vendor's."""
        self.sandbox.vendor.fail_next_publish(reason)

    def cut_off(self) -> None:
        """Make every connection to the vendor fail from now on."""
        self.sandbox.line.down = True

    def expire_tokens(self) -> None:
        """Make the vendor refuse the access tokens that it issued."""
        self.sandbox.vendor.expire_access_tokens()

    def calls(self, operation: str) -> int:
        """Return the number of calls of an operation that reached the vendor."""
        return sum(call.operation == self.operations[operation] for call in self.sandbox.vendor.requests)

    def sent(self) -> int:
        """Return the number of all calls that reached the vendor."""
        return len(self.sandbox.vendor.requests)


async def read_pages(read: Callable[[str], Awaitable[Any]], most: int = 10) -> list[Any]:
    """Return the pages of a list, each read by its cursor; fail if the last of `most` pages is not the end."""
    pages = [await read("")]
    while pages[-1].next_cursor:
        assert len(pages) < most, f"no end after {most} pages"
        pages.append(await read(pages[-1].next_cursor))
    return pages


def assert_silent(error: BaseException, *secrets: Secret | None) -> None:
    """Assert that neither an error nor its causes contain a secret."""
    cause: BaseException | None = error
    while cause is not None:
        metadata = cause.metadata if isinstance(cause, ProviderError) else {}
        text = f"{cause!r} {cause} {metadata} {getattr(cause, 'code', '')} {getattr(cause, 'log_id', '')}"
        assert [] == [secret for secret in secrets if secret is not None and secret.reveal() in text]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)

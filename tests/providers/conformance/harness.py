"""What a contract test needs of a provider: a grant, bytes to send, and whatever can be done to the vendor behind it.

Owns the powers and the skips. Knows no vendor: each brings a harness of its own.
"""

from collections.abc import AsyncIterator
from enum import Enum
from typing import Any, Protocol

import pytest

from providers.capabilities import Capability, Support
from providers.interface import Access, Provider
from providers.models.publishing import Order


class Power(Enum):
    """What a harness can do to its vendor; the real one does nothing that it is told."""

    FAULTS = "the vendor cannot be told to fail"
    SCOPES = "the vendor's consent page cannot be walked"
    TIME = "the vendor's time cannot be moved"
    POSTS = "nothing may be posted here"
    VIDEOS = "the account's videos cannot be chosen"
    WEBHOOKS = "no delivery can be signed here"


class Harness(Protocol):
    """One provider over one vendor."""

    provider: Provider
    powers: frozenset[Power]

    async def access(self, *scopes: str) -> Access:
        """Connect, with these scopes only when some are given."""
        ...

    def video_order(self, **changes: Any) -> Order:
        """Give an order for the file that `content` gives."""
        ...

    def pull_order(self) -> Order:
        """Give an order for a video that the vendor fetches."""
        ...

    def photo_order(self) -> Order:
        """Give an order for photos that the vendor fetches."""
        ...

    def content(self, first: int, end: int) -> AsyncIterator[bytes]:
        """Give bytes [first, end) of the file."""
        ...

    def fail(self, operation: str, how: str, **values: Any) -> None:
        """Let the next call of an operation (`profile`, `videos`, `begin_video`, `begin_pull`, `chunk`, `status`,
        `cancel`, `refresh`) fail: `before` (it never came), `after` (its answer is lost), `status`, `code`, `html`.
        """
        ...

    def posted(self) -> int:
        """Count what the vendor has posted."""
        ...

    def expire_tokens(self) -> None:
        """Let the vendor refuse the access tokens it gave."""
        ...

    def add_videos(self, count: int) -> list[str]:
        """Give the account public videos, the newest last; give their ids."""
        ...

    def delivery(self, **changes: Any) -> tuple[dict[str, str], bytes]:
        """Give headers and body of an authentic webhook; `changes` spoil it (`age`, `secret`, `body` …)."""
        ...


class Contract:
    """What every contract class begins with; `harness` is set by the suite that runs it."""

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

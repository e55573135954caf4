"""What a test wants to know afterwards: posts on the networks, calls, exchanges, deliveries. No secret is ever in it.

Owns: the rows. Knows nothing of why they were written.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One post that exists on a network: one row per account and publishing, the only witness of doubles.

    `post_id` is HighLevel's record; `sha256` and `sizes` are of the fetched media, empty when nothing is fetched.
    """

    post_id: str
    location_id: str
    account_id: str
    platform: str
    platform_post_id: str
    preview_link: str
    summary: str
    media: tuple[str, ...]
    details: dict[str, Any]
    time: datetime
    sha256: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """One create that was accepted."""

    post_id: str
    location_id: str
    account_ids: tuple[str, ...]
    status: str
    summary: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One call that asked for a token. `outcome` is "ok" or the message."""

    grant_type: str
    outcome: str
    user_type: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP call. `operation` is "" for unknown paths; `status` 0 says that no answer was sent."""

    operation: str
    method: str
    path: str
    version: str
    status: int
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt to deliver a webhook. `status` 0 says that nobody answered."""

    event: str
    body: dict[str, Any] = field(hash=False)
    attempt: int
    status: int
    time: datetime

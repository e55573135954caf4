"""The ledger that tests read afterwards: posts on the networks, calls, token exchanges, deliveries. It has no secrets.

Owns: the rows. Knows nothing of what writes them.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.simulators.common import middleware


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A post on a network: one row per account and publishing, which is how tests detect duplicates.

    `post_id` is HighLevel's id; `sha256` and `sizes` are of the fetched media, empty when nothing is fetched.
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
    """An accepted create call."""

    post_id: str
    location_id: str
    account_ids: tuple[str, ...]
    status: str
    summary: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A call that requested a token. `outcome` is "ok" or the error message."""

    grant_type: str
    outcome: str
    user_type: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(middleware.Call):
    """An HTTP call with its Version header."""

    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An attempt to deliver a webhook. `status` is 0 when no response came."""

    event: str
    body: dict[str, Any] = field(hash=False)
    attempt: int
    status: int
    time: datetime

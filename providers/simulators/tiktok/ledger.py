"""What a test wants to know afterwards: calls, exchanges, deliveries. No secret is ever in it.

Owns: the rows. Knows nothing of why they were written.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Init:
    """One init that was accepted."""

    publish_id: str
    open_id: str
    mode: str
    source: str
    size: int
    chunk_size: int
    chunk_count: int
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One call of the token endpoint. `outcome` is "ok" or the error."""

    grant_type: str
    outcome: str
    open_id: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP call. `operation` is "" for paths that are not TikTok's; `status` 0 says that no answer was sent."""

    operation: str
    method: str
    path: str
    status: int
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt to deliver a webhook. `status` 0 says that nobody answered."""

    event: str
    open_id: str
    attempt: int
    status: int
    time: datetime

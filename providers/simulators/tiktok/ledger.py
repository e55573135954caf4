"""The ledger that tests read afterwards: inits, token exchanges, webhook deliveries. It never contains a secret.

Owns: the rows. Knows nothing of what writes them.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Init:
    """An accepted init call."""

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
    """A call of the token endpoint. `outcome` is "ok" or the error."""

    grant_type: str
    outcome: str
    open_id: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An attempt to deliver a webhook. `status` is 0 when no response came."""

    event: str
    open_id: str
    attempt: int
    status: int
    time: datetime

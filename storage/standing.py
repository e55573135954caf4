"""How things stand: how late the oldest due post is, how far behind deliveries are, how many connections work.

Owns one question for each, over all tenants. Does not know who asks.
"""

from dataclasses import dataclass

from sqlalchemy import text

from storage.database import Transaction

_ONE = text("""
SELECT greatest(0, coalesce((SELECT extract(epoch FROM now() - min(due_at)) FROM posts WHERE due_at <= now()), 0)),
  coalesce((SELECT max(c.last - e.delivered) FROM webhook_endpoints AS e JOIN event_counters AS c USING (location)
    WHERE e.state = 'ENABLED'), 0),
  (SELECT count(*) FROM audit_unsealed)
""")
_ENDPOINTS = text("SELECT state, count(*) FROM webhook_endpoints GROUP BY state")
_CONNECTIONS = text("SELECT provider, status, count(*) FROM connections GROUP BY provider, status")

Counts = dict[tuple[str, ...], float]
"""How many there are, by the values that they have in common."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand at one moment; `due_age` in seconds."""

    due_age: float
    events_behind: float
    audit_unsealed: float
    endpoints: Counts
    connections: Counts


async def read(tx: Transaction) -> Standing:
    """Return how things stand now, by the clock of the database."""
    due_age, events_behind, audit_unsealed = (await tx.execute(_ONE)).one()
    endpoints: Counts = {(state,): float(count) for state, count in await tx.execute(_ENDPOINTS)}
    connections: Counts = {(name, status): float(count) for name, status, count in await tx.execute(_CONNECTIONS)}
    return Standing(float(due_age), float(events_behind), float(audit_unsealed), endpoints, connections)

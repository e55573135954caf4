"""Who calls: the holder of an API key, with what it may use.

Owns `Caller` and the context variable that carries it through one call. Does not know how a key is checked.
"""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """One authenticated caller; `locations` is None when the key may use every location of its agency."""

    key_id: str
    agency: str
    locations: frozenset[str] | None
    scopes: frozenset[str]
    redirect_uris: frozenset[str] = frozenset()

    def may_use(self, location: str) -> bool:
        """Return whether the key's own list allows the location (whose agency owns it is asked elsewhere)."""
        return self.locations is None or location in self.locations

    def has_scope(self, scope: str) -> bool:
        """Return whether the key carries the scope; the empty scope is carried by every key."""
        return not scope or scope in self.scopes


current_caller: ContextVar[Caller] = ContextVar("current_caller")
"""The caller of the call at hand; set by the server before any servicer runs."""

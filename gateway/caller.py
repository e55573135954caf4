"""The caller: the holder of an API key, of a token or of a certificate, and what that may use.

Owns `Caller` and the context variable that carries it through one call. Does not know how a key is checked.
"""

from contextvars import ContextVar
from dataclasses import dataclass

CLAIM_SCOPE = "locations.claim"
"""The scope with which a key for all locations of its agency, or a token, may claim further ones."""

OPERATE_SCOPE = "admin.operate"
"""The scope of operators: it reaches beyond the key's own agency."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One authenticated caller; `locations` is None when the key may use every location of its agency.

    `named_by_operator` is whether an operator named `locations`, which makes them the agency's. The issuer of a token
    names locations too, but cannot give them away.
    """

    key_id: str
    agency: str
    locations: frozenset[str] | None
    scopes: frozenset[str]
    redirect_uris: frozenset[str] = frozenset()
    named_by_operator: bool = True

    @property
    def assigned(self) -> bool:
        """Whether an operator gave the key these very locations."""
        return self.locations is not None and self.named_by_operator

    def may_use(self, location: str) -> bool:
        """Return whether the key's own list allows the location; which agency owns it is checked elsewhere."""
        return self.locations is None or location in self.locations

    def may_claim(self, location: str) -> bool:
        """Return whether the key may make a location without an owner its agency's: by assignment or by scope."""
        return self.may_use(location) and (self.assigned or self.has_scope(CLAIM_SCOPE))

    @property
    def operates(self) -> bool:
        """Whether the key is an operator's. One for some locations only is never."""
        return self.locations is None and self.has_scope(OPERATE_SCOPE)

    def has_scope(self, scope: str) -> bool:
        """Return whether the key has the scope; every key has the empty scope."""
        return not scope or scope in self.scopes


current_caller: ContextVar[Caller] = ContextVar("current_caller")
"""The caller of the current call; set by the pipeline before any servicer runs."""

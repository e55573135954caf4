"""What the grants of both of TikTok's APIs have in common: only a user's consent makes one, and it has no settings.

Owns these answers. How a consent is asked for and what a code is exchanged for is each API's own.
"""

from collections.abc import Callable, Mapping
from typing import NoReturn

from providers.capabilities import Capability
from providers.errors import CapabilityMissing
from providers.interface import Access
from providers.models.grants import Grant, GrantKind
from providers.models.secret import Secret


class ConsentOnly:
    """The part of an authorisation that makes no call."""

    def __init__(self, scopes: tuple[str, ...], missing: Callable[[Capability], CapabilityMissing]) -> None:
        """Ask for `scopes`, and refuse a capability by the error that `missing` returns."""
        self._scopes = scopes
        self._missing = missing

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the application has, all that the gateway uses unless a setting bounds them."""
        return self._scopes

    @property
    def returns_state(self) -> bool:
        """True, as documented ("Login Kit for Web")."""
        return True

    def settings(self, location: str, kind: GrantKind, given: Mapping[str, str]) -> dict[str, str]:
        """Return no settings: a grant of TikTok's has none."""
        return {}

    def settings_of_grant(self, kind: GrantKind, settings: Mapping[str, str], grant: Grant) -> dict[str, str]:
        """Return no settings: a grant of TikTok's has none."""
        return {}

    async def static(self, token: Secret, *, settings: Mapping[str, str], scopes: tuple[str, ...]) -> NoReturn:
        """Raise CapabilityMissing: see the table."""
        raise self._missing(Capability.STATIC_TOKEN)

    async def discover_settings(self, access: Access) -> dict[str, str]:
        """Return no settings: no call needs any."""
        return {}

    async def places(self, access: Access, *, cursor: str = "") -> NoReturn:
        """Raise CapabilityMissing: see the table."""
        raise self._missing(Capability.AGENCY_GRANTS)

    async def derive(self, access: Access, place: str) -> NoReturn:
        """Raise CapabilityMissing: see the table."""
        raise self._missing(Capability.AGENCY_GRANTS)

"""HighLevel for the contract tests: the provider over the simulator, which does what it is told.

Owns which of the simulator's operations stands for which step of a provider.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from providers.checked import checked
from providers.interface import Provider
from providers.models.accounts import ProfilePart
from providers.models.grants import Grant
from providers.models.secret import Secret
from providers.simulators.highlevel import Fault
from providers.simulators.highlevel.tenants import BAKERY
from tests.providers.conformance.harness import Power
from tests.providers.faking import Line, Renewing
from tests.providers.highlevel.journeys import REDIRECT, Journey
from tests.providers.highlevel.support import NOW, VERIFIER

OPERATIONS = {"profile": "locations.search", "refresh": "oauth.token"}
FAULTS: dict[str, dict[str, Any]] = {
    "before": {"kind": "drop_before"},
    "after": {"kind": "drop_after"},
    "status": {"kind": "status", "status": 503},
    "html": {"kind": "html"},
    "rate": {"kind": "error", "message": "Too Many Requests", "status": 429},
    "unknown": {"kind": "error", "message": "Something new", "status": 400},
}


@dataclass
class Simulated:
    """The harness over the simulator, as far as the provider goes."""

    journey: Journey
    now: datetime = NOW
    powers: frozenset[Power] = frozenset({Power.FAULTS, Power.CONSENT, Power.TIME})
    verifier: Secret = VERIFIER
    redirect_uri: str = REDIRECT
    # A location has no figures, whatever is granted.
    narrow_missing: frozenset[ProfilePart] = frozenset({ProfilePart.STATS})

    @property
    def provider(self) -> Provider:
        """The provider as the gateway uses it, held to its own table."""
        return checked(self.journey.provider)

    @property
    def unchecked(self) -> Any:
        """The provider itself."""
        return self.journey.provider

    async def access(self) -> Renewing:
        """Walk through the page where a location is picked."""
        return await self.journey.connect()

    async def narrow(self) -> Renewing:
        """Connect as ever: HighLevel's page offers no scopes to leave out."""
        return await self.journey.connect()

    async def code(self) -> str:
        """Walk through the page where a location is picked."""
        return await self.journey.code()

    async def static(self) -> Grant:
        """Make a Private Integration Token of a location, and take it."""
        token = Secret(self.journey.vendor.private_token(BAKERY))
        authorization = self.journey.provider.authorization
        return await authorization.static(token, location_id=BAKERY, scopes=authorization.scopes)

    def fail(self, operation: str, how: str, **values: Any) -> None:
        """Order a fault."""
        self.journey.vendor.faults.add(Fault(match=OPERATIONS[operation], **{**FAULTS[how], **values}))

    def calls(self, operation: str) -> int:
        """Count what came to the simulator."""
        return sum(call.operation == OPERATIONS[operation] for call in self.journey.vendor.requests)

    def sent(self) -> int:
        """Count everything that came to the simulator."""
        return len(self.journey.vendor.requests)

    def cut_off(self) -> None:
        """Take the line down."""
        line = Line(httpx.ASGITransport(_nobody))
        line.down = True
        self.journey.wire.inner = line

    def expire_tokens(self) -> None:
        """End all access tokens."""
        self.journey.vendor.expire_access_tokens()


async def _nobody(*_: Any) -> None:
    raise AssertionError("the line is down")

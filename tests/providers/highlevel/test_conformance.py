"""HighLevel keeps the contracts of the facets that are built: shown over its simulator.

Owns which of the simulator's operations stands for which step of a provider, and the pairs of contract and harness.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from providers.highlevel import HighLevel
from providers.simulators.highlevel import Fault
from tests.providers.conformance.harness import Power
from tests.providers.conformance.networks import NetworksContract
from tests.providers.conformance.reading import AccountsContract
from tests.providers.conformance.writing import AuthorizationContract
from tests.providers.faking import Renewing
from tests.providers.highlevel.journeys import Journey, in_process

OPERATIONS = {
    "profile": "locations.search",
    "refresh": "oauth.token",
    "linked": "accounts.list",
    "attach": "connect.attach",
    "detach": "accounts.delete",
}
FAULTS: dict[str, dict[str, Any]] = {
    "before": {"kind": "drop_before"},
    "after": {"kind": "drop_after"},
    "status": {"kind": "status", "status": 503},
    "html": {"kind": "html"},
    "rate": {"kind": "error", "message": "Too Many Requests", "status": 429},
}


@dataclass
class Simulated:
    """The harness over the simulator, as far as the provider goes."""

    journey: Journey
    powers: frozenset[Power]

    @property
    def provider(self) -> HighLevel:
        """The provider itself: the wrapper around it asks for every facet."""
        return self.journey.provider

    async def access(self) -> Renewing:
        """Walk through the page where a location is picked."""
        return await self.journey.connect()

    async def consent(self, access: Renewing, platform: str) -> str:
        """Walk through a network's page; give the id that its signal tells."""
        return await self.journey.consent(access, platform)

    def fail(self, operation: str, how: str, **values: Any) -> None:
        """Order a fault."""
        self.journey.vendor.faults.add(Fault(match=OPERATIONS[operation], **{**FAULTS[how], **values}))

    def expire_tokens(self) -> None:
        """End all access tokens."""
        self.journey.vendor.expire_access_tokens()


class OverTheSimulator:
    """Sets the harness."""

    harness: Simulated
    powers = frozenset({Power.FAULTS, Power.TIME})

    @pytest.fixture(autouse=True)
    async def _over_the_simulator(self) -> AsyncIterator[None]:
        async with in_process(rate_limits=False) as journey:
            self.harness = Simulated(journey, self.powers)
            yield


class TestHighLevelAuthorization(OverTheSimulator, AuthorizationContract):
    """Grants."""

    powers = frozenset({Power.FAULTS, Power.SCOPES})


class TestHighLevelAccounts(OverTheSimulator, AccountsContract):
    """Profiles. A location's parts have one scope, so nothing can be left out for lack of another."""


class TestHighLevelNetworks(OverTheSimulator, NetworksContract):
    """Accounts of a location."""

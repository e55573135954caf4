"""HighLevel keeps the contracts of the facets that are built: shown over its simulator.

Owns which of the simulator's operations stands for which step of a provider, and the pairs of contract and harness.
"""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from providers.highlevel import HighLevel
from providers.simulators.highlevel import Fault
from tests.providers.conformance.harness import Power
from tests.providers.conformance.reading import AccountsContract
from tests.providers.conformance.webhooks import WebhooksContract
from tests.providers.conformance.writing import AuthorizationContract
from tests.providers.faking import Renewing
from tests.providers.highlevel.journeys import Journey, in_process
from tests.providers.highlevel.support import NOW

OPERATIONS = {"profile": "locations.search", "refresh": "oauth.token"}
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

    def fail(self, operation: str, how: str, **values: Any) -> None:
        """Order a fault."""
        self.journey.vendor.faults.add(Fault(match=OPERATIONS[operation], **{**FAULTS[how], **values}))

    def expire_tokens(self) -> None:
        """End all access tokens."""
        self.journey.vendor.expire_access_tokens()

    # Webhooks

    @property
    def now(self) -> datetime:
        """Give the present."""
        return NOW

    def delivery(
        self,
        *,
        age: timedelta = timedelta(0),
        secret: str = "",
        body: bytes | None = None,
        application: str = "",
        event: str = "UNINSTALL",
        unsigned: bool = False,
    ) -> tuple[dict[str, str], bytes]:
        """Sign a delivery as HighLevel does, or not quite."""
        told = {
            "type": event,
            "appId": application or self.journey.vendor.config.app_id,
            "locationId": "canary-location",
            "timestamp": (NOW - age).isoformat(),
            "webhookId": "canary-webhook",
        }
        sent = json.dumps(told).encode() if body is None else body
        by = Ed25519PrivateKey.from_private_bytes(b"s" * 32) if secret else None
        signature = b64encode(by.sign(sent)).decode() if by else self.journey.vendor.webhooks.signature(sent)
        return ({} if unsigned else {"x-ghl-signature": signature}), sent


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


class TestHighLevelWebhooks(OverTheSimulator, WebhooksContract):
    """Deliveries."""

    powers = frozenset({Power.WEBHOOKS})

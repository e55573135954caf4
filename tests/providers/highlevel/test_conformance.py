"""HighLevel keeps the contract of every facet it promises: shown over its simulator.

Owns nothing but the pairs of contract and harness.
"""

from collections.abc import AsyncIterator

import pytest

from tests.providers.conformance.accounts import AccountsContract
from tests.providers.conformance.authorization import AuthorizationContract
from tests.providers.conformance.publishing import PublishingContract
from tests.providers.conformance.refusals import RefusalsContract
from tests.providers.conformance.videos import VideosContract
from tests.providers.conformance.webhooks import WebhooksContract
from tests.providers.highlevel.harness import Simulated
from tests.providers.highlevel.journeys import in_process


class OverTheSimulator:
    """Sets the harness."""

    harness: Simulated

    @pytest.fixture(autouse=True)
    async def _over_the_simulator(self) -> AsyncIterator[None]:
        async with in_process(rate_limits=False) as journey:
            self.harness = Simulated(journey)
            yield


class TestHighLevelAuthorization(OverTheSimulator, AuthorizationContract):
    """Grants."""


class TestHighLevelAccounts(OverTheSimulator, AccountsContract):
    """Profiles of a location."""


class TestHighLevelVideos(OverTheSimulator, VideosContract):
    """Videos."""


class TestHighLevelPublishing(OverTheSimulator, PublishingContract):
    """Posts."""


class TestHighLevelWebhooks(OverTheSimulator, WebhooksContract):
    """Deliveries."""


class TestHighLevelRefusals(OverTheSimulator, RefusalsContract):
    """What HighLevel's table does not promise."""

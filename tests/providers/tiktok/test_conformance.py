"""TikTok fulfils the contract of every facet that it promises, tested over its simulator.

Owns only the pairs of contract and harness.
"""

from collections.abc import AsyncIterator

import pytest

from providers.tiktok.capabilities import TABLE
from tests.providers.conformance.accounts import AccountsContract
from tests.providers.conformance.authorization import AuthorizationContract
from tests.providers.conformance.engagement import EngagementContract
from tests.providers.conformance.networks import NetworksContract
from tests.providers.conformance.planner import PlannerContract
from tests.providers.conformance.publishing import PublishingContract
from tests.providers.conformance.records import RecordsContract
from tests.providers.conformance.refusals import RefusalsContract
from tests.providers.conformance.videos import VideosContract
from tests.providers.conformance.webhooks import WebhooksContract
from tests.providers.tiktok.harness import Simulated
from tests.providers.tiktok.sandbox import in_process


class OverTheSimulator:
    """Set the harness."""

    table = TABLE
    harness: Simulated

    @pytest.fixture(autouse=True)
    async def _over_the_simulator(self) -> AsyncIterator[None]:
        async with in_process(rate_limits=False) as sandbox:
            self.harness = Simulated(sandbox)
            yield


class TestTikTokAuthorization(OverTheSimulator, AuthorizationContract):
    """Grants."""


class TestTikTokAccounts(OverTheSimulator, AccountsContract):
    """Profiles and creator info."""


class TestTikTokNetworks(OverTheSimulator, NetworksContract):
    """Accounts inside a grant."""


class TestTikTokVideos(OverTheSimulator, VideosContract):
    """Videos."""


class TestTikTokPublishing(OverTheSimulator, PublishingContract):
    """Posts."""


class TestTikTokRecords(OverTheSimulator, RecordsContract):
    """A planner's records."""


class TestTikTokEngagement(OverTheSimulator, EngagementContract):
    """Account metrics and comments."""


class TestTikTokPlanner(OverTheSimulator, PlannerContract):
    """Labels and imports."""


class TestTikTokWebhooks(OverTheSimulator, WebhooksContract):
    """Webhook deliveries."""


class TestTikTokRefusals(OverTheSimulator, RefusalsContract):
    """What TikTok's table does not promise."""

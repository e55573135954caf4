"""HighLevel fulfils the contract of every facet it has, over its simulator and in both API versions.

Owns only the pairs of contract and harness.
"""

from collections.abc import AsyncIterator

import pytest

from providers.highlevel.capabilities import table_of
from providers.highlevel.config import V2, V3, read
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
from tests.providers.highlevel.harness import Simulated
from tests.providers.highlevel.sandbox import in_process


class OverTheSimulator:
    """Sets the harness for version 2021-07-28."""

    version = V2
    table = table_of(read({"api_version": V2}))
    harness: Simulated

    @pytest.fixture(autouse=True)
    async def _over_the_simulator(self) -> AsyncIterator[None]:
        settings = {"rate_limits": False, "processing_seconds": 0}
        async with in_process(version=self.version, **settings) as sandbox:
            self.harness = Simulated(sandbox)
            yield


class InV3(OverTheSimulator):
    """Sets the harness for version v3."""

    version = V3
    table = table_of(read({"api_version": V3}))


class TestHighLevelAuthorization(OverTheSimulator, AuthorizationContract):
    """Grants."""


class TestHighLevelAuthorizationInV3(InV3, AuthorizationContract):
    """Grants, in v3."""


class TestHighLevelAccounts(OverTheSimulator, AccountsContract):
    """Profiles of a location."""


class TestHighLevelNetworks(OverTheSimulator, NetworksContract):
    """Accounts of a location."""


class TestHighLevelNetworksInV3(InV3, NetworksContract):
    """Accounts of a location, in v3."""


class TestHighLevelVideos(OverTheSimulator, VideosContract):
    """Videos."""


class TestHighLevelPublishing(OverTheSimulator, PublishingContract):
    """Posts."""


class TestHighLevelPublishingInV3(InV3, PublishingContract):
    """Posts, in v3."""


class TestHighLevelRecords(OverTheSimulator, RecordsContract):
    """The planner's records."""


class TestHighLevelRecordsInV3(InV3, RecordsContract):
    """The planner's records, in v3."""


class TestHighLevelEngagement(OverTheSimulator, EngagementContract):
    """Figures, without comments."""


class TestHighLevelEngagementInV3(InV3, EngagementContract):
    """Figures and comments, in v3."""


class TestHighLevelPlanner(OverTheSimulator, PlannerContract):
    """Labels and imports."""


class TestHighLevelPlannerInV3(InV3, PlannerContract):
    """Labels and imports, in v3."""


class TestHighLevelWebhooks(OverTheSimulator, WebhooksContract):
    """Webhook deliveries."""


class TestHighLevelRefusals(OverTheSimulator, RefusalsContract):
    """What HighLevel's table excludes."""


class TestHighLevelRefusalsInV3(InV3, RefusalsContract):
    """What it excludes in v3."""

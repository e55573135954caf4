"""HighLevel keeps the contract of every facet it promises: shown over its simulator, in both generations of its API.

Owns nothing but the pairs of contract and harness.
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
    """Sets the harness."""

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
    """Sets the harness in the newer generation."""

    version = V3
    table = table_of(read({"api_version": V3}))


class TestHighLevelAuthorization(OverTheSimulator, AuthorizationContract):
    """Grants."""


class TestHighLevelAuthorizationInV3(InV3, AuthorizationContract):
    """Grants, in other spellings."""


class TestHighLevelAccounts(OverTheSimulator, AccountsContract):
    """Profiles of a location."""


class TestHighLevelNetworks(OverTheSimulator, NetworksContract):
    """Accounts of a location."""


class TestHighLevelNetworksInV3(InV3, NetworksContract):
    """Accounts of a location, in other spellings."""


class TestHighLevelVideos(OverTheSimulator, VideosContract):
    """Videos."""


class TestHighLevelPublishing(OverTheSimulator, PublishingContract):
    """Posts."""


class TestHighLevelPublishingInV3(InV3, PublishingContract):
    """Posts, in other spellings."""


class TestHighLevelRecords(OverTheSimulator, RecordsContract):
    """The planner's records."""


class TestHighLevelRecordsInV3(InV3, RecordsContract):
    """The planner's records, in other spellings."""


class TestHighLevelEngagement(OverTheSimulator, EngagementContract):
    """Figures; there are no comments."""


class TestHighLevelEngagementInV3(InV3, EngagementContract):
    """Figures and comments."""


class TestHighLevelPlanner(OverTheSimulator, PlannerContract):
    """Labels and files of posts."""


class TestHighLevelPlannerInV3(InV3, PlannerContract):
    """Labels and files of posts, in other spellings."""


class TestHighLevelWebhooks(OverTheSimulator, WebhooksContract):
    """Deliveries."""


class TestHighLevelRefusals(OverTheSimulator, RefusalsContract):
    """What HighLevel's table does not promise."""


class TestHighLevelRefusalsInV3(InV3, RefusalsContract):
    """What it does not promise in the newer generation."""

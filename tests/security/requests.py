"""One well-formed request for every method of the contract: the sweeps malform them, or send them with the wrong key.

Owns the table; a method without a row here fails the sweeps. Does not know what is done with a request.
"""

import hashlib
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from gateway.domain.ads import specs
from providers.models.ads import (
    AdAccount,
    AdBudget,
    AdGroupSpec,
    AdMetric,
    AdSpec,
    BudgetKind,
    CampaignSpec,
    ExistingPost,
    IdentityKind,
    IdentityRef,
    ReportLevel,
    ReportQuery,
    Spec,
    Targeting,
)
from socialgateway.v1 import account_pb2, post_pb2
from storage import ad_accounts, ad_reports, ads, audiences, engagement_syncs, imports
from storage.ad_accounts import AdAccountRow
from storage.ad_reports import AdReportRow
from storage.ads import AdRow
from storage.audiences import AudienceRow
from storage.engagement_syncs import SyncRow
from storage.imports import ImportRow
from storage.states import AdLevel, AdReportState, DeliveryState, ImportState, SyncState
from tests.fixtures.client import METHODS
from tests.fixtures.consent import query_of
from tests.fixtures.settings import REDIRECT_URI
from tests.security.journey import VIDEO, Journey
from tests.security.recorded import RecordedGateway

ABSENT = "absent"
VIDEO_ID = 7602997517160123666
SYNC_ID = "s1"
AUDIENCE_ID = "au1"
REPORT_ID = "re1"


@dataclass(frozen=True, slots=True)
class Things:
    """The ids of what a location has, and the state of a consent that is open in it."""

    location: str
    connection: str
    account: str
    upload: str
    post: str
    state: str
    imported: str
    endpoint: str
    ad_account: str = "aa1"
    campaign: str = "c1"
    ad_group: str = "g1"
    ad: str = "a1"

    def name(self, kind: str, id: str) -> str:
        """Return the name of a resource of the location."""
        return f"locations/{self.location}/{kind}/{id}"

    def moved(self, location: str) -> "Things":
        """Return the same ids in another location."""
        return replace(self, location=location)

    def absent(self) -> "Things":
        """Return ids of what is not there, in the same location."""
        state = ("a" if self.state[0] != "a" else "b") + self.state[1:]
        kept = {"location": self.location, "state": state}
        return Things(**{**dict.fromkeys(asdict(self), ABSENT), **kept})


async def make(recorded: RecordedGateway, key: str, location: str = "l1") -> Things:
    """Make one of each in a location, an open consent included."""
    parent = f"locations/{location}"
    journey = Journey(recorded, key, parent=parent)
    await journey.connect()
    recorded.vendor.add_video(next(iter(recorded.vendor.users)), id=VIDEO_ID)
    upload = await journey.upload()
    post = await journey.post(upload)
    state = query_of((await journey.reauthorize()).authorization.uri)["state"]
    names = (journey.connection, journey.account, upload, post.name)
    connection, account, upload, post_id = (name.rpartition("/")[2] for name in names)
    imported = await _imported(recorded, location=location, connection=connection, accounts=[account], upload=upload)
    await _synced(recorded, location)
    await _advertised(recorded, location, connection)
    made = await recorded.call(
        "WebhookEndpointService/CreateWebhookEndpoint", key=key, parent=parent, webhook_endpoint=NEW_ENDPOINT
    )
    return Things(location, connection, account, upload, post_id, state, imported, made.name.rpartition("/")[2])


async def _imported(recorded: RecordedGateway, **values: Any) -> str:
    """Insert an import: TikTok, which the location is connected to, has no planner that would accept one."""
    now = recorded.gateway.domain.clock()
    error = {"reason": "CONTENT_REJECTED", "message": "The file has no rows.", "metadata": {"provider": "tiktok"}}
    own: dict[str, Any] = {"id": "i1", "provider": "tiktok", "file_name": "i1-1.csv"}
    row = ImportRow(**values, **own, state=ImportState.FAILED, error=error, create_time=now, update_time=now)
    async with recorded.gateway.domain.db.transaction() as tx:
        await imports.insert(tx, row)
    return row.id


async def _synced(recorded: RecordedGateway, location: str) -> None:
    """Insert an engagement sync that ended: of one that is made here nothing would be read."""
    now = recorded.gateway.domain.clock()
    row = SyncRow(location=location, id=SYNC_ID, state=SyncState.SUCCEEDED, create_time=now, end_time=now)
    async with recorded.gateway.domain.db.transaction() as tx:
        await engagement_syncs.insert(tx, row, [])


async def _advertised(recorded: RecordedGateway, location: str, connection: str) -> None:
    """Insert an ad account with a campaign, an ad group and an ad whose creation failed: this grant reaches no ads."""
    now = recorded.gateway.domain.clock()
    account = AdAccountRow(
        location=location,
        id="aa1",
        connection=connection,
        provider="tiktok",
        provider_ad_account_id="adv-1",
        payload=specs.dump_account(AdAccount("adv-1", currency="USD")),
        fetch_time=now,
        create_time=now,
    )
    async with recorded.gateway.domain.db.transaction() as tx:
        await ad_accounts.save(tx, account)
        await ads.insert(tx, _failed(location, now, AdLevel.CAMPAIGN, CampaignSpec("c", "TRAFFIC"), "c1"))
        await ads.insert(tx, _failed(location, now, AdLevel.AD_GROUP, GROUP, "c1", "g1"))
        await ads.insert(tx, _failed(location, now, AdLevel.AD, AD_SPEC, "c1", "g1", "a1"))
        own: dict[str, Any] = {"location": location, "id": AUDIENCE_ID, "ad_account": "aa1", "display_name": "theirs"}
        await audiences.insert(tx, AudienceRow(**own, create_time=now, update_time=now))
        await ad_reports.insert(tx, _reported(location, now))


def _reported(location: str, now: datetime) -> AdReportRow:
    query = ReportQuery(ReportLevel.CAMPAIGN, (AdMetric.SPEND,), date(2026, 11, 20), date(2026, 11, 20))
    own: dict[str, Any] = {"location": location, "id": REPORT_ID, "ad_account": "aa1", "state": AdReportState.FAILED}
    return AdReportRow(**own, query=specs.dump_query(query), create_time=now, update_time=now)


def _failed(location: str, now: datetime, level: AdLevel, spec: Spec, *ids: str) -> AdRow:
    return AdRow(
        location=location,
        id=ids[-1],
        ad_account="aa1",
        level=level,
        path="/".join(ids),
        parent=ids[-2] if len(ids) > 1 else "",
        spec=specs.dump(spec),
        state=DeliveryState.FAILED,
        create_time=now,
        update_time=now,
    )


GROUP = AdGroupSpec("g", AdBudget(BudgetKind.DAILY, Decimal(20)), Targeting(("US",)), "CLICK", "CPC")
AD_SPEC = AdSpec("a", ExistingPost("1"), IdentityRef(IdentityKind.POST_AUTHOR, "1"))
PARENT = "locations/{location}"
CONNECTION = f"{PARENT}/connections/{{connection}}"
ACCOUNT = f"{PARENT}/accounts/{{account}}"
UPLOAD = f"{PARENT}/uploads/{{upload}}"
POST = f"{PARENT}/posts/{{post}}"
IMPORT = f"{PARENT}/postImports/{{imported}}"
ENDPOINT = f"{PARENT}/webhookEndpoints/{{endpoint}}"
VIDEO_NAME = f"{ACCOUNT}/videos/{VIDEO_ID}"
COMMENT = f"{ACCOUNT}/comments/{'0' * 24}"
TIKTOK = "providers/tiktok"
NOW = {"seconds": 0}
NEW_POST = {
    "account": ACCOUNT,
    "mode": post_pb2.POST_MODE_DIRECT,
    "caption": "hi",
    "video": {"source": {"upload": UPLOAD}},
    "options": {"privacy_level": account_pb2.PRIVACY_LEVEL_ONLY_ME},
    "consent": {"subject": "somebody", "declaration": "I agree", "time": {"seconds": 1_700_000_000}},
}
NEW_UPLOAD = {"mime_type": "video/mp4", "size_bytes": 5, "sha256": hashlib.sha256(VIDEO[:5]).hexdigest()}
NEW_CONNECTION = {"parent": PARENT, "connection": {"provider": TIKTOK}, "redirect_uri": REDIRECT_URI}
NEW_ENDPOINT = {"uri": "https://hooks.example.com/events", "description": "theirs"}
NETWORK = {"parent": CONNECTION, "platform": "tiktok"}
AD_ACCOUNT = f"{PARENT}/adAccounts/{{ad_account}}"
CAMPAIGN = f"{AD_ACCOUNT}/campaigns/{{campaign}}"
AD_GROUP = f"{CAMPAIGN}/adGroups/{{ad_group}}"
AD = f"{AD_GROUP}/ads/{{ad}}"
AD_REPORT = f"{AD_ACCOUNT}/adReports/{REPORT_ID}"
AUDIENCE = f"{AD_ACCOUNT}/audiences/{AUDIENCE_ID}"
NEW_CAMPAIGN = {"display_name": "theirs", "objective": "TRAFFIC"}
NEW_AD_GROUP = {
    "display_name": "theirs",
    "budget": {"daily": {"currency_code": "USD", "units": 25}},
    "targeting": {"region_codes": ["US"]},
    "bid": {"strategy": "BID_STRATEGY_LOWEST_COST"},
    "optimization_goal": "CLICK",
    "billing_event": "CPC",
}
NEW_AD = {"display_name": "theirs", "creative": {"authorization_code": "a-code"}}
DAY = {"year": 2026, "month": 11, "day": 20}
REPORTED = {
    "level": "AD_REPORT_LEVEL_CAMPAIGN",
    "metrics": ["AD_METRIC_SPEND"],
    "start_date": DAY,
    "end_date": DAY,
}
VALUES: dict[str, dict[str, Any]] = {
    "AccountService/DeleteAccount": {"name": ACCOUNT},
    "AccountService/GetAccount": {"name": ACCOUNT, "max_staleness": NOW},
    "AccountService/GetCreatorInfo": {"name": f"{ACCOUNT}/creatorInfo", "max_staleness": NOW},
    "AccountService/ListAccounts": {"parent": PARENT},
    "AudienceService/AppendAudienceMembers": {"name": AUDIENCE, "members": [{"email": "ab" * 32}]},
    "AudienceService/RemoveAudienceMembers": {"name": AUDIENCE, "members": [{"email": "ab" * 32}]},
    "AudienceService/CreateAudience": {"parent": AD_ACCOUNT, "audience": {"display_name": "theirs"}},
    "AudienceService/DeleteAudience": {"name": AUDIENCE},
    "AudienceService/GetAudience": {"name": AUDIENCE},
    "AudienceService/ListAudiences": {"parent": AD_ACCOUNT},
    "AdAccountService/GetAdAccount": {"name": AD_ACCOUNT},
    "AdAccountService/ListAdAccounts": {"parent": PARENT},
    "AdAccountService/ListAdIdentities": {"parent": AD_ACCOUNT},
    "AdGroupService/CreateAdGroup": {"parent": CAMPAIGN, "ad_group": NEW_AD_GROUP},
    "AdGroupService/DeleteAdGroup": {"name": AD_GROUP, "etag": "1"},
    "AdGroupService/GetAdGroup": {"name": AD_GROUP},
    "AdGroupService/LaunchAdGroup": {"name": AD_GROUP, "etag": "1"},
    "AdGroupService/ListAdGroups": {"parent": CAMPAIGN},
    "AdGroupService/PauseAdGroup": {"name": AD_GROUP},
    "AdGroupService/UpdateAdGroup": {"ad_group": {"name": AD_GROUP, "etag": "1", "display_name": "other"}},
    "AdReportService/CreateAdReport": {"parent": AD_ACCOUNT, "ad_report": REPORTED},
    "AdReportService/GetAdReport": {"name": AD_REPORT},
    "AdReportService/QueryAdMetrics": {"parent": AD_ACCOUNT, **REPORTED},
    "AdReportService/StreamAdReport": {"name": AD_REPORT},
    "AdService/CreateAd": {"parent": AD_GROUP, "ad": NEW_AD},
    "AdService/DeleteAd": {"name": AD, "etag": "1"},
    "AdService/GetAd": {"name": AD},
    "AdService/LaunchAd": {"name": AD, "etag": "1"},
    "AdService/ListAds": {"parent": AD_GROUP},
    "AdService/PauseAd": {"name": AD},
    "AdService/UpdateAd": {"ad": {"name": AD, "etag": "1", "display_name": "other"}},
    "CampaignService/CreateCampaign": {"parent": AD_ACCOUNT, "campaign": NEW_CAMPAIGN},
    "CampaignService/DeleteCampaign": {"name": CAMPAIGN, "etag": "1"},
    "CampaignService/GetCampaign": {"name": CAMPAIGN},
    "CampaignService/LaunchCampaign": {"name": CAMPAIGN, "etag": "1"},
    "CampaignService/ListCampaigns": {"parent": AD_ACCOUNT},
    "CampaignService/PauseCampaign": {"name": CAMPAIGN},
    "CampaignService/UpdateCampaign": {"campaign": {"name": CAMPAIGN, "etag": "1", "display_name": "other"}},
    "ConnectionService/AttachAccount": {**NETWORK, "authorization_id": "a", "provider_account_id": "b"},
    "ConnectionService/CompleteConnection": {"state": "{state}", "code": "a-code-of-the-vendor"},
    "ConnectionService/CreateConnection": NEW_CONNECTION,
    "ConnectionService/DeleteConnection": {"name": CONNECTION},
    "ConnectionService/DisconnectConnection": {"name": CONNECTION},
    "ConnectionService/GetConnection": {"name": CONNECTION},
    "ConnectionService/GetConnectionStatus": {"parent": PARENT, "provider": TIKTOK},
    "ConnectionService/ListAttachableAccounts": {**NETWORK, "authorization_id": "a"},
    "ConnectionService/ListConnections": {"parent": PARENT},
    "ConnectionService/ReauthorizeConnection": {"name": CONNECTION},
    "ConnectionService/StartAccountAuthorization": NETWORK,
    "ConnectionService/VerifyConnection": {"name": CONNECTION},
    "EngagementService/CreateComment": {"parent": ACCOUNT, "comment": {"text": "hi", "post": POST}},
    "EngagementService/LikeComment": {"name": COMMENT},
    "EngagementService/ListComments": {"parent": ACCOUNT},
    "EngagementService/QueryMetrics": {"parent": ACCOUNT},
    "EngagementService/QueryPostMetrics": {"name": POST},
    "EngagementService/UnlikeComment": {"name": COMMENT},
    "EngagementService/HideComment": {"name": COMMENT},
    "EngagementService/UnhideComment": {"name": COMMENT},
    "EngagementService/DeleteComment": {"name": COMMENT},
    "EngagementService/CreateEngagementSync": {"parent": PARENT, "engagement_sync": {"account": ACCOUNT}},
    "EngagementService/GetEngagementSync": {"name": f"{PARENT}/engagementSyncs/{SYNC_ID}"},
    "EngagementService/ListEngagementSyncs": {"parent": PARENT},
    "EventService/ListEvents": {"parent": PARENT},
    # A stream that is accepted would not end.
    "EventService/StreamEvents": {"parent": PARENT, "start_cursor": "none of ours"},
    "PlannerService/CreatePostImport": {"parent": PARENT, "post_import": {"upload": UPLOAD, "accounts": [ACCOUNT]}},
    "PlannerService/DeletePostImport": {"name": IMPORT},
    "PlannerService/FinalizePostImport": {"name": IMPORT},
    "PlannerService/GetPostImport": {"name": IMPORT},
    "PlannerService/ListCategories": {"parent": CONNECTION},
    "PlannerService/ListPostImportRows": {"parent": IMPORT},
    "PlannerService/ListPostImports": {"parent": PARENT},
    "PlannerService/ListTags": {"parent": CONNECTION},
    "PostService/BatchCreatePosts": {"parent": PARENT, "requests": [{"parent": PARENT, "post": NEW_POST}]},
    "PostService/BatchGetPosts": {"parent": PARENT, "names": [POST]},
    "PostService/CancelPost": {"name": POST},
    "PostService/CreatePost": {"parent": PARENT, "post": NEW_POST},
    "PostService/DeletePost": {"name": POST},
    "PostService/GetPost": {"name": POST},
    "PostService/ListPosts": {"parent": PARENT},
    "PostService/RefreshPost": {"name": POST},
    "PostService/RetryPost": {"name": POST},
    "PostService/UpdatePost": {"post": {"name": POST, "caption": "other words"}},
    "PostService/WatchPost": {"name": POST},
    "ProviderService/GetProvider": {"name": TIKTOK},
    "ProviderService/ListProviders": {},
    "QuotaService/ListQuotas": {"parent": ACCOUNT},
    "UploadService/CreateUpload": {"parent": PARENT, "upload": NEW_UPLOAD},
    "UploadService/DeleteUpload": {"name": UPLOAD},
    "UploadService/GetUpload": {"name": UPLOAD},
    "UploadService/WriteUpload": {"name": UPLOAD, "data": b"12345"},
    "VideoService/GetVideo": {"name": VIDEO_NAME, "max_staleness": NOW},
    "VideoService/ListVideos": {"parent": ACCOUNT, "max_staleness": NOW},
    "VideoService/QueryVideos": {"parent": ACCOUNT, "names": [VIDEO_NAME]},
    "WebhookEndpointService/CreateWebhookEndpoint": {"parent": PARENT, "webhook_endpoint": NEW_ENDPOINT},
    "WebhookEndpointService/DeleteWebhookEndpoint": {"name": ENDPOINT},
    "WebhookEndpointService/DisableWebhookEndpoint": {"name": ENDPOINT},
    "WebhookEndpointService/EnableWebhookEndpoint": {"name": ENDPOINT},
    "WebhookEndpointService/GetWebhookEndpoint": {"name": ENDPOINT},
    "WebhookEndpointService/ListWebhookEndpoints": {"parent": PARENT},
    "WebhookEndpointService/RotateWebhookEndpointSecret": {"name": ENDPOINT},
    "WebhookEndpointService/TestWebhookEndpoint": {"name": ENDPOINT},
    "WebhookEndpointService/UpdateWebhookEndpoint": {"webhook_endpoint": {"name": ENDPOINT, "description": "ours"}},
}
"""The fields of each request; the placeholders are the fields of Things."""


def sound(method: str, things: Things) -> Any:
    """Return a request of the method that nothing is wrong with."""
    return METHODS[method].request(**filled(VALUES[method], asdict(things)))


def filled(value: Any, ids: dict[str, str]) -> Any:
    """Return a value with its placeholders replaced."""
    if isinstance(value, dict):
        return {name: filled(each, ids) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, ids) for each in value]
    return value.format(**ids) if isinstance(value, str) else value

"""The scope that each method requires, in one table for each port, and what else is fixed about a method.

Owns the tables, which methods need no API key at all, and which the contract marks as repeatable. Does not know how a
scope is checked.
"""

from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import MethodOptions

ANY_KEY = ""
"""Any valid key may call the method: the response is the same for everybody."""

METHOD_SCOPES: dict[str, str] = {
    "/socialgateway.v1.ProviderService/GetProvider": ANY_KEY,
    "/socialgateway.v1.ProviderService/ListProviders": ANY_KEY,
    "/socialgateway.v1.ConnectionService/CreateConnection": "connections.write",
    "/socialgateway.v1.ConnectionService/GetConnection": "connections.read",
    "/socialgateway.v1.ConnectionService/GetConnectionStatus": "connections.read",
    "/socialgateway.v1.ConnectionService/ListConnections": "connections.read",
    "/socialgateway.v1.ConnectionService/DeleteConnection": "connections.write",
    "/socialgateway.v1.ConnectionService/CompleteConnection": "connections.write",
    "/socialgateway.v1.ConnectionService/ReauthorizeConnection": "connections.write",
    "/socialgateway.v1.ConnectionService/VerifyConnection": "connections.write",
    "/socialgateway.v1.ConnectionService/DisconnectConnection": "connections.write",
    "/socialgateway.v1.ConnectionService/StartAccountAuthorization": "connections.write",
    "/socialgateway.v1.ConnectionService/ListAttachableAccounts": "connections.read",
    "/socialgateway.v1.ConnectionService/AttachAccount": "connections.write",
    "/socialgateway.v1.AccountService/GetAccount": "accounts.read",
    "/socialgateway.v1.AccountService/ListAccounts": "accounts.read",
    "/socialgateway.v1.AccountService/DeleteAccount": "accounts.write",
    "/socialgateway.v1.AccountService/GetCreatorInfo": "accounts.read",
    "/socialgateway.v1.VideoService/GetVideo": "videos.read",
    "/socialgateway.v1.VideoService/ListVideos": "videos.read",
    "/socialgateway.v1.VideoService/QueryVideos": "videos.read",
    "/socialgateway.v1.EngagementService/QueryMetrics": "engagement.read",
    "/socialgateway.v1.EngagementService/QueryPostMetrics": "engagement.read",
    "/socialgateway.v1.EngagementService/ListComments": "engagement.read",
    "/socialgateway.v1.EngagementService/CreateComment": "engagement.write",
    "/socialgateway.v1.EngagementService/LikeComment": "engagement.write",
    "/socialgateway.v1.EngagementService/UnlikeComment": "engagement.write",
    "/socialgateway.v1.EngagementService/HideComment": "engagement.write",
    "/socialgateway.v1.EngagementService/UnhideComment": "engagement.write",
    "/socialgateway.v1.EngagementService/DeleteComment": "engagement.write",
    "/socialgateway.v1.EngagementService/CreateEngagementSync": "engagement.write",
    "/socialgateway.v1.EngagementService/GetEngagementSync": "engagement.read",
    "/socialgateway.v1.EngagementService/ListEngagementSyncs": "engagement.read",
    "/socialgateway.v1.PlannerService/ListCategories": "planner.read",
    "/socialgateway.v1.PlannerService/ListTags": "planner.read",
    "/socialgateway.v1.PlannerService/CreatePostImport": "planner.write",
    "/socialgateway.v1.PlannerService/GetPostImport": "planner.read",
    "/socialgateway.v1.PlannerService/ListPostImports": "planner.read",
    "/socialgateway.v1.PlannerService/ListPostImportRows": "planner.read",
    "/socialgateway.v1.PlannerService/FinalizePostImport": "planner.write",
    "/socialgateway.v1.PlannerService/DeletePostImport": "planner.write",
    "/socialgateway.v1.QuotaService/ListQuotas": "quotas.read",
    "/socialgateway.v1.WebhookEndpointService/CreateWebhookEndpoint": "webhooks.write",
    "/socialgateway.v1.WebhookEndpointService/GetWebhookEndpoint": "webhooks.read",
    "/socialgateway.v1.WebhookEndpointService/ListWebhookEndpoints": "webhooks.read",
    "/socialgateway.v1.WebhookEndpointService/UpdateWebhookEndpoint": "webhooks.write",
    "/socialgateway.v1.WebhookEndpointService/DisableWebhookEndpoint": "webhooks.write",
    "/socialgateway.v1.WebhookEndpointService/EnableWebhookEndpoint": "webhooks.write",
    "/socialgateway.v1.WebhookEndpointService/RotateWebhookEndpointSecret": "webhooks.write",
    "/socialgateway.v1.WebhookEndpointService/TestWebhookEndpoint": "webhooks.write",
    "/socialgateway.v1.WebhookEndpointService/DeleteWebhookEndpoint": "webhooks.write",
    "/socialgateway.v1.EventService/ListEvents": "events.read",
    "/socialgateway.v1.EventService/StreamEvents": "events.read",
    "/socialgateway.v1.UploadService/CreateUpload": "uploads.write",
    "/socialgateway.v1.UploadService/GetUpload": "uploads.read",
    "/socialgateway.v1.UploadService/DeleteUpload": "uploads.write",
    "/socialgateway.v1.UploadService/WriteUpload": "uploads.write",
    "/socialgateway.v1.PostService/CreatePost": "posts.write",
    "/socialgateway.v1.PostService/BatchCreatePosts": "posts.write",
    "/socialgateway.v1.PostService/BatchGetPosts": "posts.read",
    "/socialgateway.v1.PostService/GetPost": "posts.read",
    "/socialgateway.v1.PostService/ListPosts": "posts.read",
    "/socialgateway.v1.PostService/CancelPost": "posts.write",
    "/socialgateway.v1.PostService/UpdatePost": "posts.write",
    "/socialgateway.v1.PostService/DeletePost": "posts.write",
    "/socialgateway.v1.PostService/RetryPost": "posts.write",
    "/socialgateway.v1.PostService/RefreshPost": "posts.read",
    "/socialgateway.v1.PostService/WatchPost": "posts.read",
    "/socialgateway.ads.v1.AdAccountService/GetAdAccount": "ads.read",
    "/socialgateway.ads.v1.AdAccountService/ListAdAccounts": "ads.read",
    "/socialgateway.ads.v1.AdAccountService/ListAdIdentities": "ads.read",
    "/socialgateway.ads.v1.CampaignService/CreateCampaign": "ads.write",
    "/socialgateway.ads.v1.CampaignService/GetCampaign": "ads.read",
    "/socialgateway.ads.v1.CampaignService/ListCampaigns": "ads.read",
    "/socialgateway.ads.v1.CampaignService/UpdateCampaign": "ads.write",
    "/socialgateway.ads.v1.CampaignService/DeleteCampaign": "ads.write",
    "/socialgateway.ads.v1.CampaignService/LaunchCampaign": "ads.spend",
    "/socialgateway.ads.v1.CampaignService/PauseCampaign": "ads.write",
    "/socialgateway.ads.v1.AdGroupService/CreateAdGroup": "ads.write",
    "/socialgateway.ads.v1.AdGroupService/GetAdGroup": "ads.read",
    "/socialgateway.ads.v1.AdGroupService/ListAdGroups": "ads.read",
    "/socialgateway.ads.v1.AdGroupService/UpdateAdGroup": "ads.write",
    "/socialgateway.ads.v1.AdGroupService/DeleteAdGroup": "ads.write",
    "/socialgateway.ads.v1.AdGroupService/LaunchAdGroup": "ads.spend",
    "/socialgateway.ads.v1.AdGroupService/PauseAdGroup": "ads.write",
    "/socialgateway.ads.v1.AdService/CreateAd": "ads.write",
    "/socialgateway.ads.v1.AdService/GetAd": "ads.read",
    "/socialgateway.ads.v1.AdService/ListAds": "ads.read",
    "/socialgateway.ads.v1.AdService/UpdateAd": "ads.write",
    "/socialgateway.ads.v1.AdService/DeleteAd": "ads.write",
    "/socialgateway.ads.v1.AdService/LaunchAd": "ads.spend",
    "/socialgateway.ads.v1.AdService/PauseAd": "ads.write",
    "/socialgateway.ads.v1.AdReportService/QueryAdMetrics": "ads.read",
    "/socialgateway.ads.v1.AdReportService/CreateAdReport": "ads.read",
    "/socialgateway.ads.v1.AdReportService/GetAdReport": "ads.read",
    "/socialgateway.ads.v1.AdReportService/StreamAdReport": "ads.read",
    "/socialgateway.ads.v1.AudienceService/CreateAudience": "ads.write",
    "/socialgateway.ads.v1.AudienceService/GetAudience": "ads.read",
    "/socialgateway.ads.v1.AudienceService/ListAudiences": "ads.read",
    "/socialgateway.ads.v1.AudienceService/DeleteAudience": "ads.write",
    "/socialgateway.ads.v1.AudienceService/AppendAudienceMembers": "ads.write",
    "/socialgateway.ads.v1.AudienceService/RemoveAudienceMembers": "ads.write",
}

ADMIN_SCOPES: dict[str, str] = {
    "/socialgateway.admin.v1.AgencyService/CreateAgency": "admin.operate",
    "/socialgateway.admin.v1.AgencyService/GetAgency": "admin.read",
    "/socialgateway.admin.v1.AgencyService/ListAgencies": "admin.operate",
    "/socialgateway.admin.v1.AgencyService/SuspendAgency": "admin.operate",
    "/socialgateway.admin.v1.AgencyService/ResumeAgency": "admin.operate",
    "/socialgateway.admin.v1.AgencyService/DeleteAgency": "admin.operate",
    "/socialgateway.admin.v1.LocationService/GetLocation": "admin.read",
    "/socialgateway.admin.v1.LocationService/ListLocations": "admin.read",
    "/socialgateway.admin.v1.LocationService/MoveLocation": "admin.operate",
    "/socialgateway.admin.v1.LocationService/DeleteLocation": "admin.write",
    "/socialgateway.admin.v1.ApiKeyService/CreateApiKey": "admin.write",
    "/socialgateway.admin.v1.ApiKeyService/GetApiKey": "admin.read",
    "/socialgateway.admin.v1.ApiKeyService/ListApiKeys": "admin.read",
    "/socialgateway.admin.v1.ApiKeyService/UpdateApiKey": "admin.write",
    "/socialgateway.admin.v1.ApiKeyService/RotateApiKey": "admin.write",
    "/socialgateway.admin.v1.ApiKeyService/RevokeApiKey": "admin.write",
    "/socialgateway.admin.v1.FailedJobService/ListFailedJobs": "admin.read",
    "/socialgateway.admin.v1.FailedJobService/RetryFailedJob": "admin.write",
    "/socialgateway.admin.v1.FailedJobService/DropFailedJob": "admin.write",
    "/socialgateway.admin.v1.AgencyService/ListAgencyWebhookEndpoints": "admin.read",
    "/socialgateway.admin.v1.AgencyService/ListAgencyQuotas": "admin.read",
    "/socialgateway.admin.v1.EncryptionKeyService/GetEncryptionKey": "admin.operate",
    "/socialgateway.admin.v1.EncryptionKeyService/ListEncryptionKeys": "admin.operate",
    "/socialgateway.admin.v1.EncryptionKeyService/RotateEncryptionKey": "admin.operate",
}
"""The methods of the Admin API, which are served on a port of its own only."""

PUBLIC_SERVICES = ("/grpc.health.v1.Health/", "/grpc.reflection.")


def is_public(method: str) -> bool:
    """Return whether the method needs no key: health and reflection reveal nothing about anybody."""
    return method.startswith(PUBLIC_SERVICES)


def scope_of(method: str) -> str:
    """Return the scope that the method requires; raises KeyError for a method that is in neither table."""
    return METHOD_SCOPES[method] if method in METHOD_SCOPES else ADMIN_SCOPES[method]


def is_idempotent(method: str) -> bool:
    """Return whether the method may be repeated whatever its request is: reads, and what the contract marks so."""
    return _level(method) != MethodOptions.IDEMPOTENCY_UNKNOWN


def changes_something(method: str) -> bool:
    """Return whether the method may change something: all that the contract does not mark as free of side effects."""
    return _level(method) != MethodOptions.NO_SIDE_EFFECTS


def _level(method: str) -> int:
    """Return how the contract marks a method; others than ours, whose descriptors are all loaded, change nothing."""
    pool: Any = descriptor_pool.Default()
    try:
        found = pool.FindMethodByName(method.strip("/").replace("/", "."))
    except KeyError:
        return int(MethodOptions.NO_SIDE_EFFECTS)
    return int(found.GetOptions().idempotency_level)

"""All gRPC services of the gateway: each with its descriptor, its registration function, and its servicer.

Owns the list, which `gateway/server.py` serves. Does not know what a service does.
"""

from types import ModuleType
from typing import Any

from gateway.domain.context import Domain
from gateway.domain.events.feeds import Feeds
from gateway.domain.locations import Owners
from gateway.domain.media.upload_slots import UploadSlots
from gateway.errors import GatewayUnavailable
from gateway.rpc.accounts import AccountService
from gateway.rpc.ads import AdGroupService, AdService, CampaignService
from gateway.rpc.ads_accounts import AdAccountService
from gateway.rpc.ads_audiences import AudienceService
from gateway.rpc.ads_reports import AdReportService
from gateway.rpc.connections import ConnectionService
from gateway.rpc.engagement import EngagementService
from gateway.rpc.events import EventService
from gateway.rpc.planner import PlannerService
from gateway.rpc.posts import PostService
from gateway.rpc.providers import ProviderService
from gateway.rpc.quotas import QuotaService
from gateway.rpc.request import RequestGuard
from gateway.rpc.service import Service
from gateway.rpc.uploads import UploadService
from gateway.rpc.videos import VideoService
from gateway.rpc.webhook_endpoints import WebhookEndpointService
from socialgateway.ads.v1 import (
    ad_account_service_pb2,
    ad_account_service_pb2_grpc,
    ad_group_service_pb2,
    ad_group_service_pb2_grpc,
    ad_report_service_pb2,
    ad_report_service_pb2_grpc,
    ad_service_pb2,
    ad_service_pb2_grpc,
    audience_service_pb2,
    audience_service_pb2_grpc,
    campaign_service_pb2,
    campaign_service_pb2_grpc,
)
from socialgateway.v1 import (
    account_service_pb2,
    account_service_pb2_grpc,
    connection_service_pb2,
    connection_service_pb2_grpc,
    engagement_service_pb2,
    engagement_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    planner_service_pb2,
    planner_service_pb2_grpc,
    post_service_pb2,
    post_service_pb2_grpc,
    provider_service_pb2,
    provider_service_pb2_grpc,
    quota_service_pb2,
    quota_service_pb2_grpc,
    upload_service_pb2,
    upload_service_pb2_grpc,
    video_service_pb2,
    video_service_pb2_grpc,
    webhook_endpoint_service_pb2,
    webhook_endpoint_service_pb2_grpc,
)

_MODULES: dict[str, tuple[ModuleType, ModuleType]] = {
    "ProviderService": (provider_service_pb2, provider_service_pb2_grpc),
    "ConnectionService": (connection_service_pb2, connection_service_pb2_grpc),
    "AccountService": (account_service_pb2, account_service_pb2_grpc),
    "VideoService": (video_service_pb2, video_service_pb2_grpc),
    "QuotaService": (quota_service_pb2, quota_service_pb2_grpc),
    "UploadService": (upload_service_pb2, upload_service_pb2_grpc),
    "PostService": (post_service_pb2, post_service_pb2_grpc),
    "EngagementService": (engagement_service_pb2, engagement_service_pb2_grpc),
    "PlannerService": (planner_service_pb2, planner_service_pb2_grpc),
    "AdAccountService": (ad_account_service_pb2, ad_account_service_pb2_grpc),
    "CampaignService": (campaign_service_pb2, campaign_service_pb2_grpc),
    "AdGroupService": (ad_group_service_pb2, ad_group_service_pb2_grpc),
    "AdService": (ad_service_pb2, ad_service_pb2_grpc),
    "AdReportService": (ad_report_service_pb2, ad_report_service_pb2_grpc),
    "AudienceService": (audience_service_pb2, audience_service_pb2_grpc),
    "EventService": (event_service_pb2, event_service_pb2_grpc),
    "WebhookEndpointService": (webhook_endpoint_service_pb2, webhook_endpoint_service_pb2_grpc),
}


def services(domain: Domain, owners: Owners, *, page_secret: bytes, slots: UploadSlots | None = None) -> list[Service]:
    """Return all services on top of `domain`; `page_secret` signs page tokens, `slots` are those of its uploads."""
    guard = RequestGuard(owners, page_secret)
    tables = {name: provider.table for name, provider in domain.providers.items()}
    feeds = Feeds(domain)
    servicers = {
        "ProviderService": ProviderService(tables, page_secret),
        "ConnectionService": ConnectionService(domain, guard),
        "AccountService": AccountService(domain, guard),
        "VideoService": VideoService(domain, guard),
        "QuotaService": QuotaService(domain, guard),
        "UploadService": UploadService(domain, guard, slots),
        "PostService": PostService(domain, guard),
        "EngagementService": EngagementService(domain, guard),
        "PlannerService": PlannerService(domain, guard),
        "AdAccountService": AdAccountService(domain, guard),
        "CampaignService": CampaignService(domain, guard),
        "AdGroupService": AdGroupService(domain, guard),
        "AdService": AdService(domain, guard),
        "AdReportService": AdReportService(domain, guard),
        "AudienceService": AudienceService(domain, guard, slots),
        "EventService": EventService(domain, guard, feeds),
        "WebhookEndpointService": WebhookEndpointService(domain, guard, feeds),
    }
    return [_service(name, servicers[name]) for name in _MODULES]


def unavailable(sentence: str) -> list[Service]:
    """Return all services with every method answering UNAVAILABLE and `sentence`, for the time before the start."""

    async def not_yet(self: Any, request: Any, context: Any) -> Any:
        raise GatewayUnavailable(sentence)

    made = []
    for name in _MODULES:
        methods = _descriptor(name).methods
        made.append(_service(name, type(name, (), {method.name: not_yet for method in methods})()))
    return made


def _service(name: str, servicer: Any) -> Service:
    return Service(_descriptor(name), getattr(_MODULES[name][1], f"add_{name}Servicer_to_server"), servicer)


def _descriptor(name: str) -> Any:
    return _MODULES[name][0].DESCRIPTOR.services_by_name[name]

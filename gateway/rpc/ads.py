"""CampaignService, AdGroupService and AdService: what they have in common, and each one's messages.

Owns the conversions. Makes no decisions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf import empty_pb2
from google.protobuf.message import Message

from gateway.aip import masks, names
from gateway.aip.names import Pattern
from gateway.caller import Caller
from gateway.domain.ads import accounts, create, launch, read, specs, stop, update
from gateway.domain.ads.create import NewAd
from gateway.domain.ads.creatives import Source
from gateway.domain.ads.launch import Launch
from gateway.domain.ads.tree import Place
from gateway.domain.ads.update import SPEND, Change
from gateway.domain.context import Domain
from gateway.rpc import ads_from_proto, ads_to_proto
from gateway.rpc.convert import keyset_in_location
from gateway.rpc.request import RequestGuard, or_not_found
from socialgateway.ads.v1 import (
    ad_group_pb2,
    ad_group_service_pb2,
    ad_group_service_pb2_grpc,
    ad_pb2,
    ad_service_pb2,
    ad_service_pb2_grpc,
    campaign_pb2,
    campaign_service_pb2,
    campaign_service_pb2_grpc,
    delivery_pb2,
)
from storage.ads import AdRow
from storage.states import DeliveryState

M = TypeVar("M", bound=Message)
PREFIX = "DELIVERY_STATE_"
KINDS = {
    "ad account": names.AD_ACCOUNT,
    "upload": names.UPLOAD,
    "post": names.POST,
}


def place(pattern: Pattern, name: str, path: str = "name") -> Place:
    """Return what a name stands for; raises FieldInvalid."""
    location, ad_account, *ids = pattern.parse(name, path=path)
    return Place(location, ad_account, tuple(ids))


@dataclass(frozen=True, slots=True)
class Level(Generic[M]):
    """One level of the tree, for requests of the same shape: `noun` is the name of its resource in them."""

    domain: Domain
    guard: RequestGuard
    noun: str
    pattern: Pattern
    parent: Pattern
    to_proto: Callable[[AdRow, str], M]

    async def create(self, request: Any, spec_of: Callable[[str], Any], source: Source | None = None) -> M:
        """Create something below the request's parent; `spec_of` reads it in a currency."""
        below = place(self.parent, request.parent, "parent")
        caller, currency = await self._admit(below, request.parent)
        key = None if request.validate_only else self.guard.request_key(caller, below.location, request)
        new = NewAd(below, spec_of(currency), source)
        making = create.create(self.domain, new, key, agency=caller.agency, validate_only=request.validate_only)
        return self.to_proto(await or_not_found(request.parent, making, KINDS), currency)

    async def get(self, request: Any) -> M:
        """Return something as the vendor has it now."""
        named = place(self.pattern, request.name)
        _, currency = await self._admit(named, request.name)
        return self.to_proto(await or_not_found(request.name, read.get(self.domain, named)), currency)

    async def list(self, request: Any) -> tuple[Sequence[M], str]:
        """Return one page of what is below the request's parent, and the next page's token."""
        below = place(self.parent, request.parent, "parent")
        _, currency = await self._admit(below, request.parent)
        page = self.guard.read_page(request)
        states = [DeliveryState[_state_name(each)] for each in request.states]

        async def rows_after(cursor: tuple[str | int, ...], limit: int) -> Sequence[AdRow]:
            found = read.page(self.domain, below, states=states, after=keyset_in_location(cursor), limit=limit)
            return await or_not_found(request.parent, found, KINDS)

        return await self.guard.list_page(
            request,
            page,
            rows_after,
            lambda row: self.to_proto(row, currency),
            lambda row: (row.create_time.isoformat(), row.id),
        )

    async def update(self, request: Any) -> M:
        """Change something."""
        resource = getattr(request, self.noun)
        named = place(self.pattern, resource.name, f"{self.noun}.name")
        caller, currency = await self._admit(named, resource.name)
        key = None if request.validate_only else self.guard.request_key(caller, named.location, request)
        allowed = ads_from_proto.CHANGES[self.noun]
        paths = masks.update_paths(request.update_mask, resource, allowed=allowed)
        change = Change(
            place=named,
            fields=ads_from_proto.changes(resource, self.noun, paths, currency),
            etag=resource.etag,
            path=f"{self.noun}.etag",
            confirmation=request.spend_confirmation,
            may_spend=SPEND in caller.scopes,
        )
        changing = update.update(self.domain, change, key, agency=caller.agency, validate_only=request.validate_only)
        return self.to_proto(await or_not_found(resource.name, changing, KINDS), currency)

    async def delete(self, request: Any) -> empty_pb2.Empty:
        """Delete something."""
        named = place(self.pattern, request.name)
        caller, _ = await self._admit(named, request.name)
        key = self.guard.request_key(caller, named.location, request)
        deleting = stop.delete(self.domain, named, key, etag=request.etag, agency=caller.agency)
        await or_not_found(request.name, deleting)
        return empty_pb2.Empty()

    async def launch(self, request: Any) -> M:
        """Launch something."""
        named = place(self.pattern, request.name)
        caller, currency = await self._admit(named, request.name)
        key = None if request.validate_only else self.guard.request_key(caller, named.location, request)
        wanted = Launch(named, request.etag, request.include_children, request.spend_confirmation)
        launching = launch.launch(self.domain, wanted, key, agency=caller.agency, validate_only=request.validate_only)
        return self.to_proto(await or_not_found(request.name, launching), currency)

    async def pause(self, request: Any) -> M:
        """Pause something."""
        named = place(self.pattern, request.name)
        caller, currency = await self._admit(named, request.name)
        key = self.guard.request_key(caller, named.location, request)
        pausing = stop.pause(self.domain, named, key, agency=caller.agency)
        return self.to_proto(await or_not_found(request.name, pausing), currency)

    async def _admit(self, named: Place, name: str) -> tuple[Caller, str]:
        """Return the caller if it may use the location, and the ad account's currency."""
        caller = await self.guard.authorize(named.location)
        row = await or_not_found(name, accounts.get(self.domain, named.location, named.ad_account), KINDS)
        return caller, specs.load_account(row.payload).currency


def _state_name(value: int) -> str:
    return delivery_pb2.DeliveryState.Name(value).removeprefix(PREFIX)


class CampaignService(campaign_service_pb2_grpc.CampaignServiceServicer):
    """Serves campaigns."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve `domain` to the callers that `guard` admits."""
        self._level = Level(domain, guard, "campaign", names.CAMPAIGN, names.AD_ACCOUNT, ads_to_proto.campaign)

    async def CreateCampaign(
        self, request: campaign_service_pb2.CreateCampaignRequest, context: Any
    ) -> campaign_pb2.Campaign:
        """Create a campaign, paused."""
        return await self._level.create(request, lambda currency: ads_from_proto.campaign(request.campaign, currency))

    async def GetCampaign(
        self, request: campaign_service_pb2.GetCampaignRequest, context: Any
    ) -> campaign_pb2.Campaign:
        """Return a campaign."""
        return await self._level.get(request)

    async def ListCampaigns(
        self, request: campaign_service_pb2.ListCampaignsRequest, context: Any
    ) -> campaign_service_pb2.ListCampaignsResponse:
        """List the campaigns of an ad account."""
        items, token = await self._level.list(request)
        return campaign_service_pb2.ListCampaignsResponse(campaigns=items, next_page_token=token)

    async def UpdateCampaign(
        self, request: campaign_service_pb2.UpdateCampaignRequest, context: Any
    ) -> campaign_pb2.Campaign:
        """Change a campaign."""
        return await self._level.update(request)

    async def DeleteCampaign(
        self, request: campaign_service_pb2.DeleteCampaignRequest, context: Any
    ) -> empty_pb2.Empty:
        """Delete a campaign."""
        return await self._level.delete(request)

    async def LaunchCampaign(
        self, request: campaign_service_pb2.LaunchCampaignRequest, context: Any
    ) -> campaign_pb2.Campaign:
        """Launch a campaign."""
        return await self._level.launch(request)

    async def PauseCampaign(
        self, request: campaign_service_pb2.PauseCampaignRequest, context: Any
    ) -> campaign_pb2.Campaign:
        """Pause a campaign."""
        return await self._level.pause(request)


class AdGroupService(ad_group_service_pb2_grpc.AdGroupServiceServicer):
    """Serves ad groups."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve `domain` to the callers that `guard` admits."""
        self._level = Level(domain, guard, "ad_group", names.AD_GROUP, names.CAMPAIGN, ads_to_proto.ad_group)

    async def CreateAdGroup(
        self, request: ad_group_service_pb2.CreateAdGroupRequest, context: Any
    ) -> ad_group_pb2.AdGroup:
        """Create an ad group, paused."""
        return await self._level.create(request, lambda currency: ads_from_proto.ad_group(request.ad_group, currency))

    async def GetAdGroup(self, request: ad_group_service_pb2.GetAdGroupRequest, context: Any) -> ad_group_pb2.AdGroup:
        """Return an ad group."""
        return await self._level.get(request)

    async def ListAdGroups(
        self, request: ad_group_service_pb2.ListAdGroupsRequest, context: Any
    ) -> ad_group_service_pb2.ListAdGroupsResponse:
        """List the ad groups of a campaign."""
        items, token = await self._level.list(request)
        return ad_group_service_pb2.ListAdGroupsResponse(ad_groups=items, next_page_token=token)

    async def UpdateAdGroup(
        self, request: ad_group_service_pb2.UpdateAdGroupRequest, context: Any
    ) -> ad_group_pb2.AdGroup:
        """Change an ad group."""
        return await self._level.update(request)

    async def DeleteAdGroup(self, request: ad_group_service_pb2.DeleteAdGroupRequest, context: Any) -> empty_pb2.Empty:
        """Delete an ad group."""
        return await self._level.delete(request)

    async def LaunchAdGroup(
        self, request: ad_group_service_pb2.LaunchAdGroupRequest, context: Any
    ) -> ad_group_pb2.AdGroup:
        """Launch an ad group."""
        return await self._level.launch(request)

    async def PauseAdGroup(
        self, request: ad_group_service_pb2.PauseAdGroupRequest, context: Any
    ) -> ad_group_pb2.AdGroup:
        """Pause an ad group."""
        return await self._level.pause(request)


class AdService(ad_service_pb2_grpc.AdServiceServicer):
    """Serves ads."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve `domain` to the callers that `guard` admits."""
        self._level = Level(domain, guard, "ad", names.AD, names.AD_GROUP, ads_to_proto.ad)

    async def CreateAd(self, request: ad_service_pb2.CreateAdRequest, context: Any) -> ad_pb2.Ad:
        """Create an ad, paused."""
        below = place(names.AD_GROUP, request.parent, "parent")
        source = ads_from_proto.source(request.ad, below.location)
        return await self._level.create(request, lambda _: ads_from_proto.ad(request.ad), source)

    async def GetAd(self, request: ad_service_pb2.GetAdRequest, context: Any) -> ad_pb2.Ad:
        """Return an ad."""
        return await self._level.get(request)

    async def ListAds(self, request: ad_service_pb2.ListAdsRequest, context: Any) -> ad_service_pb2.ListAdsResponse:
        """List the ads of an ad group."""
        items, token = await self._level.list(request)
        return ad_service_pb2.ListAdsResponse(ads=items, next_page_token=token)

    async def UpdateAd(self, request: ad_service_pb2.UpdateAdRequest, context: Any) -> ad_pb2.Ad:
        """Change an ad."""
        return await self._level.update(request)

    async def DeleteAd(self, request: ad_service_pb2.DeleteAdRequest, context: Any) -> empty_pb2.Empty:
        """Delete an ad."""
        return await self._level.delete(request)

    async def LaunchAd(self, request: ad_service_pb2.LaunchAdRequest, context: Any) -> ad_pb2.Ad:
        """Launch an ad."""
        return await self._level.launch(request)

    async def PauseAd(self, request: ad_service_pb2.PauseAdRequest, context: Any) -> ad_pb2.Ad:
        """Pause an ad."""
        return await self._level.pause(request)

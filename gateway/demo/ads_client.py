"""An ordinary client of the gateway's paid side: ad accounts, campaigns, launches, reports.

Owns the calls of the demo's third act. Knows only the contract.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status  # type: ignore[import-untyped]

from gateway.demo.client import LOCATION, Client, new_id
from socialgateway.ads.v1 import (
    ad_account_pb2,
    ad_account_service_pb2,
    ad_account_service_pb2_grpc,
    ad_group_pb2,
    ad_group_service_pb2,
    ad_group_service_pb2_grpc,
    ad_pb2,
    ad_report_pb2,
    ad_report_service_pb2,
    ad_report_service_pb2_grpc,
    ad_service_pb2,
    ad_service_pb2_grpc,
    campaign_pb2,
    campaign_service_pb2,
    campaign_service_pb2_grpc,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a launch was refused, and what confirms it."""

    reason: str
    message: str
    confirmation: str


@dataclass(frozen=True, slots=True)
class Advertiser:
    """The calls of somebody who advertises."""

    client: Client

    @property
    def _with(self) -> dict[str, Any]:
        return self.client.options

    def account(self, currency: str) -> ad_account_pb2.AdAccount | None:
        """Return the ad account in a currency, None if there is none."""
        stub = ad_account_service_pb2_grpc.AdAccountServiceStub(self.client.channel)
        listed = stub.ListAdAccounts(ad_account_service_pb2.ListAdAccountsRequest(parent=LOCATION), **self._with)
        return next((each for each in listed.ad_accounts if each.currency_code == currency), None)

    def campaign(self, parent: str, campaign: campaign_pb2.Campaign) -> campaign_pb2.Campaign:
        """Create a campaign."""
        stub = campaign_service_pb2_grpc.CampaignServiceStub(self.client.channel)
        request = campaign_service_pb2.CreateCampaignRequest(parent=parent, campaign=campaign, request_id=new_id())
        return stub.CreateCampaign(request, **self._with)

    def ad_group(self, parent: str, ad_group: ad_group_pb2.AdGroup) -> ad_group_pb2.AdGroup:
        """Create an ad group."""
        stub = ad_group_service_pb2_grpc.AdGroupServiceStub(self.client.channel)
        request = ad_group_service_pb2.CreateAdGroupRequest(parent=parent, ad_group=ad_group, request_id=new_id())
        return stub.CreateAdGroup(request, **self._with)

    def ad(self, parent: str, ad: ad_pb2.Ad) -> ad_pb2.Ad:
        """Create an ad."""
        stub = ad_service_pb2_grpc.AdServiceStub(self.client.channel)
        request = ad_service_pb2.CreateAdRequest(parent=parent, ad=ad, request_id=new_id())
        return stub.CreateAd(request, **self._with)

    def launch(self, campaign: campaign_pb2.Campaign, confirmation: str = "") -> campaign_pb2.Campaign | Refusal:
        """Launch a campaign with all that is below it, or return why somebody has to confirm that."""
        stub = campaign_service_pb2_grpc.CampaignServiceStub(self.client.channel)
        request = campaign_service_pb2.LaunchCampaignRequest(
            name=campaign.name,
            etag=campaign.etag,
            include_children=True,
            spend_confirmation=confirmation,
            request_id=new_id(),
        )
        try:
            return stub.LaunchCampaign(request, **self._with)
        except grpc.RpcError as error:
            found = _refusal(error)
            if found is None:
                raise
            return found

    def get(self, name: str) -> campaign_pb2.Campaign:
        """Return a campaign as the vendor has it now."""
        stub = campaign_service_pb2_grpc.CampaignServiceStub(self.client.channel)
        return stub.GetCampaign(campaign_service_pb2.GetCampaignRequest(name=name), **self._with)

    def metrics(self, parent: str, ad: str, first: date, last: date, dimension: str) -> list[ad_report_pb2.AdMetricRow]:
        """Return what an ad brought and cost, by the day or by the hour."""
        stub = ad_report_service_pb2_grpc.AdReportServiceStub(self.client.channel)
        request = ad_report_service_pb2.QueryAdMetricsRequest(
            parent=parent,
            level=ad_report_pb2.AD_REPORT_LEVEL_AD,
            dimensions=[dimension],
            metrics=[
                ad_report_pb2.AD_METRIC_SPEND,
                ad_report_pb2.AD_METRIC_IMPRESSIONS,
                ad_report_pb2.AD_METRIC_CLICKS,
            ],
            start_date={"year": first.year, "month": first.month, "day": first.day},
            end_date={"year": last.year, "month": last.month, "day": last.day},
            names=[ad],
        )
        return list(stub.QueryAdMetrics(request, **self._with).rows)


def _refusal(error: grpc.RpcError) -> Refusal | None:
    """Return the refusal that hands out a confirmation, None for any other error."""
    status, info = rpc_status.from_call(error), error_details_pb2.ErrorInfo()
    found = status is not None and any(each.Unpack(info) for each in status.details if each.Is(info.DESCRIPTOR))
    confirmation = info.metadata.get("spendConfirmation", "") if found else ""
    return Refusal(info.reason, status.message, confirmation) if confirmation else None

"""AdAccountService: ad accounts, and as whom they show ads.

Owns the conversions. Makes no decisions.
"""

from collections.abc import Sequence
from typing import Any

from gateway.aip import names
from gateway.domain.ads import accounts, read
from gateway.domain.context import Domain
from gateway.rpc import ads_to_proto
from gateway.rpc.ads import place
from gateway.rpc.convert import keyset_in_location
from gateway.rpc.request import RequestGuard, or_not_found
from socialgateway.ads.v1 import ad_account_pb2, ad_account_service_pb2, ad_account_service_pb2_grpc
from storage.ad_accounts import AdAccountRow

MAX_IDENTITIES = 100


class AdAccountService(ad_account_service_pb2_grpc.AdAccountServiceServicer):
    """Serves ad accounts."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve `domain` to the callers that `guard` admits."""
        self._domain = domain
        self._guard = guard

    async def GetAdAccount(
        self, request: ad_account_service_pb2.GetAdAccountRequest, context: Any
    ) -> ad_account_pb2.AdAccount:
        """Return an ad account as it was last read."""
        location, id = names.AD_ACCOUNT.parse(request.name)
        await self._guard.authorize(location)
        return ads_to_proto.account(await or_not_found(request.name, accounts.get(self._domain, location, id)))

    async def ListAdAccounts(
        self, request: ad_account_service_pb2.ListAdAccountsRequest, context: Any
    ) -> ad_account_service_pb2.ListAdAccountsResponse:
        """List the ad accounts of a location."""
        location = names.location(request.parent)
        await self._guard.authorize(location)
        page = self._guard.read_page(request)

        async def rows_after(cursor: tuple[str | int, ...], limit: int) -> Sequence[AdAccountRow]:
            return await accounts.page(self._domain, location, after=keyset_in_location(cursor), limit=limit)

        items, token = await self._guard.list_page(
            request, page, rows_after, ads_to_proto.account, lambda row: (row.create_time.isoformat(), row.id)
        )
        return ad_account_service_pb2.ListAdAccountsResponse(ad_accounts=items, next_page_token=token)

    async def ListAdIdentities(
        self, request: ad_account_service_pb2.ListAdIdentitiesRequest, context: Any
    ) -> ad_account_service_pb2.ListAdIdentitiesResponse:
        """List as whom an ad account may show ads."""
        named = place(names.AD_ACCOUNT, request.parent, "parent")
        await self._guard.authorize(named.location)
        page = self._guard.read_vendor_page(request, maximum=MAX_IDENTITIES)
        listing = read.identities(self._domain, named, cursor=page.cursor, limit=page.limit)
        found = await or_not_found(request.parent, listing)
        identities = [ads_to_proto.identity(each) for each in found.identities]
        items, token = self._guard.split_vendor_page(request, page, identities, found.next_cursor)
        return ad_account_service_pb2.ListAdIdentitiesResponse(identities=items, next_page_token=token)

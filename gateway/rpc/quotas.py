"""QuotaService: reads the quota ledger.

Owns converting quotas to the contract's messages. Makes no decisions.
"""

from typing import Any

from gateway.aip import names
from gateway.domain.accounts import read
from gateway.domain.context import Domain
from gateway.domain.quotas import standing as quota_standing
from gateway.domain.quotas.standing import Standing
from gateway.rpc.convert import write_times
from gateway.rpc.request import RequestGuard, or_not_found
from socialgateway.v1 import quota_pb2, quota_service_pb2, quota_service_pb2_grpc


class QuotaService(quota_service_pb2_grpc.QuotaServiceServicer):
    """Serves quotas."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve `domain` to the callers that `guard` admits."""
        self._domain = domain
        self._guard = guard

    async def ListQuotas(
        self, request: quota_service_pb2.ListQuotasRequest, context: Any
    ) -> quota_service_pb2.ListQuotasResponse:
        """List the quotas that apply to an account."""
        location, account = names.ACCOUNT.parse(request.parent, path="parent")
        await self._guard.authorize(location)
        page = self._guard.read_page(request)
        row = await or_not_found(request.parent, read.stored(self._domain, location, account))
        after = str(page.after[0]) if page.after else ""
        found = [each for each in await quota_standing.of_account(self._domain, row) if each.rule.metric > after]

        def message(each: Standing) -> quota_pb2.Quota:
            return to_proto(names.QUOTA.format(location, account, each.rule.metric), each)

        items, token = self._guard.split_page(request, page, found, message, lambda each: (each.rule.metric,))
        return quota_service_pb2.ListQuotasResponse(quotas=items, next_page_token=token)


def to_proto(name: str, standing: Standing) -> quota_pb2.Quota:
    """Return a quota's current standing."""
    message = quota_pb2.Quota(
        name=name,
        metric=standing.rule.metric,
        subject=standing.subject,
        limit=standing.limit,
        used=standing.used,
        source=_source(standing),
    )
    message.window.FromTimedelta(standing.rule.window)
    write_times(message, reset_time=standing.reset_time)
    return message


def _source(standing: Standing) -> quota_pb2.Quota.Source:
    if standing.reported:
        return quota_pb2.Quota.HEADER
    return quota_pb2.Quota.LEARNED if standing.learned else quota_pb2.Quota.DOCUMENTED


def cost_to_proto(name: str, standing: Standing) -> quota_pb2.QuotaCost:
    """Return the cost of one more use of a quota, and what is left of it."""
    message = quota_pb2.QuotaCost(quota=name, amount=1)
    if standing.limit:
        free = standing.limit - standing.rule.low - standing.used
        message.available = 0 if standing.reset_time else max(0, free)
    write_times(message, available_time=standing.reset_time)
    return message

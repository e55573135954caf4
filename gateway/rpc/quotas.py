"""QuotaService: from the wire to the quota ledger and back.

Owns the spelling of quotas. Decides nothing.
"""

from typing import Any

from gateway.aip import names, paging
from gateway.domain.accounts import read
from gateway.domain.context import Domain
from gateway.domain.quotas import standing as quota_standing
from gateway.domain.quotas.standing import Standing
from gateway.rpc.convert import write_times
from gateway.rpc.request import RequestGuard, known
from socialgateway.v1 import quota_pb2, quota_service_pb2, quota_service_pb2_grpc


class QuotaService(quota_service_pb2_grpc.QuotaServiceServicer):
    """Serves quotas."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve the rules in `domain` to whom `guard` lets in."""
        self._domain = domain
        self._guard = guard

    async def ListQuotas(
        self, request: quota_service_pb2.ListQuotasRequest, context: Any
    ) -> quota_service_pb2.ListQuotasResponse:
        """List the quotas that bear on an account."""
        location, account = names.ACCOUNT.parse(request.parent, path="parent")
        await self._guard.enter(location)
        page = paging.read(request, secret=self._guard.page_secret)
        row = await known(request.parent, read.stored(self._domain, location, account))
        after = str(page.after[0]) if page.after else ""
        found = [each for each in await quota_standing.of_account(self._domain, row) if each.rule.metric > after]
        shown, token = found[: page.size], ""
        if len(found) > page.size:
            token = paging.next_token(request, (shown[-1].rule.metric,), secret=self._guard.page_secret)
        listed = [to_proto(names.QUOTA.format(location, account, each.rule.metric), each) for each in shown]
        return quota_service_pb2.ListQuotasResponse(quotas=listed, next_page_token=token)


def to_proto(name: str, standing: Standing) -> quota_pb2.Quota:
    """Write how a quota stands."""
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
    """Write that one more of a quota would be used."""
    message = quota_pb2.QuotaCost(quota=name, amount=1)
    if standing.limit:
        free = standing.limit - standing.rule.low - standing.used
        message.available = 0 if standing.reset_time else max(0, free)
    write_times(message, available_time=standing.reset_time)
    return message

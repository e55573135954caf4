"""The quotas of an agency's accounts, as far as the ledger knows them.

Owns the order. What a quota is, is `gateway/domain/quotas/`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.context import Domain
from gateway.domain.quotas import standing
from gateway.domain.quotas.standing import Standing
from storage import accounts
from storage.accounts import AccountRow


@dataclass(frozen=True, slots=True)
class AccountQuotas:
    """An account, and the standing of each of its quotas."""

    account: AccountRow
    standings: Sequence[Standing]


async def page_of_agency(domain: Domain, agency: str, *, after: tuple[str, str], limit: int) -> Sequence[AccountQuotas]:
    """Return the quotas of an agency's accounts, by location and account."""
    async with domain.db.read() as tx:
        found = await accounts.page_of_agency(tx, agency, after=after, limit=limit)
    return [AccountQuotas(each, await standing.of_account(domain, each)) for each in found]

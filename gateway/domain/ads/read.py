"""GetX, ListX and the identities: what is known here, refreshed from the vendor where that is asked for.

Owns which of them calls the vendor. Makes no write.
"""

from collections.abc import Sequence
from datetime import datetime

from gateway.domain.ads import accounts, tree
from gateway.domain.ads.tree import LEVELS, Place
from gateway.domain.context import Domain
from providers.models.ads import IdentityPage
from storage import ads
from storage.ads import AdRow
from storage.states import DeliveryState


async def get(domain: Domain, place: Place) -> AdRow:
    """Return something as the vendor has it now: one read, none while the vendor does not have it.

    What is in doubt is returned as it is known here. Raises storage's NotFound, ProviderError.
    """
    target = await tree.load(domain, place)
    row = target.row
    if not row.provider_id or row.operation or row.state in (DeliveryState.FAILED, DeliveryState.DELETED):
        return row
    accounts.require_reachable(target.account)
    return await tree.save_node(domain, row, await tree.read_node(target))


async def page(
    domain: Domain,
    parent: Place,
    *,
    states: Sequence[DeliveryState],
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[AdRow]:
    """Return one page of what is directly below a place, newest first; raises storage's NotFound."""
    await tree.load(domain, parent)
    async with domain.db.read() as tx:
        return await ads.page(
            tx,
            parent.location,
            ad_account=parent.ad_account,
            level=LEVELS[len(parent.ids)],
            parent=parent.ids[-1] if parent.ids else "",
            states=states,
            after=after,
            limit=limit,
        )


async def identities(domain: Domain, place: Place, *, cursor: str, limit: int) -> IdentityPage:
    """Return as whom an ad account may show ads: one read. Raises storage's NotFound, ProviderError."""
    account = await accounts.get(domain, place.location, place.ad_account)
    accounts.require_reachable(account)
    facet, access = accounts.facet_of(domain, account), accounts.access_to(domain, account)
    return await facet.identities(access, account.provider_ad_account_id, cursor=cursor, limit=limit)

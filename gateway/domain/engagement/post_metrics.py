"""Metrics of one post of ours, as the vendor counts them now.

Owns which of the vendor's ids are asked for; a post that was published several times has several. Stores nothing.
"""

from collections.abc import Mapping

from gateway.aip import names
from gateway.domain.context import Domain
from gateway.domain.engagement import read
from gateway.domain.vendor_errors import require
from gateway.errors import StateForbids
from providers.capabilities import Capability
from providers.models.videos import VideoMetrics
from storage import attempts, posts


async def query(domain: Domain, location: str, post: str) -> Mapping[str, VideoMetrics]:
    """Return the counts by the vendor's ids of a post, in their order: one vendor call for each 20 ids.

    Of an id that the vendor shows no counts of they are all None. Raises storage's NotFound, StateForbids while the
    vendor has no id of the post, what `read.connected` raises, CapabilityMissing, ProviderError.
    """
    async with domain.db.read() as tx:
        row = await posts.get(tx, location, post)
        attempt = await attempts.find(tx, location, post, row.attempt)
    provider = domain.providers[row.provider]
    require(provider.table, Capability.METRICS)
    target = await read.connected(domain, location, row.account)
    publish_id = attempt.publish_id if attempt is not None else ""
    # A planner counts by its own record of the post.
    if not row.public_ids and not (provider.table.library and publish_id):
        name = names.POST.format(location, post)
        raise StateForbids(row.state, "The vendor has no id of it yet.", resource=name)
    found = await provider.publishing.metrics(target.access, publish_id, row.public_ids)
    return {id: found.get(id, VideoMetrics()) for id in dict.fromkeys([*row.public_ids, *found])}

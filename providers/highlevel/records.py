"""The planner's records of posts: many at once, changed, taken away.

Owns PUT and DELETE of a post. An update replaces a post: it is built of what HighLevel shows of it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from providers.errors import ContentRefused, NotFound, Rejected
from providers.highlevel import orders, wire
from providers.highlevel.client import Client, path
from providers.highlevel.config import PROVIDER
from providers.highlevel.listing import listed, posts_path
from providers.highlevel.places import place_of
from providers.highlevel.publishing import WRITE_SCOPE, fetch, find_labels, remove
from providers.highlevel.states import PUBLISHED, UNDER_WAY, read_status
from providers.interface.access import Access
from providers.models.publishing import Order, PublishStatus


class HighLevelRecords:
    """The records of HighLevel's planner."""

    def __init__(self, client: Client) -> None:
        """Use `client` for the calls."""
        self._client = client

    async def statuses(
        self, access: Access, publish_ids: Sequence[str], *, since: datetime, until: datetime
    ) -> Mapping[str, PublishStatus]:
        """Ask how posts stand by the list of the location; see the interface."""
        rows = await listed(self._client, access, since=since, until=until)
        found = {wire.identifier(row, "_id", "id"): row for row in rows}
        return {id: read_status(found[id]) for id in publish_ids if id in found and wire.text(found[id], "status")}

    async def edit(self, access: Access, publish_id: str, order: Order) -> None:
        """Put words, options and time in the place of a post's; see the interface.

        The media are those that HighLevel shows, said again as MIME types: what an update leaves out is gone (reports
        of live users, read 2026-11-20).
        """
        orders.check(order, self._client.clock())
        shown = await fetch(self._client, access, publish_id)
        body = await self._body(access, order, shown)
        where = posts_path((await place_of(access)).location_id) + path(publish_id)
        await self._client.write(access, "PUT", where, scope=WRITE_SCOPE, body=body)
        _check_taken(body, await fetch(self._client, access, publish_id))

    async def _body(self, access: Access, order: Order, shown: Mapping[str, Any]) -> dict[str, Any]:
        state = wire.text(shown, "status")
        if state in (*PUBLISHED, *UNDER_WAY, "deleted"):
            text = f"A post that is {state} can no longer be changed."
            raise Rejected(text, provider=PROVIDER, code=state)
        v3 = self._client.config.v3
        media = orders.again(shown, v3=v3)
        if order.content is not None and not media:
            text = "HighLevel shows the post without its media: an update would lose them."
            raise ContentRefused(text, provider=PROVIDER, code="media_would_be_lost")
        place, found = await place_of(access), await find_labels(self._client, access, order)
        return orders.body(order, place, found, self._client.clock(), v3=v3) | {"media": media}

    async def delete(self, access: Access, publish_id: str) -> None:
        """Take HighLevel's record away; see the interface."""
        try:
            await remove(self._client, access, publish_id)
        except NotFound:
            return


def _check_taken(sent: Mapping[str, Any], shown: Mapping[str, Any]) -> None:
    """Compare what was sent with what the planner has now: it drops things without a word."""
    taken = {"media": len(wire.rows(shown, "media")), "summary": wire.text(shown, "summary")}
    if taken != {"media": len(sent["media"]), "summary": sent["summary"]}:
        text = "HighLevel kept something else than it was given."
        raise ContentRefused(text, provider=PROVIDER, code="kept_otherwise")

"""The planner's records of posts: many at once, changed, taken away.

Owns PUT and DELETE of a post. An update replaces a post: it is built of what HighLevel shows of it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from providers.errors import ContentRefused, NotFound, Rejected
from providers.highlevel import publish_body, wire
from providers.highlevel.client import Client, path
from providers.highlevel.config import PROVIDER
from providers.highlevel.listing import listed, posts_path
from providers.highlevel.location_ids import place_of
from providers.highlevel.publishing import WRITE_SCOPE, fetch, find_labels, remove
from providers.highlevel.states import due, going_out, is_gone, read_status
from providers.http.refusals import safe_id
from providers.interface.access import Access
from providers.models.publishing import Photos, PostMode, PublishRequest, PublishStatus

# What a person, or time, has not moved on yet. A draft that somebody scheduled is no draft any more.
CHANGEABLE = ("draft", "in_review", "scheduled")


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

    async def edit(self, access: Access, publish_id: str, order: PublishRequest) -> None:
        """Put words, options and time in the place of a post's; see the interface.

        The media are those that HighLevel shows, said again as MIME types: what an update leaves out is gone (reports
        of live users, read 2026-11-20).
        """
        publish_body.check(order, self._client.clock(), v3=self._client.config.v3)
        shown = await fetch(self._client, access, publish_id)
        body = await self._body(access, order, shown)
        where = posts_path((await place_of(access)).location_id) + path(publish_id)
        hidden = publish_body.addresses(body)
        await self._client.write(access, "PUT", where, scope=WRITE_SCOPE, body=body, secrets=hidden)
        _check_taken(body, await fetch(self._client, access, publish_id))

    async def _body(self, access: Access, order: PublishRequest, shown: Mapping[str, Any]) -> dict[str, Any]:
        now, v3 = self._client.clock(), self._client.config.v3
        _check_state(order, shown, now)
        media = publish_body.again(shown, order.platform, v3=v3)
        if len(media) < _media_of(order):
            text = "HighLevel shows the post without its media: an update would lose them."
            raise ContentRefused(text, provider=PROVIDER, code="media_would_be_lost")
        place, found = await place_of(access), await find_labels(self._client, access, order)
        return publish_body.body(order, place, found, self._client.clock(), v3=v3) | {"media": media}

    async def delete(self, access: Access, publish_id: str) -> None:
        """Take HighLevel's record away; see the interface."""
        try:
            await remove(self._client, access, publish_id)
        except NotFound:
            return


def _check_state(order: PublishRequest, shown: Mapping[str, Any], now: datetime) -> None:
    """Refuse what an update would publish twice, take out of a person's hands, or come too late for."""
    state = "deleted" if is_gone(shown) else wire.text(shown, "status")
    released = order.mode is PostMode.PLANNER_DRAFT and state != "draft"
    if state not in CHANGEABLE or released or going_out(shown, now):
        said = safe_id(state, ())
        raise Rejected(f"A post that is {said} can no longer be changed so.", provider=PROVIDER, code=said)


def _media_of(order: PublishRequest) -> int:
    """Return how many media a post must have."""
    return len(order.content.uris) if isinstance(order.content, Photos) else int(order.content is not None)


def _check_taken(sent: Mapping[str, Any], shown: Mapping[str, Any]) -> None:
    """Compare what was sent with what the planner has now: it drops things without a word."""
    taken = [len(wire.rows(shown, "media")), wire.text(shown, "summary").strip(), _minute(due(shown))]
    given = [len(sent["media"]), sent["summary"].strip(), _minute(wire.instant(sent, "scheduleDate"))]
    timed = sent["status"] == wire.text(shown, "status") == "scheduled"
    if (taken if timed else taken[:2]) != (given if timed else given[:2]):
        text = "HighLevel kept something else than it was given."
        raise ContentRefused(text, provider=PROVIDER, code="kept_otherwise")


def _minute(time: datetime | None) -> datetime | None:
    """Return a time to the minute, as the planner may keep it."""
    return None if time is None else time.replace(second=0, microsecond=0)

"""The planner's records of posts: statuses of many, update, delete.

Owns the update of a post. An update replaces the whole post, so its body is built from the current record.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from providers.errors import ContentRefused, NotFound, Rejected
from providers.highlevel import publish_body, wire
from providers.highlevel.client import Client
from providers.highlevel.config import PROVIDER
from providers.highlevel.listing import list_posts, posts_path
from providers.highlevel.location_ids import location_ids_of
from providers.highlevel.publishing import WRITE_SCOPE, fetch, find_labels, remove
from providers.highlevel.states import is_deleted, publish_time, publishes_soon, read_status
from providers.http.refusals import safe_id
from providers.interface.access import Access
from providers.models.publishing import Photos, PostMode, PublishRequest, PublishStatus

# The states in which neither a person nor the planner has acted on the post yet.
CHANGEABLE = ("draft", "in_review", "scheduled")


class HighLevelRecords:
    """The records of HighLevel's planner."""

    def __init__(self, client: Client) -> None:
        """Use `client` for the calls."""
        self._client = client

    async def statuses(
        self, access: Access, publish_ids: Sequence[str], *, since: datetime, until: datetime
    ) -> Mapping[str, PublishStatus]:
        """Read the statuses of posts from the list of the location; see the interface."""
        rows = await list_posts(self._client, access, since=since, until=until)
        found = {wire.identifier(row, "_id", "id"): row for row in rows}
        return {id: read_status(found[id]) for id in publish_ids if id in found and wire.text(found[id], "status")}

    async def edit(self, access: Access, publish_id: str, request: PublishRequest) -> None:
        """Replace the text, options and time of a post; see the interface.

        The current media are sent again with MIME types: an update removes what it leaves out (reports of live users,
        read 2026-11-20).
        """
        publish_body.check(request, self._client.clock(), v3=self._client.config.v3)
        post = await fetch(self._client, access, publish_id)
        body = await self._body(access, request, post)
        where = await posts_path(access, publish_id)
        hidden = publish_body.media_urls(body)
        await self._client.write(access, "PUT", where, scope=WRITE_SCOPE, body=body, secrets=hidden)
        _check_stored(body, await fetch(self._client, access, publish_id))

    async def _body(self, access: Access, request: PublishRequest, post: Mapping[str, Any]) -> dict[str, Any]:
        now, v3 = self._client.clock(), self._client.config.v3
        _check_state(request, post, now)
        media = publish_body.media_for_update(post, request.platform, v3=v3)
        if len(media) < _media_count(request):
            text = "HighLevel shows the post without its media: an update would lose them."
            raise ContentRefused(text, provider=PROVIDER, code="media_would_be_lost")
        ids, found = await location_ids_of(access), await find_labels(self._client, access, request)
        body = publish_body.build(request, ids, found, self._client.clock(), v3=v3) | {"media": media}
        if body["status"] == "published":
            # An edit may be repeated, so it must never publish: two of them could do so twice.
            text = "HighLevel would publish the post at once: give it a time in the future, or cancel it."
            raise Rejected(text, provider=PROVIDER, code="time_passed")
        return body

    async def delete(self, access: Access, publish_id: str) -> None:
        """Delete HighLevel's record; see the interface."""
        try:
            await remove(self._client, access, publish_id)
        except NotFound:
            return


def _check_state(request: PublishRequest, post: Mapping[str, Any], now: datetime) -> None:
    """Refuse an update that would publish a post twice, turn a scheduled post back into a draft, or come too late."""
    state = "deleted" if is_deleted(post) else wire.text(post, "status")
    released = request.mode is PostMode.PLANNER_DRAFT and state != "draft"
    if state not in CHANGEABLE or released or publishes_soon(post, now):
        code = safe_id(state, ())
        raise Rejected(f"A post that is {code} can no longer be changed this way.", provider=PROVIDER, code=code)


def _media_count(request: PublishRequest) -> int:
    """Return how many media the post must have."""
    return len(request.content.uris) if isinstance(request.content, Photos) else int(request.content is not None)


def _check_stored(sent: Mapping[str, Any], post: Mapping[str, Any]) -> None:
    """Compare what was sent with what the planner stored, because it drops values silently."""
    stored = [len(wire.rows(post, "media")), wire.text(post, "summary").strip(), _minute(publish_time(post))]
    expected = [len(sent["media"]), sent["summary"].strip(), _minute(wire.instant(sent, "scheduleDate"))]
    scheduled = sent["status"] == wire.text(post, "status") == "scheduled"
    if (stored if scheduled else stored[:2]) != (expected if scheduled else expected[:2]):
        text = "HighLevel stored something else than it was sent."
        raise ContentRefused(text, provider=PROVIDER, code="kept_otherwise")


def _minute(time: datetime | None) -> datetime | None:
    """Return a time truncated to the minute, the precision the planner may store."""
    return None if time is None else time.replace(second=0, microsecond=0)

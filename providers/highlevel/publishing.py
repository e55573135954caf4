"""Publishing through HighLevel's planner: upload media to its library, create a post, and read its status.

Owns creating, reading and cancelling posts; updates are in records.py, request bodies in publish_body.py. A post is
created by one call, which may publish it at once; that call is never repeated here.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from providers.errors import ContractBroken, OptionUnsupported, Rejected, Unavailable
from providers.highlevel import labels, media_library, publish_body, wire
from providers.highlevel.client import Client
from providers.highlevel.config import PROVIDER
from providers.highlevel.errors import contract
from providers.highlevel.listing import READ_SCOPE, list_posts, posts_path, record_of, sightings
from providers.highlevel.location_ids import location_ids_of
from providers.highlevel.publish_body import Labels
from providers.highlevel.states import (
    CANCELLABLE,
    PUBLISHED,
    is_deleted,
    publishes_soon,
    read_insights,
    read_status,
)
from providers.http.refusals import safe_id
from providers.interface.access import Access
from providers.models.publishing import Begun, FoundPost, PublishRequest, PublishStatus, Transferred, VideoFile
from providers.models.secret import Secret
from providers.models.videos import VideoMetrics

WRITE_SCOPE = "socialplanner/post.write"


class HighLevelPublishing:
    """Publishing at HighLevel."""

    def __init__(self, client: Client) -> None:
        """Use `client` for the calls."""
        self._client = client

    def check(self, request: PublishRequest) -> None:
        """Refuse, without any call, what HighLevel or the network cannot do; see the interface."""
        publish_body.check(request, self._client.clock(), v3=self._client.config.v3)

    async def begin(self, access: Access, request: PublishRequest) -> Begun:
        """Create a post: one write, after the reads that look up the ids of its category and tags.

        If the answer has no `results` (reported for posts published at once, read 2026-11-20), the id is empty.
        """
        self.check(request)
        if isinstance(request.content, VideoFile):
            raise _library_only()
        ids, found = await location_ids_of(access), await self._labels(access, request)
        body = publish_body.build(request, ids, found, self._client.clock(), v3=self._client.config.v3)
        where = await posts_path(access)
        hidden = publish_body.media_urls(body)
        response = await self._client.write(
            access, "POST", where, scope=WRITE_SCOPE, body=body, creates=True, secrets=hidden
        )
        return Begun(wire.identifier(record_of(response), "_id", "id"))

    async def _labels(self, access: Access, request: PublishRequest) -> Labels:
        try:
            return await find_labels(self._client, access, request)
        except ContractBroken as error:
            # From `begin`, ContractBroken would mean that the post may be published, but nothing was sent yet.
            raise Unavailable(error.message, provider=PROVIDER, code=error.code, log_id=error.log_id) from None

    async def store(
        self, access: Access, file: VideoFile, body: Callable[[], AsyncIterator[bytes]], *, name: str
    ) -> Secret:
        """Upload a file to the library of the location; see the interface. `name` is ignored: file names are fixed."""
        return Secret((await media_library.upload(self._client, access, file, body)).uri)

    async def send_chunk(
        self,
        upload_url: Secret,
        file: VideoFile,
        *,
        first: int,
        end: int,
        body: Callable[[], AsyncIterator[bytes]],
    ) -> Transferred:
        """Refuse: HighLevel has no chunked uploads. Makes no call."""
        raise _library_only()

    async def status(self, access: Access, publish_id: str) -> PublishStatus:
        """Return the status of a post: one call; a failed post is an answer, not an error."""
        return read_status(await fetch(self._client, access, publish_id))

    async def metrics(self, access: Access, publish_id: str, post_ids: Sequence[str]) -> Mapping[str, VideoMetrics]:
        """Read the counts of a post from its record: one call; see the interface. Only version v3 has them."""
        record = await fetch(self._client, access, publish_id)
        found = read_insights(record)
        # A record may lack the network's id of the post.
        post_id = wire.identifier(record, "postId") or next(iter(post_ids), "")
        return {post_id: found} if found is not None and post_id else {}

    async def find(self, access: Access, account: str, *, since: datetime, until: datetime) -> tuple[FoundPost, ...]:
        """List what an account published or scheduled, including deleted posts; see the interface."""
        rows = [
            row
            for kind in ("all", "deleted")
            for row in await list_posts(self._client, access, kind=kind, account=account, since=since, until=until)
        ]
        return sightings(row for row in rows if _created_since(row, since))

    async def cancel(self, access: Access, publish_id: str) -> None:
        """Delete a post that is not published yet.

        Reads it first: HighLevel would also delete its record of a published post, which would stay on its network. A
        post that is about to be published cannot be cancelled any more.
        """
        post = await fetch(self._client, access, publish_id)
        if is_deleted(post):
            return
        state = wire.text(post, "status")
        if state in PUBLISHED:
            text = "The post is published: HighLevel can only delete its record, and the post stays on its network."
            raise Rejected(text, provider=PROVIDER, code="published")
        if state not in CANCELLABLE or publishes_soon(post, self._client.clock()):
            raise Rejected("The post is being published.", provider=PROVIDER, code=safe_id(state, ()))
        await remove(self._client, access, publish_id)

    def public_uri(self, username: str, post_id: str, *, photos: bool = False) -> str:
        """Return the empty string: the page is known only from HighLevel's status."""
        return ""


async def fetch(client: Client, access: Access, publish_id: str) -> Mapping[str, Any]:
    """Return HighLevel's record of one post. Raises NotFound."""
    response = await client.read(access, await posts_path(access, publish_id), scope=READ_SCOPE)
    post = record_of(response)
    if not wire.text(post, "status"):
        raise contract("HighLevel's post has no status.", log_id=response.log_id)
    return post


async def remove(client: Client, access: Access, publish_id: str) -> None:
    """Delete HighLevel's own record of a post. Raises NotFound, Ambiguous (repeating the call is safe)."""
    await client.write(access, "DELETE", await posts_path(access, publish_id), scope=WRITE_SCOPE)


async def find_labels(client: Client, access: Access, request: PublishRequest) -> Labels:
    """Look up the ids of a request's category and tags; makes no call if it has neither."""
    name, names = request.extra.get("category", ""), request.extra.get("tags", [])
    category = await labels.category_id(client, access, name) if name else ""
    return Labels(category, await labels.tag_ids(client, access, names))


def _library_only() -> OptionUnsupported:
    return OptionUnsupported("HighLevel accepts files from its library only.", provider=PROVIDER, field="content")


def _created_since(row: Mapping[str, Any], since: datetime) -> bool:
    """Return whether a post was created at or after `since`, also if its creation time is unknown."""
    created = wire.instant(row, "createdAt")
    return created is None or created >= since

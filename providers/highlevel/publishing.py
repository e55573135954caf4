"""Publishing through HighLevel's planner: media into its library, a post made there, and what became of it.

Owns creating, reading and cancelling posts; updates are in records.py, request bodies in publish_body.py. A post is
created by one call, which may publish it at once; that call is never repeated here.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any

from providers.errors import ContractBroken, OptionUnsupported, Rejected, Unavailable
from providers.highlevel import labels, media_library, publish_body, wire
from providers.highlevel.client import Client, path
from providers.highlevel.config import PROVIDER
from providers.highlevel.errors import contract
from providers.highlevel.listing import listed, posts_path, record_of, sightings
from providers.highlevel.location_ids import place_of
from providers.highlevel.publish_body import Labels
from providers.highlevel.states import PLANNED, PUBLISHED, going_out, is_gone, read_status
from providers.http.refusals import safe_id
from providers.interface.access import Access
from providers.models.publishing import Begun, PublishRequest, PublishStatus, Sighting, Transferred, VideoFile
from providers.models.secret import Secret

READ_SCOPE, WRITE_SCOPE = "socialplanner/post.readonly", "socialplanner/post.write"


class HighLevelPublishing:
    """Publishing at HighLevel."""

    def __init__(self, client: Client) -> None:
        """Use `client` for the calls."""
        self._client = client

    def check(self, order: PublishRequest) -> None:
        """Refuse, without any call, what HighLevel or the order's network cannot do; see the interface."""
        publish_body.check(order, self._client.clock(), v3=self._client.config.v3)

    async def begin(self, access: Access, order: PublishRequest) -> Begun:
        """Make a post: one call that writes, after reads that find the ids of its category and tags.

        Without `results` in the answer (reported of posts that go out at once, read 2026-11-20) the id is empty.
        """
        self.check(order)
        if isinstance(order.content, VideoFile):
            raise OptionUnsupported("HighLevel takes a file from its library only.", provider=PROVIDER, field="content")
        place, found = await place_of(access), await self._labels(access, order)
        body = publish_body.body(order, place, found, self._client.clock(), v3=self._client.config.v3)
        where = posts_path(place.location_id)
        hidden = publish_body.addresses(body)
        said = await self._client.write(access, "POST", where, scope=WRITE_SCOPE, body=body, secrets=hidden)
        return Begun(wire.identifier(record_of(said), "_id", "id"))

    async def _labels(self, access: Access, order: PublishRequest) -> Labels:
        try:
            return await find_labels(self._client, access, order)
        except ContractBroken as error:
            # Of an announcement it would say that the post may be out, and nothing was sent yet.
            raise Unavailable(error.message, provider=PROVIDER, code=error.code, log_id=error.log_id) from None

    async def store(
        self, access: Access, file: VideoFile, body: Callable[[], AsyncIterator[bytes]], *, name: str
    ) -> Secret:
        """Put a file into the library of the location; see the interface. The library names its files by itself."""
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
        """Refuse: HighLevel gives no address for chunks. Makes no call."""
        raise OptionUnsupported("HighLevel takes a file from its library only.", provider=PROVIDER, field="content")

    async def status(self, access: Access, publish_id: str) -> PublishStatus:
        """Ask how a post stands: one call; a failed post is an answer, not an error."""
        return read_status(await fetch(self._client, access, publish_id))

    async def find(self, access: Access, account: str, *, since: datetime, until: datetime) -> tuple[Sighting, ...]:
        """List what an account posted or has planned, what was taken away again too; see the interface."""
        rows = [
            row
            for kind in ("all", "deleted")
            for row in await listed(self._client, access, kind=kind, account=account, since=since, until=until)
        ]
        return sightings(row for row in rows if _made(row, since))

    async def cancel(self, access: Access, publish_id: str) -> None:
        """Take a post away that is not published yet: a look first, because HighLevel would delete its own record of a
        published one too, and the post would stay on its network. What is about to go out is too late for it.
        """
        found = await fetch(self._client, access, publish_id)
        if is_gone(found):
            return
        state = wire.text(found, "status")
        if state in PUBLISHED:
            text = "The post is published: HighLevel can only forget it, and it stays on its network."
            raise Rejected(text, provider=PROVIDER, code="published")
        if state not in PLANNED or going_out(found, self._client.clock()):
            raise Rejected("The post is being published.", provider=PROVIDER, code=safe_id(state, ()))
        await remove(self._client, access, publish_id)

    def public_uri(self, username: str, post_id: str, *, photos: bool = False) -> str:
        """Return nothing: only HighLevel itself tells the page."""
        return ""


async def fetch(client: Client, access: Access, publish_id: str) -> Mapping[str, Any]:
    """Get one post as HighLevel shows it. Raises NotFound."""
    where = posts_path((await place_of(access)).location_id) + path(publish_id)
    said = await client.read(access, where, scope=READ_SCOPE)
    found = record_of(said)
    if not wire.text(found, "status"):
        raise contract("HighLevel's post has no status.", log_id=said.log_id)
    return found


async def remove(client: Client, access: Access, publish_id: str) -> None:
    """Delete HighLevel's own record of a post. Raises NotFound, Ambiguous (asking again is safe)."""
    where = posts_path((await place_of(access)).location_id) + path(publish_id)
    await client.write(access, "DELETE", where, scope=WRITE_SCOPE)


async def find_labels(client: Client, access: Access, order: PublishRequest) -> Labels:
    """Find the ids of an order's category and tags; none of them makes no call."""
    name, names = order.extra.get("category", ""), order.extra.get("tags", [])
    category = await labels.category_id(client, access, name) if name else ""
    return Labels(category, await labels.tag_ids(client, access, names))


def _made(row: Mapping[str, Any], since: datetime) -> bool:
    """Return whether a post was made since then; one that does not say when is not left out."""
    made = wire.instant(row, "createdAt")
    return made is None or made >= since

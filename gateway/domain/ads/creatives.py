"""What an ad shows: one of our uploads, one of our posts, or a post whose author gave a code.

Owns how each becomes something that the vendor can show. All of it may be repeated; nothing of it spends.
"""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from gateway.aip import names
from gateway.domain.access import ConnectionAccess
from gateway.domain.ads.tree import Target
from gateway.domain.media import uploads
from gateway.errors import FieldInvalid, MediaInvalid, StateForbids
from providers.errors import Unavailable
from providers.models.ads import AdMediaFile, AdMediaKind, AdSpec, UploadedVideo
from providers.models.secret import Secret
from storage import accounts as account_rows
from storage import posts
from storage.database import Transaction
from storage.states import UploadState
from storage.uploads import UploadRow

UNKNOWN = "unknown"
"""The vendor's id of what it does not have yet, for the checks before."""

PENDING = UploadedVideo(UNKNOWN, UNKNOWN)
"""The creative of an ad whose upload the vendor does not have yet."""


class NotReady(Exception):
    """The vendor still transcodes the video."""


@dataclass(frozen=True, slots=True)
class Source:
    """What an ad shows: the id of an upload, or of a post with the days to authorize it for, or a code."""

    upload: str = ""
    post: str = ""
    days: int = 0
    code: Secret | None = field(default=None, repr=False)

    def stored(self) -> dict[str, str]:
        """Return what is kept of it: a code is redeemed at once, and is nobody's afterwards."""
        return {name: value for name, value in (("upload", self.upload), ("post", self.post)) if value}


async def resolve(target: Target, spec: AdSpec, source: Source) -> AdSpec:
    """Return an ad with the post that it shows, after the vendor authorized that; one of an upload as it is.

    Raises storage's NotFound (post, upload), FieldInvalid, MediaInvalid, StateForbids (a post that is not out),
    ProviderError.
    """
    if source.upload:
        _check_upload(await uploads.get(target.domain, target.account.location, source.upload))
        return spec
    code = source.code or await _code_of(target, source)
    found = await target.facet.authorize_post(target.access, target.vendor_account, code.reveal())
    return replace(spec, creative=found.creative, identity=found.identity)


def _check_upload(row: UploadRow) -> None:
    name = names.UPLOAD.format(row.location, row.id)
    if row.state != UploadState.COMPLETE:
        raise StateForbids(row.state, "The upload is not complete.", resource=name)
    if not row.mime_type.startswith("video/"):
        raise MediaInvalid("An ad shows a video.", metadata={"mimeType": row.mime_type}, resource=name)


async def _code_of(target: Target, source: Source) -> Secret:
    """Let the connection that published a post authorize the ad account to advertise it."""
    domain, location = target.domain, target.account.location
    if not source.days:
        raise FieldInvalid("ad.creative.authorization_days", "is required with a post")
    async with domain.db.read() as tx:
        post = await posts.get(tx, location, source.post)
        account = await account_rows.get(tx, location, post.account)
    name = names.POST.format(location, source.post)
    if account.provider != target.account.provider:
        raise FieldInvalid("ad.creative.post", f"is of {account.provider}, the ad account of {target.account.provider}")
    if not post.public_ids:
        raise StateForbids(post.state, "It is not published, or its id at the vendor is not known yet.", resource=name)
    access = ConnectionAccess(domain, account.provider, location, account.connection)
    return (await target.facet.share_post(access, post.public_ids[0], days=source.days)).code


async def hold(tx: Transaction, location: str, upload: str) -> None:
    """Keep an upload until the vendor has it."""
    await uploads.hold(tx, location, [upload])


async def send(target: Target, upload: str) -> str:
    """Send our upload to the ad account, which happens once, and return the vendor's id of the video.

    Raises what reading the upload raises, ProviderError.
    """
    row, _ = await uploads.get_with_parts(target.domain, target.account.location, upload)
    _check_upload(row)

    def body(first: int, end: int) -> AsyncIterator[bytes]:
        return uploads.read(target.domain, row.location, upload, first, end)

    key = hashlib.sha256(f"{row.location}|{target.account.id}|{upload}".encode()).hexdigest()
    file = AdMediaFile(AdMediaKind.VIDEO, row.size_bytes, await _md5(body(0, row.size_bytes)), row.mime_type)
    return (await target.facet.upload_media(target.access, target.vendor_account, file, body, key=key)).id


async def with_video(target: Target, spec: AdSpec, video: str) -> AdSpec:
    """Return the ad with a video of the vendor's and its cover. Raises NotReady while it is transcoded."""
    account = target.vendor_account
    found = await target.facet.media(target.access, account, AdMediaKind.VIDEO, [video])
    if not any(each.ready for each in found):
        raise NotReady
    try:
        covers = await target.facet.covers(target.access, account, video)
    except Unavailable:
        raise NotReady from None
    if not covers:
        raise NotReady
    return replace(spec, creative=UploadedVideo(video, covers[0].id))


async def _md5(data: AsyncIterator[bytes]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    async for piece in data:
        digest.update(piece)
    return digest.hexdigest()

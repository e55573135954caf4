"""What would refuse a post, said before anything is sent: the provider's table, the media, the creator's own rules.

Owns the checks, all of which run so that a caller hears of every violation at once. Probes no media and writes
nothing; a vendor that cannot say now what its creator allows stops no post from being queued: it is asked again
before the hand- over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from gateway import reasons
from gateway.domain import creators
from gateway.domain.context import Domain
from gateway.domain.errors import (
    CapabilityMissing,
    CreatorRuleBroken,
    DomainError,
    FieldInvalid,
    MediaInvalid,
    OptionUnsupported,
    ReauthorizationRequired,
    ResourceNotFound,
    ScopeNotGranted,
    StateForbids,
    UploadExpired,
    Violation,
)
from providers import errors as providers
from providers.capabilities import Capability, CapabilityTable
from providers.models.accounts import CreatorInfo, PrivacyLevel
from providers.models.publishing import PostMode, PostOptions, VideoFile, VideoOrder
from storage import accounts, connections, uploads
from storage.accounts import AccountRow
from storage.connections import ConnectionRow
from storage.errors import NotFound
from storage.posts import PostRow
from storage.uploads import UploadRow

CREATOR_INFO_AGE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a post was checked against."""

    account: AccountRow
    connection: ConnectionRow
    upload: UploadRow


async def check(domain: Domain, post: PostRow) -> Checked:
    """Check a post that is to be created, and fill in whose it is; raises what forbids it, naming every bad field."""
    account, connection = await _whose(domain, post)
    upload = await stored(domain, post.location, post.uploads[0]) if post.uploads else None
    post.connection, post.provider = connection.id, account.provider
    table = domain.providers[account.provider].table
    problems = list(_capabilities(post, table))
    problems += _connection(post, account, connection)
    problems += _media(post, upload, table)
    problems += _fields(post, table)
    if not problems:
        problems += _provider_rules(domain, post, upload)
        problems += await _creator(domain, post, account)
    _raise(problems)
    if upload is None:
        raise FieldInvalid("post.video.source", "must name an upload")
    return Checked(account, connection, upload)


async def order(domain: Domain, post: PostRow) -> VideoOrder:
    """Give what is handed over, after asking once more what the creator allows.

    Raises DomainError when the post may no longer go out, Temporary when the vendor cannot say now.
    """
    account, _ = await _whose(domain, post)
    upload = await stored(domain, post.location, post.uploads[0])
    problems = list(_media(post, upload, domain.providers[post.provider].table))
    if post.mode == PostMode.DIRECT:
        info = await creators.fresh(domain, account, max_age=CREATOR_INFO_AGE)
        problems += _creator_rules(post, info)
    _raise(problems)
    return _video_order(post, upload)


def _video_order(post: PostRow, upload: UploadRow) -> VideoOrder:
    offset = post.content.get("cover_offset_ms")
    return VideoOrder(
        mode=PostMode(post.mode),
        file=VideoFile(upload.size_bytes, upload.mime_type, upload.sha256),
        caption=post.caption,
        options=options_of(post),
        cover_offset=None if offset is None else timedelta(milliseconds=offset),
        extra=dict(post.provider_extra),
    )


async def stored(domain: Domain, location: str, upload: str) -> UploadRow:
    """Give an upload's row; raises ResourceNotFound."""
    try:
        async with domain.db.read() as tx:
            return await uploads.get(tx, location, upload)
    except NotFound:
        raise ResourceNotFound(f"locations/{location}/uploads/{upload}") from None


async def _whose(domain: Domain, post: PostRow) -> tuple[AccountRow, ConnectionRow]:
    try:
        async with domain.db.read() as tx:
            account = await accounts.get(tx, post.location, post.account)
            return account, await connections.get(tx, post.location, account.connection)
    except NotFound:
        raise ResourceNotFound(f"locations/{post.location}/accounts/{post.account}") from None


def options_of(post: PostRow) -> PostOptions:
    """Give the caller's choices back from the row."""
    values = dict(post.options)
    level = values.pop("privacy_level", None)
    return PostOptions(privacy_level=None if level is None else PrivacyLevel(level), **values)


async def username(domain: Domain, post: PostRow) -> str:
    """Give the account's name at the vendor as last seen, for the address of the post's page."""
    async with domain.db.read() as tx:
        account = await accounts.find(tx, post.location, post.account)
        info = await accounts.find_creator_info(tx, post.location, post.account)
    if account is not None and account.username:
        return account.username
    return str(info.payload.get("username", "")) if info is not None else ""


def _capabilities(post: PostRow, table: CapabilityTable) -> Iterator[DomainError]:
    wanted = [Capability.POST_VIDEO_UPLOAD]
    if post.content.get("kind") == "photos":
        wanted = [Capability.POST_PHOTO]
    elif post.content.get("uri"):
        wanted = [Capability.POST_VIDEO_PULL]
    if post.mode == PostMode.CREATOR_INBOX:
        wanted.append(Capability.POST_INBOX)
    if post.mode == PostMode.PLANNER_DRAFT:
        wanted.append(Capability.POST_PLANNER_DRAFT)
    if post.schedule_time is not None:
        wanted.append(Capability.POST_SCHEDULE)
    for capability in wanted:
        if not table.can(capability):
            cell = table.cell(capability)
            yield CapabilityMissing(capability.value, cell.support.value, cell.note)
    if post.route_policy == "ANY":
        yield OptionUnsupported(
            "Only the route ACCOUNT_ONLY is offered.", violations=[_bad("route_policy", "not offered")]
        )
    if post.content.get("cover"):
        text = "a cover of its own is not offered; choose a frame with cover_offset"
        yield OptionUnsupported(text, violations=[_bad("video.cover", text)])


def _connection(post: PostRow, account: AccountRow, connection: ConnectionRow) -> Iterator[DomainError]:
    name = f"locations/{account.location}/connections/{connection.id}"
    if connection.status in ("PENDING", "EXPIRED", "DISCONNECTED") or account.state == "DETACHED":
        metadata = {"connection": name, "connectionStatus": connection.status}
        yield ReauthorizationRequired(metadata=metadata, resource=name)
        return
    needed = "can_upload_drafts" if post.mode == PostMode.CREATOR_INBOX else "can_publish"
    # Only a verified connection knows its capabilities; one that could not be verified yet is asked at the hand-over.
    if connection.capabilities and not connection.capabilities.get(needed):
        yield ScopeNotGranted(f"The connection lacks {needed}.", metadata={"connection": name, "capability": needed})


def _media(post: PostRow, upload: UploadRow | None, table: CapabilityTable) -> Iterator[DomainError]:
    if upload is None:
        return
    name = f"locations/{upload.location}/uploads/{upload.id}"
    if upload.state == "EXPIRED":
        yield UploadExpired(resource=name)
    elif upload.state != "COMPLETE":
        yield StateForbids(upload.state, "The upload is not finished.", resource=name)
    limits = table.limits
    if limits.video_mime_types and upload.mime_type not in limits.video_mime_types:
        text = f"{upload.mime_type} is not one of {', '.join(limits.video_mime_types)}"
        yield MediaInvalid(text, violations=[_bad("video.source", text)], metadata={"mimeType": upload.mime_type})
    if limits.max_video_bytes and upload.size_bytes > limits.max_video_bytes:
        text = f"{upload.size_bytes} bytes are more than {limits.max_video_bytes}"
        yield MediaInvalid(
            text, violations=[_bad("video.source", text)], metadata={"sizeBytes": str(upload.size_bytes)}
        )
    if upload.state == "COMPLETE" and upload.size_bytes == 0:
        yield MediaInvalid("The file is empty.", violations=[_bad("video.source", "is empty")])


def _fields(post: PostRow, table: CapabilityTable) -> Iterator[DomainError]:
    units = len(post.caption.encode("utf-16-le")) // 2
    if table.limits.max_caption_units and units > table.limits.max_caption_units:
        yield FieldInvalid("post.caption", f"has {units} UTF-16 units, {table.limits.max_caption_units} are allowed")
    if post.mode == PostMode.DIRECT and table.can(Capability.CREATOR_INFO):
        yield from _direct(options_of(post))


def _provider_rules(domain: Domain, post: PostRow, upload: UploadRow | None) -> Iterator[DomainError]:
    """Ask the provider, without a call, for what it cannot do or would silently drop."""
    if upload is None:
        return
    try:
        domain.providers[post.provider].publishing.check_video(_video_order(post, upload))
    except providers.OptionUnsupported as error:
        text = error.message
        yield OptionUnsupported(text, violations=[_bad(error.field, text)], metadata=reasons.metadata_of(error))


def _direct(options: PostOptions) -> Iterator[DomainError]:
    if options.privacy_level is None:
        yield FieldInvalid("post.options.privacy_level", "must be chosen by the creator, there is no default")
    if options.branded_content and options.privacy_level in (PrivacyLevel.ONLY_ME, PrivacyLevel.FOLLOWERS):
        text = "branded content must be visible to the public or to friends"
        yield CreatorRuleBroken(text, violations=[_bad("options.branded_content", text)])


async def _creator(domain: Domain, post: PostRow, account: AccountRow) -> list[DomainError]:
    if post.mode != PostMode.DIRECT:
        return []
    try:
        info = await creators.fresh(domain, account, max_age=CREATOR_INFO_AGE)
    except providers.Temporary:
        return []
    return list(_creator_rules(post, info))


def _creator_rules(post: PostRow, info: CreatorInfo) -> Iterator[DomainError]:
    metadata = {"provider": post.provider, "account": f"locations/{post.location}/accounts/{post.account}"}
    if not info.can_post:
        raise _blocked(info, post, metadata)
    options = options_of(post)
    if options.privacy_level is not None and options.privacy_level not in info.privacy_levels:
        allowed = ", ".join(level.name for level in info.privacy_levels)
        text = f"{options.privacy_level.name} is not one of the creator's options now: {allowed or 'none'}"
        yield CreatorRuleBroken(text, metadata=metadata, violations=[_bad("options.privacy_level", text)])
    for name, allowed_now in (
        ("allow_comments", not info.comment_disabled),
        ("allow_duet", not info.duet_disabled),
        ("allow_stitch", not info.stitch_disabled),
    ):
        if getattr(options, name) and not allowed_now:
            text = "the creator has switched this off"
            yield CreatorRuleBroken(f"{name}: {text}", metadata=metadata, violations=[_bad(f"options.{name}", text)])


def _blocked(info: CreatorInfo, post: PostRow, metadata: dict[str, str]) -> providers.CreatorBlocked:
    """Say why a creator cannot post now; a cap of the day passes, anything else does not."""
    kind = providers.DailyCapReached if info.daily_cap else providers.CreatorBlocked
    message = info.cannot_post_message or "The creator cannot post through the API now."
    return kind(message, provider=post.provider, code=info.cannot_post_reason, metadata=metadata)


def _bad(path: str, description: str) -> Violation:
    return Violation(f"post.{path}", description)


def _raise(problems: list[DomainError]) -> None:
    """Raise the first problem with the violations of all of them."""
    if not problems:
        return
    first = problems[0]
    first.violations = tuple(violation for problem in problems for violation in problem.violations)
    raise first

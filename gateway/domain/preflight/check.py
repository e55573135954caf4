"""The checks of a post before anything is sent: the provider's table, the media, the creator's settings.

Owns which checks run, and the order in which their errors count; all of them run, so that a caller gets every violation
at once. Writes no post. A vendor that cannot report its creator's settings now does not keep a post from being queued:
it is asked again before the submission.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from gateway import reasons
from gateway.aip import names
from gateway.domain import post_content
from gateway.domain.accounts import creator_info, sync
from gateway.domain.context import Domain
from gateway.domain.media import probe, uploads
from gateway.domain.post_content import Source
from gateway.domain.preflight import creator_rules, media_rules, provider_rules
from gateway.domain.quotas import daily_caps
from gateway.errors import (
    DomainError,
    FieldInvalid,
    GatewayUnavailable,
    MediaInvalid,
    ReauthorizationRequired,
    ResourceNotFound,
    ScopeNotGranted,
    StateForbids,
    UploadExpired,
    Violation,
)
from gateway.media.facts import MediaFacts
from providers import errors as providers
from providers.capabilities import Capability, CapabilityTable, Limits
from providers.checked_publishing import has_too_many_photos, misses_media
from providers.errors import ProviderError
from providers.http import public
from providers.interface import Provider
from providers.models.accounts import CreatorInfo
from providers.models.publishing import PostMode, PublishRequest
from storage import connections
from storage.accounts import AccountRow, CreatorInfoRow
from storage.connections import ConnectionRow
from storage.errors import NotFound
from storage.posts import PostRow
from storage.states import AccountState, ConnectionStatus, UploadState
from storage.uploads import UploadRow

log = structlog.get_logger(__name__)

RECONNECT = "The account must be connected to its network again."

NOT_CONNECTED = (ConnectionStatus.PENDING, ConnectionStatus.EXPIRED, ConnectionStatus.DISCONNECTED)
"""Connections without a working grant."""

Problem = DomainError | ProviderError


@dataclass(frozen=True, slots=True)
class Checked:
    """The account and connection of a checked post; `total_bytes` of its media are stored here already.

    `ready` is what it can be submitted with at once, None if something about it is not known yet.
    """

    account: AccountRow
    connection: ConnectionRow
    total_bytes: int
    ready: "Ready | None" = None


@dataclass(frozen=True, slots=True)
class Ready:
    """What a post is submitted with: its account, and the upload of each source that has one, in order."""

    account: AccountRow
    files: Sequence[UploadRow]
    check_time: datetime


@dataclass(frozen=True, slots=True)
class _Medium:
    """One source of a post: the path of its field, and its upload with its facts, if there is one."""

    path: str
    source: Source
    file: UploadRow | None = None
    facts: MediaFacts | None = None


async def check(domain: Domain, post: PostRow, known: Sequence[Problem] = ()) -> Checked:
    """Check a post before it is created, and set its connection and provider: at most one vendor call (creator info).

    `known` are problems that were found before. Raises the first problem, in the order of the checks, with the
    violations of all of them. Raises GatewayUnavailable if the media could not be probed now.
    """
    try:
        account, connection, stored_info = await _owner(domain, post)
    except ResourceNotFound as error:
        _raise([*known, error])
        raise
    account = await sync.current(domain, account)
    post.connection, post.provider = connection.id, account.provider
    provider = domain.providers[account.provider]
    post.content = post_content.for_platform(post.content, account.platform, provider.table)
    limits = provider.table.limits_of(account.platform)
    request = provider_rules.placeholder_request(post, account, provider.table)
    # Too many photos, or photos where none are taken, are reported without probing any of them.
    unprobed = has_too_many_photos(request, limits) or misses_media(request, limits)
    media = [] if unprobed else await _media(domain, post)
    problems: list[Problem] = [*known, *provider_rules.capabilities(post, request, provider.table)]
    connection_problems = list(_check_connection(post, account, connection, provider.table))
    if not connection_problems and sync.is_unusable(account, domain.clock()):
        connection_problems = [_unusable(account)]
    problems += connection_problems
    problems += _check_media(domain, post, media, limits)
    problems += _check_fields(post, request, provider.table)
    problems += _check_options(provider, request, problems)
    creator = [] if connection_problems else await _check_creator(domain, post, account, stored_info, media)
    problems += creator or ()
    # What is used up today says nothing about the day for which a post is kept here.
    if not _is_early(domain, post) and not any(isinstance(problem, ProviderError) for problem in problems):
        problems += await daily_caps.check(domain, post)
    _raise(problems)
    files = [medium.file for medium in media if medium.file]
    settled = creator is not None and not any(medium.source.needs_fetch for medium in media)
    ready = Ready(account, files, domain.clock()) if settled else None
    return Checked(account, connection, sum(file.size_bytes for file in files), ready)


async def ready(domain: Domain, post: PostRow) -> Ready:
    """Return what a post is submitted with, after rechecking whatever may have changed since it was created.

    Raises DomainError if the post may no longer be submitted, a provider's Temporary if that is not known now.
    """
    account, connection, stored_info = await _owner(domain, post)
    if sync.is_unusable(account := await sync.current(domain, account), domain.clock()):
        raise providers.GrantRevoked(RECONNECT, provider=post.provider, code="account_unusable")
    try:
        media = await _media(domain, post)
    except GatewayUnavailable as error:
        raise providers.Unavailable(error.message, provider=post.provider) from None
    table = domain.providers[post.provider].table
    _raise(
        [*_check_scopes(post, connection, table), *_check_media(domain, post, media, table.limits_of(account.platform))]
    )
    if _has_creator_info(domain, post):
        info = await creator_info.fresh_after(domain, account, stored_info, background=True)
        _raise(list(_creator_problems(domain, post, info, media)))
    return Ready(account, [medium.file for medium in media if medium.file], domain.clock())


async def _owner(domain: Domain, post: PostRow) -> tuple[AccountRow, ConnectionRow, CreatorInfoRow | None]:
    try:
        async with domain.db.read() as tx:
            return await connections.with_account(tx, post.location, post.account)
    except NotFound:
        raise ResourceNotFound(names.ACCOUNT.format(post.location, post.account)) from None


# --- the media --------------------------------------------------------------------------------------------------------


async def _media(domain: Domain, post: PostRow) -> list[_Medium]:
    """Return the media of a post, with the uploads that exist and their facts."""
    found = [_Medium(path, source) for path, source in _paths(post)]
    files: dict[str, UploadRow] = {}
    for upload in post_content.upload_ids([medium.source for medium in found]):
        try:
            files[upload] = await uploads.get(domain, post.location, upload)
        except ResourceNotFound:
            continue
    facts = await probe.facts_of(domain, list(files.values()))
    return [
        replace(medium, file=files.get(medium.source.upload), facts=facts.get(medium.source.upload)) for medium in found
    ]


def _paths(post: PostRow) -> Iterator[tuple[str, Source]]:
    for position, source in enumerate(post_content.sources_of(post)):
        yield post_content.field_path(post, position), source


def _check_media(domain: Domain, post: PostRow, media: Sequence[_Medium], limits: Limits) -> Iterator[DomainError]:
    rules = media_rules.photo if post_content.kind(post) == "photos" else media_rules.video
    for medium in media:
        if medium.source.uri and not medium.source.upload:
            # Checked for the side that will fetch it; a vendor on this machine is a simulator.
            loopback = domain.loopback_vendors if medium.source.vendor_pull else domain.fetcher.allow_loopback
            if problem := public.trouble(medium.source.uri, allow_loopback=loopback):
                yield FieldInvalid(f"{medium.path}.uri", problem)
        elif medium.source.upload:
            yield from _check_upload(post.location, medium)
            for rule, text in rules(medium.file, medium.facts, limits) if medium.file else ():
                violations = [Violation(medium.path, text)]
                yield MediaInvalid(f"{medium.path}: {text}.", violations=violations, metadata={"rule": rule})
            if medium.facts:
                for rule, text in media_rules.warnings(medium.facts, limits):
                    upload = names.UPLOAD.format(post.location, medium.source.upload)
                    log.warning("media.accepted_in_doubt", upload=upload, rule=rule, cause=text)


def _check_upload(location: str, medium: _Medium) -> Iterator[DomainError]:
    """Check that an upload exists and is complete."""
    name = names.UPLOAD.format(location, medium.source.upload)
    problem: DomainError | None = None
    if medium.file is None:
        problem, text = ResourceNotFound(name), "does not exist"
    elif medium.file.state == UploadState.EXPIRED:
        problem, text = UploadExpired(resource=name), "has expired"
    elif medium.file.state != UploadState.COMPLETE:
        problem, text = StateForbids(medium.file.state, "The upload is not finished.", resource=name), "is not finished"
    if problem is not None:
        problem.violations = (Violation(f"{medium.path}.upload", text),)
        yield problem


# --- everything else --------------------------------------------------------------------------------------------------


def _check_connection(
    post: PostRow, account: AccountRow, connection: ConnectionRow, table: CapabilityTable
) -> Iterator[DomainError]:
    name = names.CONNECTION.format(account.location, connection.id)
    if connection.status in NOT_CONNECTED or account.state == AccountState.DETACHED:
        metadata = {"connection": name, "connectionStatus": connection.status}
        yield ReauthorizationRequired(metadata=metadata, resource=name)
        return
    yield from _check_scopes(post, connection, table)


def _check_scopes(post: PostRow, connection: ConnectionRow, table: CapabilityTable) -> Iterator[DomainError]:
    """Check that the grant of a connection allows what the post needs."""
    needed = "can_upload_drafts" if post.mode == PostMode.CREATOR_INBOX else "can_publish"
    # Only a verified connection has its capabilities; the vendor checks the others when the post is submitted.
    if connection.capabilities and not connection.capabilities.get(needed):
        name = names.CONNECTION.format(post.location, connection.id)
        scopes = ",".join(sorted(table.rules_of(connection.grant_kind).grants.get(needed, ())))
        metadata = {"connection": name, "capability": needed, "scope": scopes}
        yield ScopeNotGranted(f"The connection lacks {needed}.", metadata=metadata)


def _unusable(account: AccountRow) -> DomainError:
    """Return the error for an account whose owner must connect it to its network again."""
    name = names.ACCOUNT.format(account.location, account.id)
    metadata = {"account": name, "accountHealth": account.health or account.state}
    return ReauthorizationRequired(RECONNECT, metadata=metadata, resource=name)


def _check_fields(post: PostRow, request: PublishRequest, table: CapabilityTable) -> Iterator[DomainError]:
    yield from provider_rules.media_kind(request, table)
    yield from provider_rules.texts(request, table.limits_of(request.platform))
    if post.mode == PostMode.DIRECT and table.can(Capability.CREATOR_INFO):
        yield from creator_rules.required_choices(post)


def _check_options(provider: Provider, request: PublishRequest, known: Sequence[Problem]) -> Iterator[DomainError]:
    """Yield what the provider refuses; a refusal of the whole post counts only if no other problem explains it."""
    for problem in provider_rules.options(provider, request):
        if problem.violations or not known:
            yield problem


def _has_creator_info(domain: Domain, post: PostRow) -> bool:
    """Return whether the post is a direct one to a vendor that reports its creators' settings."""
    return post.mode == PostMode.DIRECT and domain.providers[post.provider].table.can(Capability.CREATOR_INFO)


async def _check_creator(
    domain: Domain, post: PostRow, account: AccountRow, stored: CreatorInfoRow | None, media: Sequence[_Medium]
) -> list[Problem] | None:
    """Return what the creator's settings forbid, None if they are not known now."""
    if not _has_creator_info(domain, post):
        return []
    try:
        info = await creator_info.fresh_after(domain, account, stored)
    except (providers.Temporary, providers.ContractBroken):
        return None
    except ProviderError as error:
        return [error]
    problems = list(_creator_problems(domain, post, info, media))
    if _is_early(domain, post):
        problems = [each for each in problems if not isinstance(each, providers.DailyCapReached)]
    return problems


def _is_early(domain: Domain, post: PostRow) -> bool:
    """Return whether the post is to be kept here until a later time."""
    return post_content.is_early(post, domain.providers[post.provider].table, domain.clock())


def _creator_problems(domain: Domain, post: PostRow, info: CreatorInfo, media: Sequence[_Medium]) -> Iterator[Problem]:
    general_limit = domain.providers[post.provider].table.limits.max_video_duration
    blocked = creator_rules.blocked(post, info)
    if blocked is None:
        # The settings of a creator who is blocked are not reported.
        yield from creator_rules.settings(post, info)
    for medium in media:
        # A video that exceeds the general limit has been reported already, unless this creator has another limit.
        if medium.facts is not None and info.max_video_duration != general_limit:
            yield from creator_rules.video_duration(post, medium.facts, info)
    if blocked is not None:
        yield blocked


def _raise(problems: Sequence[Problem]) -> None:
    """Raise the first problem with the violations of all of them."""
    if not problems:
        return
    first = problems[0]
    if isinstance(first, DomainError):
        first.violations = tuple(dict.fromkeys(_violations(problems)))
    raise first


def _violations(problems: Sequence[Problem]) -> Iterator[Violation]:
    """Yield every violation, with a reason where it differs from the first problem's.

    A problem without violations becomes one of its own, unless it is the first.
    """
    first = problems[0]
    for problem in problems:
        reason = reasons.reason_of(problem)
        other = "" if isinstance(first, DomainError) and reason == first.reason else reason
        found = problem.violations if isinstance(problem, DomainError) else ()
        if not found and problem is not first:
            found = (Violation("post.account", problem.message),)
        for violation in found:
            yield replace(violation, reason=other)

"""What would refuse a post, said before anything is sent: the provider's table, the media, the creator's own rules.

Owns which checks run and in what order their words count; all of them run, so that a caller hears of every violation at
once. Writes no post. A vendor that cannot say now what its creator allows stops no post from being queued: it is asked
again before the hand-over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from gateway import reasons
from gateway.aip import names
from gateway.domain import post_content
from gateway.domain.accounts import creator_info, sync
from gateway.domain.context import Domain
from gateway.domain.media import probe
from gateway.domain.media import uploads as upload_rules
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
from providers.errors import ProviderError
from providers.http import public
from providers.models.accounts import CreatorInfo
from providers.models.publishing import PostMode
from storage import accounts, connections
from storage.accounts import AccountRow
from storage.connections import ConnectionRow
from storage.errors import NotFound
from storage.posts import PostRow
from storage.uploads import UploadRow

AWAY = "The account must be connected to its network again."
CREATOR_INFO_AGE = timedelta(seconds=60)

Problem = DomainError | ProviderError


@dataclass(frozen=True, slots=True)
class Checked:
    """What a post was checked against; `total_bytes` of media are here already."""

    account: AccountRow
    connection: ConnectionRow
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Ready:
    """What a post goes out with: its account, and its uploads, one for each source that has one, in order."""

    account: AccountRow
    files: Sequence[UploadRow]


@dataclass(frozen=True, slots=True)
class _Medium:
    """One source of a post: the path of its field, its upload when there is one, and what was found in that."""

    path: str
    source: Source
    file: UploadRow | None = None
    facts: MediaFacts | None = None


async def check(domain: Domain, post: PostRow, known: Sequence[Problem] = ()) -> Checked:
    """Check a post that is to be created, and fill in whose it is: at most one vendor call (creator info).

    `known` is what is wrong with it already. Raises what forbids it, the first by the order of the checks, naming every
    bad field of all. Raises GatewayUnavailable when the media could not be looked into now.
    """
    account, connection = await _whose(domain, post)
    account = await sync.current(domain, account)
    post.connection, post.provider = connection.id, account.provider
    table = domain.providers[account.provider].table
    limits = table.limits_of(account.platform)
    media = [] if provider_rules.too_many(post, limits) else await _media(domain, post)
    problems: list[Problem] = [*known, *provider_rules.capabilities(post, table)]
    connected = list(_connection(post, account, connection, table))
    if not connected and sync.is_unusable(account, domain.clock()):
        connected = [_unwell(account)]
    problems += connected
    problems += _of_media(domain, post, media, limits)
    problems += _of_fields(post, table, limits)
    problems += _of_provider(domain, post, account, problems)
    if not connected:
        problems += await _of_creator(domain, post, account, media)
    if not any(isinstance(problem, ProviderError) for problem in problems):
        problems += await daily_caps.check(domain, post)
    _raise(problems)
    return Checked(account, connection, sum(medium.file.size_bytes for medium in media if medium.file))


async def ready(domain: Domain, post: PostRow) -> Ready:
    """Return what a post that is about to be handed over goes out with; whatever may have changed since the post was
    created, or was not here then, is checked again.

    Raises DomainError when the post may no longer go out, a provider's Temporary when that cannot be said now.
    """
    account, _ = await _whose(domain, post)
    if sync.is_unusable(account := await sync.current(domain, account), domain.clock()):
        raise providers.GrantRevoked(AWAY, provider=post.provider, code="account_unusable")
    try:
        media = await _media(domain, post)
    except GatewayUnavailable as error:
        raise providers.Unavailable(error.message, provider=post.provider) from None
    limits = domain.providers[post.provider].table.limits_of(account.platform)
    _raise(list(_of_media(domain, post, media, limits)))
    if _asks_creator(domain, post):
        info = await creator_info.fresh(domain, account, max_age=CREATOR_INFO_AGE, background=True)
        _raise(list(_by_creator(domain, post, info, media)))
    return Ready(account, [medium.file for medium in media if medium.file])


async def _whose(domain: Domain, post: PostRow) -> tuple[AccountRow, ConnectionRow]:
    try:
        async with domain.db.read() as tx:
            account = await accounts.get(tx, post.location, post.account)
            return account, await connections.get(tx, post.location, account.connection)
    except NotFound:
        raise ResourceNotFound(names.ACCOUNT.format(post.location, post.account)) from None


# --- the media --------------------------------------------------------------------------------------------------------


async def _media(domain: Domain, post: PostRow) -> list[_Medium]:
    """Find the uploads of a post, and look into those that are here."""
    found = [_Medium(path, source) for path, source in _paths(post)]
    files: dict[str, UploadRow] = {}
    for upload in post_content.upload_ids([medium.source for medium in found]):
        try:
            files[upload] = await upload_rules.get(domain, post.location, upload)
        except ResourceNotFound:
            continue
    facts = await probe.look_into(domain, list(files.values()))
    return [
        replace(medium, file=files.get(medium.source.upload), facts=facts.get(medium.source.upload)) for medium in found
    ]


def _paths(post: PostRow) -> Iterator[tuple[str, Source]]:
    for position, source in enumerate(post_content.sources_of(post)):
        yield post_content.field_path(post, position), source


def _of_media(domain: Domain, post: PostRow, media: Sequence[_Medium], limits: Limits) -> Iterator[DomainError]:
    judge = media_rules.photo if post.content.get("kind") == "photos" else media_rules.video
    for medium in media:
        if medium.source.uri and not medium.source.upload:
            # Whoever will fetch it must be able to: a vendor of this machine is a simulator.
            here = domain.loopback_vendors if medium.source.vendor_pull else domain.fetcher.allow_loopback
            if trouble := public.trouble(medium.source.uri, allow_loopback=here):
                yield FieldInvalid(f"{medium.path}.uri", trouble)
        elif medium.source.upload:
            yield from _of_upload(post.location, medium)
            for rule, text in judge(medium.file, medium.facts, limits) if medium.file else ():
                violations = [Violation(medium.path, text)]
                yield MediaInvalid(f"{medium.path}: {text}.", violations=violations, metadata={"rule": rule})


def _of_upload(location: str, medium: _Medium) -> Iterator[DomainError]:
    """Check that an upload is there and whole."""
    name = names.UPLOAD.format(location, medium.source.upload)
    problem: DomainError | None = None
    if medium.file is None:
        problem, text = ResourceNotFound(name), "does not exist"
    elif medium.file.state == "EXPIRED":
        problem, text = UploadExpired(resource=name), "has expired"
    elif medium.file.state != "COMPLETE":
        problem, text = StateForbids(medium.file.state, "The upload is not finished.", resource=name), "is not finished"
    if problem is not None:
        problem.violations = (Violation(f"{medium.path}.upload", text),)
        yield problem


# --- everything else --------------------------------------------------------------------------------------------------


def _connection(
    post: PostRow, account: AccountRow, connection: ConnectionRow, table: CapabilityTable
) -> Iterator[DomainError]:
    name = names.CONNECTION.format(account.location, connection.id)
    if connection.status in ("PENDING", "EXPIRED", "DISCONNECTED") or account.state == "DETACHED":
        metadata = {"connection": name, "connectionStatus": connection.status}
        yield ReauthorizationRequired(metadata=metadata, resource=name)
        return
    needed = "can_upload_drafts" if post.mode == PostMode.CREATOR_INBOX else "can_publish"
    # Only a verified connection knows its capabilities; one that could not be verified yet is asked at the hand-over.
    if connection.capabilities and not connection.capabilities.get(needed):
        scopes = ",".join(sorted(table.grants.get(needed, ())))
        metadata = {"connection": name, "capability": needed, "scope": scopes}
        yield ScopeNotGranted(f"The connection lacks {needed}.", metadata=metadata)


def _unwell(account: AccountRow) -> DomainError:
    """Say that the owner of an account inside a grant must connect it to its network again."""
    name = names.ACCOUNT.format(account.location, account.id)
    metadata = {"account": name, "accountHealth": account.health or account.state}
    return ReauthorizationRequired(AWAY, metadata=metadata, resource=name)


def _of_fields(post: PostRow, table: CapabilityTable, limits: Limits) -> Iterator[DomainError]:
    yield from provider_rules.texts(post, limits)
    if post.mode == PostMode.DIRECT and table.can(Capability.CREATOR_INFO):
        yield from creator_rules.chosen(post)


def _of_provider(domain: Domain, post: PostRow, account: AccountRow, known: Sequence[Problem]) -> Iterator[DomainError]:
    """Yield what the provider refuses; what it says of the whole is news only when nothing else is wrong."""
    for problem in provider_rules.options(domain, post, account):
        if problem.violations or not known:
            yield problem


def _asks_creator(domain: Domain, post: PostRow) -> bool:
    """Return whether the vendor says what the creator of a direct post may do now."""
    return post.mode == PostMode.DIRECT and domain.providers[post.provider].table.can(Capability.CREATOR_INFO)


async def _of_creator(domain: Domain, post: PostRow, account: AccountRow, media: Sequence[_Medium]) -> list[Problem]:
    if not _asks_creator(domain, post):
        return []
    try:
        info = await creator_info.fresh(domain, account, max_age=CREATOR_INFO_AGE)
    except (providers.Temporary, providers.ContractBroken):
        return []
    except ProviderError as error:
        return [error]
    return list(_by_creator(domain, post, info, media))


def _by_creator(domain: Domain, post: PostRow, info: CreatorInfo, media: Sequence[_Medium]) -> Iterator[Problem]:
    longest = domain.providers[post.provider].table.limits.max_video_duration
    blocked = creator_rules.blocked(post, info)
    if blocked is None:
        # A vendor that refuses a creator says nothing else of it.
        yield from creator_rules.allowed(post, info)
    for medium in media:
        # One that is too long for everybody was named already, unless this creator's limit is another.
        if medium.facts is not None and info.max_video_duration != longest:
            yield from creator_rules.lasting(post, medium.facts, info)
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
    """Yield every violation, with its own reason where that is not the first's; a problem that has none is
    named too.
    """
    first = problems[0]
    for problem in problems:
        reason = problem.reason if isinstance(problem, DomainError) else reasons.reason_of(problem)
        other = "" if isinstance(first, DomainError) and reason == first.reason else reason
        found = problem.violations if isinstance(problem, DomainError) else ()
        if not found and problem is not first:
            found = (Violation("post.account", problem.message),)
        for violation in found:
            yield replace(violation, reason=other)

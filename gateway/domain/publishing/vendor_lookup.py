"""Finding a post in the vendor's own list: one whose announcement was not answered, or answered without an id.

Owns what proves that a post there is ours: a media address that only its attempt used; else its words, when no other
post of ours can be meant. A planner's list that goes on lacking a post for a while proves that it was never made; any
post of the account that was made about then, and is nobody's here, may be the one, whatever it says by now.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from gateway.domain.concurrency import backoff
from gateway.domain.context import Domain
from gateway.domain.media import links as media_links
from gateway.domain.publishing import journal, media_handoff, moves, retry_policy, vendor_status
from gateway.domain.publishing.journal import Work
from gateway.domain.publishing.moves import NextWork
from providers.capabilities import Capability
from providers.errors import Ambiguous, ProviderError
from providers.models.publishing import PublishPhase, PublishStatus, Sighting
from storage import accounts, attempts, post_matching
from storage import media as links
from storage.posts import PostRow
from storage.states import AttemptState, PostState

CLOCK_SLACK = timedelta(seconds=30)
"""How much earlier than our announcement a vendor's clock may say that the post was made."""

PLANNER_SLACK = timedelta(minutes=5)
"""The same of a planner, where a wrong clock would let a post be made twice."""

MADE_WITHIN = timedelta(minutes=5)
"""How long after its announcement a post may have been made, whatever its words are by now."""

SCHEDULE_SLACK = timedelta(days=1)
"""How much later than its time a planner may show a post."""

ACCEPTED = "taken"
"""Marks an attempt that the vendor took for sure, without saying under which id."""


async def start(domain: Domain, work: Work) -> NextWork:
    """INIT_SENT without an answer, of a vendor that shows what it has: look for it there, from a moment later on."""
    shown = {"due_at": domain.clock() + retry_policy.LOOKUP_FIRST, "next_attempt_time": None}
    await journal.move(
        domain,
        work,
        AttemptState.PROCESSING,
        post_state=PostState.PROCESSING,
        post=shown,
        polls=0,
        denials=0,
        failures=0,
    )
    return None


async def search(domain: Domain, work: Work) -> NextWork:
    """PROCESSING without an id: look once more; what is found goes on as if its answer had come."""
    try:
        found, alike = await find(domain, work)
    except ProviderError as error:
        return await vendor_status.poll_failed(domain, work, error)
    if found is not None:
        return await _found(domain, work, found)
    now, attempt = domain.clock(), work.attempt
    over = now - moves.submit_time(work) > retry_policy.OUTCOME_LIMIT
    without = 0 if alike or attempt.media.get(ACCEPTED) else attempt.denials + 1
    if without >= retry_policy.LOOKUP_MISSES and now - moves.submit_time(work) >= retry_policy.LOOKUP_SPAN:
        return await _never_made(domain, work)
    if over:
        text = "The provider's list never showed which post it is."
        return await vendor_status.mark_indeterminate(domain, work, Ambiguous(text, provider=work.post.provider))
    polls = attempt.polls + 1
    moved = await journal.move(domain, work, attempt.state, polls=polls, denials=without, failures=0, faults=0)
    return await moves.defer(domain, moved, backoff(retry_policy.LOOKUP_FIRST, polls, retry_policy.LOOKUP_MAX))


async def _found(domain: Domain, work: Work, found: Sighting) -> NextWork:
    if found.publish_id:
        id = found.publish_id
        return await journal.move(domain, work, work.attempt.state, publish_id=id, polls=0, denials=0, failures=0)
    status = PublishStatus(PublishPhase.PUBLISHED, post_ids=found.post_ids, public_uri=found.public_uri)
    return await vendor_status.apply(domain, work, status)


async def _never_made(domain: Domain, work: Work) -> NextWork:
    # What a late call of this attempt would let the vendor fetch opens nothing any more.
    await media_links.revoke(domain, work.post.location, work.post.id, work.attempt.number)
    if work.post.state == PostState.CANCELLING:
        return await moves.fail(domain, work, None, state=PostState.CANCELLED)
    text = "The announcement never reached the provider."
    return await moves.resubmit(domain, work, Ambiguous(text, provider=work.post.provider))


async def find(domain: Domain, work: Work) -> tuple[Sighting | None, bool]:
    """Return the one post at the vendor that can only be this one, and whether there is anything that may be it at all.

    Raises ProviderError when the vendor cannot say.
    """
    post = work.post
    if not _shown(domain, post):
        return None, True
    listed = await _listed(domain, work)
    certain = [each for each in listed if await _ours(domain, work, each)]
    if certain:
        return (certain[0] if len(certain) == 1 else None), True
    about_then = await _unclaimed(domain, post, listed)
    free = [each for each in about_then if _says(each, post.caption)]
    async with domain.db.read() as tx:
        twins = await post_matching.has_duplicate(tx, post, _from(domain, work), without_publish_id=_has_ids(free))
    only = free[0] if len(free) == 1 and post.caption.strip() and not twins else None
    return only, any(each.made is None or each.made <= moves.submit_time(work) + MADE_WITHIN for each in about_then)


def _from(domain: Domain, work: Work) -> datetime:
    """Return the earliest time at which the vendor may say that the post was made."""
    planner = domain.providers[work.post.provider].table.library
    return moves.submit_time(work) - (PLANNER_SLACK if planner else CLOCK_SLACK)


def _shown(domain: Domain, post: PostRow) -> bool:
    """Return whether the vendor's list can show the post: a planner's shows all, any other only what is public."""
    table = domain.providers[post.provider].table
    if table.library:
        return True
    public = post.mode == "direct" and post.options.get("privacy_level") == "public"
    return public and bool(post.caption) and table.can(Capability.VIDEO_LIST)


async def _listed(domain: Domain, work: Work) -> tuple[Sighting, ...]:
    post, now = work.post, domain.clock()
    async with domain.db.read() as tx:
        account = await accounts.get(tx, post.location, post.account)
    since = _from(domain, work)
    until = max(now, post.schedule_time or now) + SCHEDULE_SLACK
    finding = moves.publishing_of(domain, post).find(
        moves.access_of(domain, post), account.provider_account_id, since=since, until=until
    )
    return await moves.call("list", finding)


async def _ours(domain: Domain, work: Work, sighting: Sighting) -> bool:
    """Return whether a post names a medium by an address that no other attempt was given."""
    own = media_handoff.own_addresses(work)
    uris = [uri.reveal() for uri in sighting.uris]
    if own.intersection(uris):
        return True
    digests = [media_links.digest_of(urlsplit(uri).path.rpartition("/")[2]) for uri in uris if domain.public_url in uri]
    if not digests:
        return False
    async with domain.db.read() as tx:
        return await links.belong(tx, work.post.location, work.post.id, work.attempt.number, digests)


def _says(sighting: Sighting, caption: str) -> bool:
    return caption.strip() in [text.strip() for text in sighting.texts]


async def _unclaimed(domain: Domain, post: PostRow, found: Iterable[Sighting]) -> list[Sighting]:
    """Leave out what other posts of ours became."""
    found = list(found)
    async with domain.db.read() as tx:
        taken = await post_matching.claimed_post_ids(tx, post, [id for each in found for id in each.post_ids])
        claimed = await attempts.known_ids(tx, [each.publish_id for each in found if each.publish_id])
    return [each for each in found if not taken.intersection(each.post_ids) and each.publish_id not in claimed]


def _has_ids(found: Iterable[Sighting]) -> bool:
    return any(each.publish_id for each in found)

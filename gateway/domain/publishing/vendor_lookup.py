"""Finding a post in the vendor's list after a submit without a response, with a response without an id, or with a
refusal that proves nothing.

Owns what proves that a listed post is ours: a media address that only its attempt used; else its caption, if no other
post of ours has the same one. If a planner's list does not show the post for a while, it was never created; until then
any unclaimed post of the account from about that time may be the one, whatever its caption is by now. After a refusal
one search that shows no such post is enough.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from gateway.domain import vendor_errors
from gateway.domain.concurrency import backoff
from gateway.domain.context import Domain
from gateway.domain.media import links as media_links
from gateway.domain.publishing import journal, media_handoff, moves, retry_policy, vendor_status
from gateway.domain.publishing.journal import Work
from gateway.domain.publishing.moves import NextWork
from providers.capabilities import Capability
from providers.errors import Ambiguous, ProviderError, Temporary
from providers.models.publishing import FoundPost, PublishPhase, PublishStatus
from storage import accounts, attempts, post_matching
from storage import media as links
from storage.attempts import ACCOUNT, AttemptRow
from storage.posts import PostRow
from storage.states import AttemptState, PostState

CLOCK_SLACK = timedelta(seconds=30)
"""How much earlier than our submit the vendor's clock may date the post."""

PLANNER_SLACK = timedelta(minutes=5)
"""The same for a planner, where a wrong clock could make us create a post twice."""

CREATED_WITHIN = timedelta(minutes=5)
"""How long after its submit a post may have been created; its caption may have been changed since."""

SCHEDULE_SLACK = timedelta(days=1)
"""How much later than its scheduled time a planner may list a post."""

ACCEPTED = "taken"
"""The key in `AttemptRow.media` that marks an attempt which the vendor accepted without returning an id."""

REFUSED = "refused"
"""The key in `AttemptRow.media` of a refusal that does not prove that nothing happened: `error` as callers will see it,
and in `retry` whether the same post may be accepted later.
"""


class Search(NamedTuple):
    """What a search of the vendor's list says of a post.

    `found` can only be this one. `possible`: a listed post may be this one, as far as time tells. `similar`: one may be
    even though the vendor refused the post, because nothing of ours that it shows tells them apart.
    """

    found: FoundPost | None
    possible: bool
    similar: bool


async def start(domain: Domain, work: Work, error: ProviderError | None = None) -> NextWork:
    """INIT_SENT without a response, or refused without proof, of a vendor that lists its posts: schedule the first
    search of the list.
    """
    shown = {"due_at": domain.clock() + retry_policy.LOOKUP_FIRST, "next_attempt_time": None}
    media = work.attempt.media
    if error is not None and error.unproven:
        refusal = {"error": vendor_errors.as_stored(error), "retry": isinstance(error, Temporary)}
        media = {**media, REFUSED: refusal}
    await journal.move(
        domain,
        work,
        AttemptState.PROCESSING,
        post_state=PostState.PROCESSING,
        post=shown,
        media=media,
        polls=0,
        denials=0,
        failures=0,
    )
    return None


def refusal_of(attempt: AttemptRow) -> dict[str, Any] | None:
    """Return the refusal without proof that the attempt met, as it is stored; None if it met none."""
    refusal: dict[str, Any] | None = attempt.media.get(REFUSED)
    return refusal


async def search(domain: Domain, work: Work) -> NextWork:
    """PROCESSING without an id: search the list once; if the post is found, continue as if the response had arrived."""
    try:
        listed = await find(domain, work)
    except ProviderError as error:
        return await vendor_status.poll_failed(domain, work, error)
    if listed.found is not None:
        return await _apply_found(domain, work, listed.found)
    refused = refusal_of(work.attempt) is not None
    if refused and not listed.similar:
        return await believe_refusal(domain, work)
    now, attempt = domain.clock(), work.attempt
    limit = retry_policy.LOOKUP_SPAN if refused else retry_policy.OUTCOME_LIMIT
    over = now - moves.submit_time(work) > limit
    # Without a publish id the vendor can deny none, so `denials` counts the consecutive searches without a match.
    misses = 0 if listed.possible or refused or attempt.media.get(ACCEPTED) else attempt.denials + 1
    if misses >= retry_policy.LOOKUP_MISSES and now - moves.submit_time(work) >= retry_policy.LOOKUP_SPAN:
        return await _never_created(domain, work)
    if over:
        text = "The provider's list never showed which post it is."
        return await vendor_status.mark_indeterminate(domain, work, Ambiguous(text, provider=work.post.provider))
    polls = attempt.polls + 1
    moved = await journal.move(domain, work, attempt.state, polls=polls, denials=misses, failures=0, faults=0)
    return await moves.defer(domain, moved, backoff(retry_policy.LOOKUP_FIRST, polls, retry_policy.LOOKUP_MAX))


async def _apply_found(domain: Domain, work: Work, found: FoundPost) -> NextWork:
    if found.publish_id:
        return await adopt(domain, work, found.publish_id)
    status = PublishStatus(PublishPhase.PUBLISHED, post_ids=found.post_ids, public_uri=found.public_uri)
    return await vendor_status.apply(domain, work, status)


async def adopt(domain: Domain, work: Work, publish_id: str) -> Work:
    """Continue as if the vendor had just answered with this id: from here on it is asked for the status."""
    state = None if work.post.state == PostState.CANCELLING else PostState.PROCESSING
    return await journal.move(
        domain,
        work,
        AttemptState.PROCESSING,
        post_state=state,
        post={"due_at": domain.clock(), "error": None, "next_attempt_time": None},
        publish_id=publish_id,
        fail_code="",
        polls=0,
        denials=0,
        failures=0,
    )


async def believe_refusal(domain: Domain, work: Work) -> NextWork:
    """The vendor refused the post and its list does not have it: end it with that refusal, or try it again later."""
    # A late call of this attempt must not let the vendor fetch anything.
    await media_links.revoke(domain, work.post.location, work.post.id, work.attempt.number)
    if work.post.state == PostState.CANCELLING:
        return await moves.fail(domain, work, None, state=PostState.CANCELLED)
    refusal = work.attempt.media[REFUSED]
    submits = moves.submit_count(work)
    if refusal["retry"] and submits < retry_policy.MAX_LOST_SUBMITS:
        return await moves.new_attempt(domain, work, retry_policy.retry_delay(submits - 1), refusal["error"])
    code = refusal["error"]["metadata"].get("providerCode") or REFUSED
    return await moves.fail(domain, work, refusal["error"], fail_code=code)


async def _never_created(domain: Domain, work: Work) -> NextWork:
    # A late call of this attempt must not let the vendor fetch anything.
    await media_links.revoke(domain, work.post.location, work.post.id, work.attempt.number)
    if work.post.state == PostState.CANCELLING:
        return await moves.fail(domain, work, None, state=PostState.CANCELLED)
    text = "The submit never reached the provider."
    return await moves.resubmit(domain, work, Ambiguous(text, provider=work.post.provider))


async def find(domain: Domain, work: Work) -> Search:
    """Search the vendor's list once. Raises ProviderError if the vendor cannot say."""
    post = work.post
    if not _is_listed(domain, post):
        return Search(None, possible=True, similar=True)
    listed = await _fetch_list(domain, work)
    certain = [each for each in listed if await _has_own_media(domain, work, each)]
    if certain:
        return Search(certain[0] if len(certain) == 1 else None, possible=True, similar=True)
    unclaimed = await _unclaimed(domain, post, listed)
    alike = [each for each in unclaimed if _has_caption(each, post.caption)]
    async with domain.db.read() as tx:
        duplicate = await post_matching.has_duplicate(
            tx, post, _earliest(domain, work), without_publish_id=_has_ids(alike)
        )
    only = alike[0] if len(alike) == 1 and post.caption.strip() and not duplicate else None
    latest = moves.submit_time(work) + CREATED_WITHIN
    possible = [each for each in unclaimed if each.create_time is None or each.create_time <= latest]
    # Words alone, and the caller's own address, may belong to other posts too: there any of them may be ours.
    own = media_handoff.own_addresses(work) or media_handoff.uses_links(domain, post)
    similar = any(not own or _resembles(each, post.caption) for each in possible)
    return Search(only, bool(possible), similar)


def _earliest(domain: Domain, work: Work) -> datetime:
    """Return the earliest creation time that the vendor may state for the post."""
    return moves.submit_time(work) - (PLANNER_SLACK if moves.is_planner(domain, work.post) else CLOCK_SLACK)


def _is_listed(domain: Domain, post: PostRow) -> bool:
    """Return whether the vendor lists the post: a planner lists all, any other vendor only public posts."""
    if moves.is_planner(domain, post):
        return True
    public = post.mode == "direct" and post.options.get("privacy_level") == "public"
    return public and bool(post.caption) and domain.providers[post.provider].table.can(Capability.VIDEO_LIST)


async def _fetch_list(domain: Domain, work: Work) -> tuple[FoundPost, ...]:
    post, now = work.post, domain.clock()
    async with domain.db.read() as tx:
        account = await accounts.get(tx, post.location, post.account)
    since = _earliest(domain, work)
    until = max(now, post.schedule_time or now) + SCHEDULE_SLACK
    # A reconnected account may have another id by now, under which the list would not show the post.
    submitted_for = work.attempt.media.get(ACCOUNT) or account.provider_account_id
    request = moves.publishing_of(domain, post).find(
        moves.access_of(domain, post), submitted_for, since=since, until=until
    )
    return await moves.call("list", request)


async def _has_own_media(domain: Domain, work: Work, found_post: FoundPost) -> bool:
    """Return whether a listed post has a media address that only this attempt used."""
    own = media_handoff.own_addresses(work)
    uris = [uri.reveal() for uri in found_post.uris]
    if own.intersection(uris):
        return True
    digests = [media_links.digest_of(urlsplit(uri).path.rpartition("/")[2]) for uri in uris if domain.public_url in uri]
    if not digests:
        return False
    async with domain.db.read() as tx:
        return await links.any_of_attempt(tx, work.post.location, work.post.id, work.attempt.number, digests)


def _has_caption(found_post: FoundPost, caption: str) -> bool:
    return caption.strip() in [text.strip() for text in found_post.texts]


def _resembles(found_post: FoundPost, caption: str) -> bool:
    """Return whether a listed post may be ours without showing the media that are: it shows none, or our words, which
    the vendor may have cut.
    """
    texts = [text.strip() for text in found_post.texts]
    return not found_post.uris or any(text and caption.strip().startswith(text) for text in texts)


async def _unclaimed(domain: Domain, post: PostRow, found: Iterable[FoundPost]) -> list[FoundPost]:
    """Return the listed posts that belong to no other post of ours."""
    found = list(found)
    async with domain.db.read() as tx:
        claimed = await post_matching.claimed_post_ids(tx, post, [id for each in found for id in each.post_ids])
        known = await attempts.known_ids(tx, [each.publish_id for each in found if each.publish_id])
    return [each for each in found if not claimed.intersection(each.post_ids) and each.publish_id not in known]


def _has_ids(found: Iterable[FoundPost]) -> bool:
    return any(each.publish_id for each in found)

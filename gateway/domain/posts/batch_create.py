"""BatchCreatePosts: the posts of a batch are made together or not at all; afterwards each goes its own way.

Owns that every post is checked before any is made, and how an error says which of them it is about.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from gateway.domain import idempotency
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import keep_own
from gateway.domain.media import uploads
from gateway.domain.posts import create, read
from gateway.domain.posts.create import NewPost, Prepared
from gateway.errors import DomainError, FieldInvalid, Violation
from gateway.reasons import reason_of
from providers.errors import ProviderError
from storage.errors import NotFound
from storage.posts import PostRow

MAX_POSTS = 50
CHECKED_AT_ONCE = 8
"""How many accounts of a batch are checked at the same time: each may need a vendor call."""

Problem = DomainError | ProviderError
Requested = tuple[NewPost, Sequence[FieldInvalid]]
"""A post, and the errors in its fields."""


async def batch_create(
    domain: Domain,
    location: str,
    posts: Sequence[Requested],
    key: RequestKey | None,
    *,
    agency: str,
    validate_only: bool = False,
) -> list[PostRow]:
    """Check all posts and queue them in one transaction: at most one vendor call for each account.

    Raises the first post's problem with the violations of all of them, its field paths beginning with `requests[i].`,
    and nothing is made. If the key's `request_id` made posts already, these are returned.
    """
    first = await idempotency.earlier(domain.db, key)
    if first is not None:
        return await _earlier(domain, location, first)
    prepared = await _prepare(domain, posts, agency)
    if validate_only:
        return [each.row for each in prepared]
    ids = ",".join(each.row.id for each in prepared)
    # In the order of their ids: two batches that name the same posts or uploads wait for each other, never in a circle.
    ordered = sorted(enumerate(prepared), key=lambda each: each[1].row.id)
    async with domain.db.transaction() as tx:
        await keep_own(tx, location, agency)
        first = await idempotency.claim(tx, key, ids, domain.clock())
        if first is None:
            # All uploads at once and in order, or two batches could wait for each other's; what is wrong with one is
            # said of its post.
            with suppress(DomainError, NotFound):
                await uploads.hold(tx, location, sorted({id for each in prepared for id in each.row.uploads}))
            for position, (index, each) in enumerate(ordered):
                try:
                    # The others are due for everybody: one process would keep them waiting.
                    await create.insert(domain, tx, each, here=position < CHECKED_AT_ONCE)
                except DomainError as error:
                    raise_first({index: error})
    if first is not None:
        return await _earlier(domain, location, first)
    for each in prepared:
        create.begin(domain, each)
    return [each.row for each in prepared]


async def _earlier(domain: Domain, location: str, ids: str) -> list[PostRow]:
    """Return the posts of an earlier call as they are now; raises storage's NotFound if one was deleted since."""
    return [await read.get(domain, location, id) for id in ids.split(",")]


async def _prepare(domain: Domain, posts: Sequence[Requested], agency: str) -> list[Prepared]:
    """Check every post; raises as `raise_first` does if any cannot be made."""
    places = asyncio.Semaphore(CHECKED_AT_ONCE)
    prepared: dict[int, Prepared] = {}
    problems: dict[int, Problem] = {}

    async def prepare(indices: Sequence[int]) -> None:
        # One after the other: what the vendor says for the first post of an account is known for the next.
        for index in indices:
            async with places:
                try:
                    prepared[index] = await create.prepare(domain, *posts[index], agency=agency)
                except (DomainError, ProviderError) as error:
                    problems[index] = error

    by_account: dict[str, list[int]] = {}
    for index, (new, _) in enumerate(posts):
        by_account.setdefault(new.account, []).append(index)
    checks = [asyncio.create_task(prepare(indices)) for indices in by_account.values()]
    try:
        await asyncio.gather(*checks)
    finally:
        # When one fails for a reason of our own, the others ask no vendor any more.
        for check in checks:
            check.cancel()
        await asyncio.gather(*checks, return_exceptions=True)
    if problems:
        raise_first(problems)
    return [prepared[index] for index in range(len(posts))]


def raise_first(problems: Mapping[int, Problem]) -> None:
    """Raise the problem of the first request that has one, with the violations of all, by the index of each request."""
    index, first = min(problems.items())
    if isinstance(first, DomainError):
        found = [each for number, problem in sorted(problems.items()) for each in _placed(number, problem, first)]
        first.violations = tuple(found)
        if "field" in first.metadata:
            first.metadata["field"] = f"requests[{index}].{first.metadata['field']}"
    first.metadata["requestIndex"] = str(index)
    raise first


def _placed(index: int, problem: Problem, first: DomainError) -> Iterator[Violation]:
    """Yield the violations of one request's problem, with a reason where it differs from the first problem's."""
    reason = reason_of(problem)
    other = "" if reason == first.reason else reason
    found = problem.violations if isinstance(problem, DomainError) else ()
    for violation in found or (Violation("post", problem.message),):
        yield replace(violation, field=f"requests[{index}].{violation.field}", reason=violation.reason or other)

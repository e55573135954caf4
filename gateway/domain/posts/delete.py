"""DeletePost: removes the row of a post, and its record in the planner if there is one.

Owns which posts can be deleted. A published post stays on its network, and the errors say so.
"""

from gateway.domain import idempotency, vendor_errors
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.publishing import journal, moves
from gateway.errors import EtagMismatch, StateForbids
from providers.errors import Ambiguous
from storage import attempts
from storage import posts as rows
from storage.attempts import AttemptRow
from storage.posts import PostRow
from storage.states import PostState

DELETABLE = (PostState.FAILED, PostState.CANCELLED, PostState.AWAITING_CREATOR)
DELETABLE_BY_FORCE = (PostState.PUBLISHED, PostState.INDETERMINATE)
STAYS = "A published post stays on its network, where only its owner can delete it; `force` removes the records of it."
OPEN = "Whether it was published is not known; `force` removes the record, and nobody looks for proof any more."
UNDER_WAY = "A post that is under way is called back first: CancelPost."


async def delete(
    domain: Domain, location: str, post: str, key: RequestKey | None, *, etag: str = "", force: bool = False
) -> None:
    """Delete a post that has ended, a draft also in the planner; a published or indeterminate one only with `force`.

    Raises storage's NotFound, EtagMismatch, StateForbids, Unavailable (repeating the call is safe), ProviderError.
    """
    if await idempotency.earlier(domain.db, key) is not None:
        return
    async with domain.db.read() as tx:
        row = await rows.get(tx, location, post)
        attempt = await attempts.find(tx, location, post, row.attempt)
    if etag and etag != str(row.version):
        raise EtagMismatch(metadata={"etag": str(row.version)}, resource=journal.subject(row))
    _check(row, force)
    if attempt is not None and attempt.publish_id and moves.is_planner(domain, row):
        await _delete_from_planner(domain, row, attempt)
    async with domain.db.transaction() as tx:
        if await idempotency.claim(tx, key, post, domain.clock()) is None:
            await attempts.remove_post(tx, location, post, expect=row.state)


def _check(row: PostRow, force: bool) -> None:
    if row.state in DELETABLE or (force and row.state in DELETABLE_BY_FORCE):
        return
    text = {PostState.PUBLISHED: STAYS, PostState.INDETERMINATE: OPEN}.get(row.state, UNDER_WAY)
    raise StateForbids(row.state, text, resource=journal.subject(row))


async def _delete_from_planner(domain: Domain, row: PostRow, attempt: AttemptRow) -> None:
    """Delete the planner's record; one that no longer exists is not an error."""
    access = moves.access_of(domain, row, background=False)
    try:
        await domain.providers[row.provider].records.delete(access, attempt.publish_id)
    except Ambiguous as error:
        text = "Whether the provider removed its record is not known; asking again is safe."
        raise vendor_errors.safe_to_repeat(error, text) from None

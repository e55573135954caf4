"""The request to the vendor to cancel a publish that it is working on.

Owns the call and its repetition. Whether a post may be cancelled is `gateway/domain/posts/cancel.py`.
"""

import structlog

from gateway.domain.context import Domain
from gateway.domain.publishing import moves
from gateway.domain.publishing.journal import Work
from providers.errors import ProviderError

log = structlog.get_logger(__name__)


async def request_cancel(domain: Domain, work: Work) -> None:
    """Ask the vendor to cancel: one call, safe to repeat."""
    access = moves.access_of(domain, work.post)
    await moves.call("cancel", moves.publishing_of(domain, work.post).cancel(access, work.attempt.publish_id))


async def repeat_cancel(domain: Domain, work: Work) -> None:
    """Repeat the request while the vendor is still fetching; a refusal is only logged, because its status decides."""
    try:
        await request_cancel(domain, work)
    except ProviderError as error:
        log.info("publish.cancel_refused", location=work.post.location, post=work.post.id, code=error.code)

"""What a planner keeps of a post, compared with what it was sent: a planner changes posts without a word.

Owns the comparison and the column `differences`. Changes nothing at the vendor: callers see the differences and decide.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog

from gateway.domain import post_content
from gateway.domain.context import Domain
from gateway.domain.publishing import journal
from gateway.domain.publishing.journal import Work
from providers.models.publishing import Kept, PublishPhase, PublishStatus
from storage.posts import PostRow

log = structlog.get_logger(__name__)

COMPARED = "compared"
"""The key in `AttemptRow.media` that marks an attempt whose record was compared once."""

MAX_SHOWN = 1000
"""How many characters of a caption are shown as kept."""

EARLIER, LATER = timedelta(minutes=1), timedelta(minutes=2)
"""How far a kept time may be from the one that was sent: a planner stores whole minutes, and needs some notice."""


class Finding(NamedTuple):
    """Whether a field is kept otherwise (None: the record does not say), and what is kept."""

    differs: bool | None
    kept: str = ""


async def note(domain: Domain, work: Work, status: PublishStatus) -> Work:
    """Show in the post what the planner keeps otherwise than it was sent, and no longer what it does not.

    Raises Superseded if the post was changed since it was read: then the status is not compared with what was sent.
    """
    if status.kept is None:
        return work
    first = COMPARED not in work.attempt.media
    found = compare(work.post, status.kept, status.phase, domain.clock(), first=first)
    if not first and found == (work.post.differences or {}):
        return work
    if found:
        log.warning("publish.kept_otherwise", location=work.post.location, post=work.post.id, fields=sorted(found))
    media = {**work.attempt.media, COMPARED: True}
    return await journal.move(
        domain, work, work.attempt.state, post={"differences": found}, unchanged=True, media=media
    )


def compare(post: PostRow, kept: Kept, phase: PublishPhase, now: datetime, *, first: bool) -> dict[str, Any]:
    """Return, by the post's field, what is kept otherwise; what the record does not say stays as it was found before.

    Where the post went is compared on the `first` look only: later a person may have released it.
    """
    before: Mapping[str, str] = post.differences or {}
    findings = {
        "caption": _caption(post, kept),
        "media": _media(post, kept),
        "schedule_time": _schedule_time(post, kept, phase, now, first=first),
        "mode": _mode(post, kept, first=first),
    }
    differing = {name: finding.kept for name, finding in findings.items() if finding.differs}
    unknown = {name: before[name] for name, finding in findings.items() if finding.differs is None and name in before}
    return differing | unknown


def _caption(post: PostRow, kept: Kept) -> Finding:
    if kept.caption is None:
        return Finding(None)
    return Finding(kept.caption.strip() != post.caption.strip(), kept.caption[:MAX_SHOWN])


def _media(post: PostRow, kept: Kept) -> Finding:
    if kept.media_count is None:
        return Finding(None)
    return Finding(kept.media_count != len(post_content.sources_of(post)), str(kept.media_count))


def _schedule_time(post: PostRow, kept: Kept, phase: PublishPhase, now: datetime, *, first: bool) -> Finding:
    sent = post.schedule_time
    if kept.schedule_time is not None:
        off = sent is None or not -EARLIER <= kept.schedule_time - sent <= LATER
        return Finding(off, kept.schedule_time.isoformat())
    out = phase in (PublishPhase.PUBLISHED, PublishPhase.RUNNING)
    too_early = first and out and sent is not None and now < sent - EARLIER
    return Finding(True if too_early else None)


def _mode(post: PostRow, kept: Kept, *, first: bool) -> Finding:
    if kept.mode is None or not first:
        return Finding(None)
    return Finding(kept.mode != post.mode, f"POST_MODE_{kept.mode.upper()}")

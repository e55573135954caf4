"""The publications and how they progress over time.

Owns: publications, uploads, the ledger of posts, the 24-hour counts. Knows nothing of HTTP, tokens or webhook bodies.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from providers.simulators.common.ids import Entropy, number
from providers.simulators.tiktok.config import SimulatorConfig
from providers.simulators.tiktok.publications import Post, Publication

DAY = timedelta(days=1)
# Page "Media Transfer Guide", read 2026-11-20: a pull ends one hour after it began.
PULL_TIMEOUT = timedelta(hours=1)
# The privacy level of posts that get a public id.
PUBLIC = "PUBLIC_TO_EVERYONE"

Emit = Callable[[str, str, dict[str, Any]], None]


@dataclass(slots=True, kw_only=True)
class Publisher:
    """The publishing side of the vendor. `emit(event, open_id, content)` is called once for each webhook event."""

    config: SimulatorConfig
    entropy: Entropy
    emit: Emit
    on_public: Callable[[Post], None]
    publications: dict[str, Publication] = field(default_factory=dict)
    uploads: dict[str, Publication] = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list)
    failures: deque[str] = field(default_factory=deque)
    # The publications that still change over time, so that thousands of finished ones cost nothing.
    _active: dict[str, Publication] = field(default_factory=dict)
    # The publications whose media are still being fetched.
    _pulling: dict[str, Publication] = field(default_factory=dict)

    def add(self, publication: Publication) -> None:
        """Add a publication whose init was accepted."""
        self.publications[publication.publish_id] = publication
        if publication.upload_id:
            self.uploads[publication.upload_id] = publication

    def pull(self, publication: Publication) -> None:
        """Mark a publication as being pulled; it fails after PULL_TIMEOUT."""
        self._pulling[publication.publish_id] = publication

    def ready(self, publication: Publication, now: datetime) -> None:
        """Begin processing: all bytes were received."""
        self._pulling.pop(publication.publish_id, None)
        publication.ready_at = now
        self._active[publication.publish_id] = publication

    def settle(self, now: datetime) -> None:
        """Apply everything that is due by `now`. A publication leaves processing once, hence posts once."""
        for publication in list(self._pulling.values()):
            if publication.init_at + PULL_TIMEOUT <= now:
                self.fail(publication, publication.pull_failed)
        for publication in list(self._active.values()):
            if publication.processing and self._processed_at(publication) <= now:
                self._finish(publication)
            if not publication.processing:
                self._publish_ids(publication, now)
            if self._due(publication) is None:
                self._active.pop(publication.publish_id, None)

    def next_due(self) -> datetime | None:
        """Return when the next change is due, or None."""
        pulls = [publication.init_at + PULL_TIMEOUT for publication in self._pulling.values()]
        return min([*pulls, *filter(None, map(self._due, self._active.values()))], default=None)

    def advance(self, publication: Publication, now: datetime) -> None:
        """Take the next step now: end the processing or, after that, the moderation."""
        if publication.ready_at is None:
            raise ValueError("its bytes are not all in")
        if publication.processing:
            publication.ready_at = now - timedelta(seconds=self.config.processing_seconds)
            self.settle(now)
        else:
            self._publish_ids(publication, now, everything=True)

    def post_draft(self, publication: Publication, privacy_level: str, now: datetime) -> Post:
        """Post a draft, as the user does from the inbox; a draft may be posted several times."""
        if publication.status not in ("SEND_TO_USER_INBOX", "PUBLISH_COMPLETE") or not publication.is_draft:
            raise ValueError("it is not a draft that was delivered")
        publication.status = "PUBLISH_COMPLETE"
        self._active[publication.publish_id] = publication
        return self._post(publication, now, {**publication.post_info, "privacy_level": privacy_level})

    def fail(self, publication: Publication, reason: str) -> None:
        """Fail a publication without a post, and emit the event."""
        publication.fail(reason)
        self._active.pop(publication.publish_id, None)
        self._pulling.pop(publication.publish_id, None)
        self._emit("post.publish.failed", publication, reason=reason)

    def fail_all(self, open_id: str, reason: str) -> None:
        """Fail every publication of a user that is still processing."""
        for publication in self.publications.values():
            if publication.open_id == open_id and publication.processing:
                self.fail(publication, reason)

    def drafts(self, open_id: str, now: datetime) -> list[str]:
        """Return the publish_ids that occupy a draft slot: started within 24 hours, neither posted nor failed.

        Sources disagree on whether time or completion frees a slot; here either does.
        """
        mine = (each for each in self.publications.values() if each.open_id == open_id)
        return [each.publish_id for each in mine if each.unfinished_draft and each.init_at > now - DAY]

    def posts_today(self, open_id: str, now: datetime) -> int:
        """Return the number of direct posts of a creator in 24 hours, including those in processing."""
        return sum(each.open_id == open_id for each in self._directs_today(now))

    def creators_today(self, now: datetime) -> set[str]:
        """Return the open_ids with a direct post in 24 hours; drafts do not count."""
        return {each.open_id for each in self._directs_today(now)}

    def public_ids(self, publication: Publication) -> list[int]:
        """Return the ids that status/fetch shows: public posts that passed moderation."""
        return [post.post_id for post in publication.posts if post.post_id in publication.public_post_ids]

    def _directs_today(self, now: datetime) -> list[Publication]:
        def counts(each: Publication) -> bool:
            started = each.ready_at is not None and each.ready_at > now - DAY
            return started and not each.is_draft and each.status != "FAILED"

        return [each for each in self.publications.values() if counts(each)]

    def _processed_at(self, publication: Publication) -> datetime:
        if publication.ready_at is None:
            raise ValueError("its bytes are not all in")
        return publication.ready_at + timedelta(seconds=self.config.processing_seconds)

    def _moderated_at(self, post: Post) -> datetime:
        return post.time + timedelta(seconds=self.config.moderation_seconds)

    def _due(self, publication: Publication) -> datetime | None:
        if publication.processing:
            return self._processed_at(publication)
        return min(map(self._moderated_at, self._hidden(publication)), default=None)

    def _hidden(self, publication: Publication) -> list[Post]:
        public = [post for post in publication.posts if post.post_info.get("privacy_level") == PUBLIC]
        return [post for post in public if post.post_id not in publication.public_post_ids]

    def _finish(self, publication: Publication) -> None:
        if self.failures:
            self.fail(publication, self.failures.popleft())
        elif publication.is_draft:
            publication.status = "SEND_TO_USER_INBOX"
            self._emit("post.publish.inbox_delivered", publication)
        else:
            publication.status = "PUBLISH_COMPLETE"
            self._post(publication, self._processed_at(publication), publication.post_info)

    def _post(self, publication: Publication, time: datetime, post_info: dict[str, Any]) -> Post:
        post = Post(
            publish_id=publication.publish_id,
            open_id=publication.open_id,
            sha256=publication.received.sha256,
            size=publication.received.size,
            mode=publication.mode,
            title=str(post_info.get("title", "")),
            post_info=post_info,
            post_id=number(self.entropy),
            time=time,
        )
        publication.posts.append(post)
        self.posts.append(post)
        self._emit("post.publish.complete", publication)
        return post

    def _publish_ids(self, publication: Publication, now: datetime, *, everything: bool = False) -> None:
        for post in self._hidden(publication):
            if everything or self._moderated_at(post) <= now:
                publication.public_post_ids.add(post.post_id)
                self.on_public(post)
                self._emit("post.publish.publicly_available", publication, post_id=str(post.post_id))

    def _emit(self, event: str, publication: Publication, **more: str) -> None:
        content = {"publish_id": publication.publish_id, **more, "publish_type": publication.publish_type}
        if "post_id" in more:  # the key order of a recorded live event
            content["post_id"] = content.pop("post_id")
        self.emit(event, publication.open_id, content)

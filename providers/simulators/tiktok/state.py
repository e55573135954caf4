"""The vendor: one object with the state of a simulated TikTok, and the controls for tests.

Owns: users, grants, publications, ledgers, faults, time. Knows nothing of HTTP requests.
"""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from providers.simulators.common import vendor
from providers.simulators.common.ids import number
from providers.simulators.tiktok.config import SCOPES, SimulatorConfig
from providers.simulators.tiktok.grants import Grants
from providers.simulators.tiktok.ledger import Init
from providers.simulators.tiktok.limits import Windows
from providers.simulators.tiktok.publications import Post, Publication
from providers.simulators.tiktok.publisher import Publisher
from providers.simulators.tiktok.users import Account, SimUser, SimVideo, first_users
from providers.simulators.tiktok.webhooks import WebhookSender


def system_clock() -> datetime:
    """Return the time in aware UTC. The simulator runs without the gateway and cannot use its clock."""
    return datetime.fromtimestamp(time.time(), tz=UTC)  # noqa: TID251 - gateway/clock.py is out of reach


class Vendor(vendor.Vendor):
    """A simulated TikTok. Tests read the ledgers and may use the controls at any time, also while calls run."""

    config: SimulatorConfig
    webhooks: WebhookSender
    sender = WebhookSender
    scopes: ClassVar[tuple[str, ...]] = SCOPES
    """The scopes that the consent page knows."""

    def reset(self) -> None:
        """Discard everything but the configuration: users, grants, publications, ledgers, faults, advanced time."""
        super().reset()
        self._timer: asyncio.Task[None] | None = None
        self.accounts = {user.open_id: Account(user) for user in first_users(private=self.config.private_account)}
        self.grants = Grants(self.config, self.entropy)
        self.windows = Windows()
        self.inits: list[Init] = []
        self.publisher = Publisher(
            config=self.config, entropy=self.entropy, emit=self.webhooks.send, on_public=self._list_video
        )

    # Time and tasks

    def settle(self) -> None:
        """Apply everything that is due; with webhooks, also start the timer for what is due next."""
        self.publisher.settle(self.now())
        super().settle()
        idle = self._timer is None or self._timer.done()
        if self.config.webhook_url is not None and idle and self.publisher.next_due() is not None:
            self._timer = self.start(self._run_timer)

    async def _run_timer(self) -> None:
        while (due := self.publisher.next_due()) is not None:
            await self.sleep(max((due - self.now()).total_seconds(), 0.001))
            self.publisher.settle(self.now())

    # Ledgers

    @property
    def posts(self) -> list[Post]:
        """Every post that exists now, in the order of publishing."""
        self.publisher.settle(self.now())
        return self.publisher.posts

    @property
    def users(self) -> dict[str, SimUser]:
        """The accounts by open_id. Change them with set_creator."""
        return {open_id: account.user for open_id, account in self.accounts.items()}

    def pending_drafts(self, open_id: str) -> list[str]:
        """Return the publish_ids that occupy one of a user's five draft slots."""
        self.publisher.settle(self.now())
        return self.publisher.drafts(open_id, self.now())

    def publication(self, publish_id: str) -> Publication:
        """Return a publication. Raise KeyError."""
        self.publisher.settle(self.now())
        return self.publisher.publications[publish_id]

    # Controls

    def grant(self, open_id: str | None = None, scopes: tuple[str, ...] = SCOPES) -> dict[str, Any]:
        """Return tokens as after a consent, by default the first user's, in the format of the token endpoint."""
        grant = self.grants.new_grant(open_id or next(iter(self.accounts)), scopes, self.now())
        return self.grants.issue(grant, self.now())

    def add_user(self, **values: Any) -> SimUser:
        """Add an account; `open_id`, `username` and `display_name` are required."""
        user = SimUser(**values)
        self.accounts[user.open_id] = Account(user)
        return user

    def set_creator(self, open_id: str, **changes: Any) -> SimUser:
        """Change any field of an account, as its owner does in the TikTok app. Raise KeyError, TypeError."""
        account = self.accounts[open_id]
        account.user = replace(account.user, **changes)
        return account.user

    def add_video(self, open_id: str, **values: Any) -> SimVideo:
        """Add a public video that was posted by hand. `id` and `created_ms` (milliseconds since 1970) are optional."""
        filled = {"id": number(self.entropy), "created_ms": int(self.now().timestamp() * 1_000), **values}
        return self.accounts[open_id].add(SimVideo(**filled))

    def advance_processing(self, publish_id: str) -> None:
        """End processing now or, after that, moderation. Raise KeyError, or ValueError while bytes are missing."""
        self.publisher.advance(self.publication(publish_id), self.now())

    def fail_next_publish(self, reason: str) -> None:
        """Let the next publication whose processing ends fail with `reason`, which may be undocumented."""
        self.publisher.failures.append(reason)

    def post_draft(self, publish_id: str, privacy_level: str = "PUBLIC_TO_EVERYONE") -> Post:
        """Post a delivered draft, as the user does from the inbox. Raise KeyError, ValueError."""
        return self.publisher.post_draft(self.publication(publish_id), privacy_level, self.now())

    def hide_post(self, publish_id: str) -> None:
        """Make the posts of a publication no longer public."""
        publication = self.publication(publish_id)
        for post_id in sorted(publication.public_post_ids):
            videos = self.accounts[publication.open_id].videos
            videos[:] = [video for video in videos if video.id != post_id]
            content = {"publish_id": publish_id, "publish_type": publication.publish_type, "post_id": str(post_id)}
            self.webhooks.send("post.publish.no_longer_publicaly_available", publication.open_id, content)
        publication.posts = [post for post in publication.posts if post.post_id not in publication.public_post_ids]

    def expire_access_tokens(self, open_id: str | None = None) -> int:
        """Expire the access tokens of a user, or of all users, but not the refresh tokens. Return the number."""
        return self.grants.expire_access_tokens(self.now(), open_id)

    def revoke(self, open_id: str, reason: int = 1) -> bool:
        """Revoke an authorization, by the user (reason 1) or the developer (5). Return False when there was none."""
        if not self.grants.remove(open_id):
            return False
        self.webhooks.send("authorization.removed", open_id, {"reason": reason})
        self.publisher.fail_all(open_id, "auth_removed")
        return True

    def _list_video(self, post: Post) -> None:
        created_ms = int(post.time.timestamp() * 1_000)
        self.add_video(post.open_id, id=post.post_id, created_ms=created_ms, title=post.title)

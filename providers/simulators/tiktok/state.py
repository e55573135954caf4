"""The vendor itself: one object with everything a simulated TikTok remembers, and the levers a test pulls.

Owns: users, grants, publications, ledgers, faults, time. Knows nothing of HTTP requests.
"""

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx

from providers.simulators.common.ids import Entropy, number
from providers.simulators.common.runtime import Clock, Runtime, Sleep
from providers.simulators.faults import Faults
from providers.simulators.tiktok.config import SCOPES, SimulatorConfig
from providers.simulators.tiktok.grants import Grants
from providers.simulators.tiktok.ledger import Call, Delivery, Exchange, Init
from providers.simulators.tiktok.limits import Windows
from providers.simulators.tiktok.publications import Post, Publication
from providers.simulators.tiktok.publisher import Publisher
from providers.simulators.tiktok.users import Account, SimUser, SimVideo, first_users
from providers.simulators.tiktok.webhooks import WebhookSender


def system_clock() -> datetime:
    """The time, aware, UTC. The simulator runs without the gateway, hence has a clock of its own."""
    return datetime.fromtimestamp(time.time(), tz=UTC)  # noqa: TID251 - gateway/clock.py is out of reach


class Vendor:
    """A simulated TikTok. Ledgers are lists to read; controls may be pulled at any time, also while calls run."""

    def __init__(
        self,
        config: SimulatorConfig,
        clock: Clock,
        *,
        entropy: Entropy = os.urandom,
        sleep: Sleep = asyncio.sleep,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.config = config
        self.entropy = entropy
        self.sleep = sleep
        self.transport = transport
        self.runtime = Runtime(clock, self.settle)
        self.now, self.advance_clock, self.idle = self.runtime.now, self.runtime.advance, self.runtime.idle
        self._timer: asyncio.Task[None] | None = None
        self.faults = Faults()
        self.webhooks = WebhookSender(config=config, runtime=self.runtime, sleep=sleep, transport=transport)
        self.reset()

    def reset(self) -> None:
        """Forget everything but the configuration: users, grants, publications, ledgers, faults, advanced time."""
        self.runtime.reset()
        self._timer = None
        self.faults.clear()
        self.webhooks.deliveries.clear()
        self.accounts = {user.open_id: Account(user) for user in first_users(private=self.config.private_account)}
        self.grants = Grants(self.config, self.entropy)
        self.windows = Windows()
        self.consents: dict[str, Mapping[str, str]] = {}
        self.inits: list[Init] = []
        self.exchanges: list[Exchange] = []
        self.requests: list[Call] = []
        self.publisher = Publisher(
            config=self.config, entropy=self.entropy, emit=self.webhooks.send, on_public=self._list_video
        )

    # Time and tasks

    def settle(self) -> None:
        """Let everything happen that is due, and watch for what comes next when somebody waits for webhooks."""
        self.publisher.settle(self.now())
        self.runtime.start_waiting()
        idle = self._timer is None or self._timer.done()
        if self.config.webhook_url is not None and idle and self.publisher.next_due() is not None:
            self._timer = self.runtime.start(self._run_timer)

    async def _run_timer(self) -> None:
        while (due := self.publisher.next_due()) is not None:
            await self.sleep(max((due - self.now()).total_seconds(), 0.001))
            self.publisher.settle(self.now())

    async def aclose(self) -> None:
        """Cancel every background task and wait for its end."""
        await self.runtime.aclose()
        await self.webhooks.aclose()

    # Ledgers

    @property
    def posts(self) -> list[Post]:
        """Every post that exists now, in the order of their publishing."""
        self.publisher.settle(self.now())
        return self.publisher.posts

    @property
    def deliveries(self) -> list[Delivery]:
        """Every attempt to deliver a webhook."""
        return self.webhooks.deliveries

    @property
    def users(self) -> dict[str, SimUser]:
        """The accounts by open_id, as they are now. Change them with set_creator."""
        return {open_id: account.user for open_id, account in self.accounts.items()}

    def pending_drafts(self, open_id: str) -> list[str]:
        """The publish_ids that hold one of a user's five slots for drafts."""
        self.publisher.settle(self.now())
        return self.publisher.drafts(open_id, self.now())

    def publication(self, publish_id: str) -> Publication:
        """One publication with its progress. Raises KeyError."""
        self.publisher.settle(self.now())
        return self.publisher.publications[publish_id]

    # Controls

    def grant(self, open_id: str | None = None, scopes: tuple[str, ...] = SCOPES) -> dict[str, Any]:
        """Tokens as after a consent (the first user's unless told), in the form of the token endpoint's answer."""
        grant = self.grants.new_grant(open_id or next(iter(self.accounts)), scopes, self.now())
        return self.grants.issue(grant, self.now())

    def add_user(self, **values: Any) -> SimUser:
        """A further account; `open_id`, `username` and `display_name` are needed."""
        user = SimUser(**values)
        self.accounts[user.open_id] = Account(user)
        return user

    def set_creator(self, open_id: str, **changes: Any) -> SimUser:
        """What the owner changes on the phone: any field of SimUser. Raises KeyError, TypeError."""
        account = self.accounts[open_id]
        account.user = replace(account.user, **changes)
        return account.user

    def add_video(self, open_id: str, **values: Any) -> SimVideo:
        """A public video that was posted by hand; `id` and `created_ms` (since 1970) are made unless given."""
        filled = {"id": number(self.entropy), "created_ms": int(self.now().timestamp() * 1_000), **values}
        return self.accounts[open_id].add(SimVideo(**filled))

    def advance_processing(self, publish_id: str) -> None:
        """End processing now, else moderation. Raises KeyError; ValueError while bytes are missing."""
        self.publisher.advance(self.publication(publish_id), self.now())

    def fail_next_publish(self, reason: str) -> None:
        """The next publication whose processing ends fails with `reason`, also one TikTok never documented."""
        self.publisher.failures.append(reason)

    def post_draft(self, publish_id: str, privacy_level: str = "PUBLIC_TO_EVERYONE") -> Post:
        """The user posts a delivered draft from the inbox. Raises KeyError, ValueError."""
        return self.publisher.post_draft(self.publication(publish_id), privacy_level, self.now())

    def hide_post(self, publish_id: str) -> None:
        """The posts of a publication are no longer public."""
        publication = self.publication(publish_id)
        for post_id in sorted(publication.announced):
            videos = self.accounts[publication.open_id].videos
            videos[:] = [video for video in videos if video.id != post_id]
            content = {"publish_id": publish_id, "publish_type": publication.publish_type, "post_id": str(post_id)}
            self.webhooks.send("post.publish.no_longer_publicaly_available", publication.open_id, content)
        publication.posts = [post for post in publication.posts if post.post_id not in publication.announced]

    def expire_access_tokens(self, open_id: str | None = None) -> int:
        """End the access tokens of a user, or of all; refresh tokens live on. Gives how many."""
        return self.grants.expire_access_tokens(self.now(), open_id)

    def revoke(self, open_id: str, reason: int = 1) -> bool:
        """The user (reason 1) or the developer (5) ends the authorization. False when there was none."""
        if not self.grants.remove(open_id):
            return False
        self.webhooks.send("authorization.removed", open_id, {"reason": reason})
        self.publisher.fail_all(open_id, "auth_removed")
        return True

    def _list_video(self, post: Post) -> None:
        created_ms = int(post.time.timestamp() * 1_000)
        self.add_video(post.open_id, id=post.post_id, created_ms=created_ms, title=post.title)

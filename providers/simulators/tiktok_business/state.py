"""The vendor: one object with the state of a simulated API for Business, and the controls for tests.

Owns: accounts, grants, publications, webhook subscriptions, time. Knows nothing of HTTP requests.
"""

from typing import Any, ClassVar

from providers.simulators.common.ids import number
from providers.simulators.tiktok import state
from providers.simulators.tiktok.publications import Post
from providers.simulators.tiktok.users import SimUser
from providers.simulators.tiktok_business.accounts import SimAccount, SimComment, SimVideo, first_accounts
from providers.simulators.tiktok_business.config import SCOPES, SimulatorConfig
from providers.simulators.tiktok_business.grants import Grants
from providers.simulators.tiktok_business.limits import Windows
from providers.simulators.tiktok_business.marketing.audiences import AudienceBook
from providers.simulators.tiktok_business.marketing.state import Marketing
from providers.simulators.tiktok_business.webhooks import WebhookSender


class Vendor(state.Vendor):
    """A simulated API for Business. Consents, publications and time are those of the simulated v2 API."""

    config: SimulatorConfig
    sender = WebhookSender
    scopes: ClassVar[tuple[str, ...]] = SCOPES

    def reset(self) -> None:
        """Discard everything but the configuration."""
        super().reset()
        self.businesses = {each.open_id: each for each in first_accounts()}
        self.accounts = {}
        for each in self.businesses.values():
            self.add_user(open_id=each.open_id, username=each.username, display_name=each.display_name)
        self.tokens = Grants(self.config, self.entropy)
        self.grants = self.tokens
        self.app_windows = Windows(self.config)
        self.marketing = Marketing(self.config, self.entropy, self.now)
        self.subscriptions: dict[str, str] = {}
        self.audiences = AudienceBook(self.config.matching_seconds, self.config.match_rate, self.entropy)
        # The only posts whose comments are told; none: all.
        self.told_posts: list[str] = []
        # What was written through the API, in order: the tests' proof that nothing was written twice.
        self.written: list[tuple[str, str, str]] = []

    def settle(self) -> None:
        """Apply everything that is due; money is spent until now."""
        super().settle()
        self.marketing.settle()

    @property
    def account(self) -> SimAccount:
        """The first account."""
        return next(iter(self.businesses.values()))

    def grant(self, open_id: str | None = None, scopes: tuple[str, ...] = SCOPES) -> dict[str, Any]:
        """Return tokens as after a consent, by default the first account's with every scope."""
        return super().grant(open_id, scopes)

    def add_account(self, **values: Any) -> SimAccount:
        """Add an account; `open_id`, `username` and `display_name` are required."""
        account = SimAccount(**values)
        self.businesses[account.open_id] = account
        user = SimUser(open_id=account.open_id, username=account.username, display_name=account.display_name)
        self.add_user(open_id=user.open_id, username=user.username, display_name=user.display_name)
        return account

    def add_post(self, open_id: str | None = None, **values: Any) -> SimVideo:
        """Add a public video or photo. `id` and `created_ms` (milliseconds since 1970, unique) are optional."""
        account = self.businesses[open_id or self.account.open_id]
        taken = {each.created_ms for each in account.videos.values()}
        created = values.pop("created_ms", int(self.now().timestamp() * 1_000))
        while created in taken:
            created += 1
        video = SimVideo(**{"id": str(number(self.entropy)), "created_ms": created, **values})
        account.videos[video.id] = video
        return video

    def add_comment(self, video_id: str, text: str, *, tell: bool = True, **values: Any) -> SimComment:
        """Write a comment as somebody in the TikTok app does; `parent` is the comment that it answers."""
        account = next(each for each in self.businesses.values() if video_id in each.videos)
        fresh = {"comment_id": str(number(self.entropy)), "created": self.now(), **values}
        comment = SimComment(video_id=video_id, text=text, **fresh)
        account.videos[video_id].comments[comment.comment_id] = comment
        if tell:
            self.tell(account, comment, "insert")
        return comment

    def remove_comment(self, comment_id: str) -> None:
        """Delete a comment and its replies, as its author does. Raise KeyError."""
        account = next(each for each in self.businesses.values() if each.comment(comment_id))
        comment = account.comment(comment_id)
        if comment is None:
            raise KeyError(comment_id)
        comments = account.videos[comment.video_id].comments
        for each in [each for each in comments.values() if comment_id in (each.comment_id, each.parent)]:
            del comments[each.comment_id]
            self.tell(account, each, "delete")

    def tell(self, account: SimAccount, comment: SimComment, action: str) -> None:
        """Send the webhook of what happened to a comment, unless only those of other posts are told."""
        if self.told_posts and comment.video_id not in self.told_posts:
            return
        content = {
            # Integers above 2**53, as TikTok sends them.
            "comment_id": int(comment.comment_id),
            "video_id": int(comment.video_id),
            "parent_comment_id": int(comment.parent or 0),
            "comment_type": "reply" if comment.parent else "comment",
            "comment_action": action,
            "timestamp": int(self.now().timestamp() * 1_000),
            "unique_identifier": f"uid-{comment.username}",
            "text": comment.text,
        }
        self.webhooks.send("comment.update", account.open_id, content)

    def _list_video(self, post: Post) -> None:
        created_ms = int(post.time.timestamp() * 1_000)
        caption = str(post.post_info.get("caption", ""))
        media = self.publisher.publications[post.publish_id].media
        self.add_post(post.open_id, id=str(post.post_id), created_ms=created_ms, caption=caption, media_type=media)

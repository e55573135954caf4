"""The planner's other resources: categories, tags, comments, CSV imports.

Owns: these and how the API shows them. Knows nothing of HTTP.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.simulators.common.ids import Entropy
from providers.simulators.highlevel import ids
from providers.simulators.highlevel.tenants import BAKERY, OWNER


@dataclass(slots=True, kw_only=True)
class Comment:
    """A comment. `parent_id` is the comment that it replies to, or the post."""

    id: str
    location_id: str
    platform: str
    post_id: str
    origin_id: str
    parent_id: str
    content: str
    author: str
    time: datetime
    liked: bool = False
    is_read: bool = False


@dataclass(slots=True, kw_only=True)
class CsvImport:
    """A file of posts. `rows` are bodies of create, each with its error message or ""."""

    id: str
    location_id: str
    file_name: str
    file_path: str
    rows: list[tuple[dict[str, Any], str]]
    time: datetime
    account_ids: list[str] = field(default_factory=list)
    user_id: str = ""
    approver: str = ""
    final: str = ""

    def status(self, now: datetime, seconds: float) -> str:
        """Return in_progress while it is processed, then pending until it is finalized, then completed.

        Which of the documented statuses belongs to which step is not documented.
        """
        if self.final:
            return self.final
        return "pending" if (now - self.time).total_seconds() >= seconds else "in_progress"


def _label(entropy: Entropy, now: datetime, **values: Any) -> dict[str, Any]:
    stamp = now.isoformat()
    made = {"_id": ids.mongo(entropy), "locationId": BAKERY, "createdBy": OWNER, "deleted": False}
    return {**made, "createdAt": stamp, "updatedAt": stamp, **values}


def first_categories(entropy: Entropy, now: datetime) -> list[dict[str, Any]]:
    """Return the two initial categories of the bakery."""
    colors = {"primaryColor": "#000000", "secondaryColor": "#ffffff"}
    return [_label(entropy, now, name=name, **colors) for name in ("Recipes", "Opening hours")]


def first_tags(entropy: Entropy, now: datetime) -> list[dict[str, Any]]:
    """Return the two initial tags of the bakery."""
    return [_label(entropy, now, tag=tag) for tag in ("bread", "cake")]


def comment_json(comment: Comment, replies: int) -> dict[str, Any]:
    """Return a comment in v3's format. Its ids are HighLevel's, not the network's."""
    stamp = comment.time.isoformat()
    counts = dict.fromkeys(("reactionCount", "shareCount", "repostCount", "quoteCount"), 0)
    return {
        "_id": comment.id,
        "platform": comment.platform,
        "postId": comment.post_id,
        "originId": comment.origin_id,
        "isPost": False,
        "content": comment.content,
        "author": {"id": comment.author, "name": comment.author, "profilePic": ""},
        "likeCount": int(comment.liked),
        "replyCount": replies,
        **counts,
        "isRead": comment.is_read,
        "isDeleted": False,
        "isEdited": False,
        "createdAt": stamp,
        "updatedAt": stamp,
        "publishedAt": stamp,
    }

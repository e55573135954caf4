"""What TikTok's API for Business tells by webhook: what happened to a comment.

Owns the content of `comment.update`, as the portal documents it (2026-08-13). Signature, envelope and endpoint are
those of TikTok's v2 API.
"""

from collections.abc import Mapping
from typing import Any

from providers.models.webhooks import CommentAction, CommentNotice
from providers.tiktok_common import values

ACTIONS: Mapping[str, CommentAction] = {
    "insert": CommentAction.WRITTEN,
    "delete": CommentAction.DELETED,
    "set_to_hidden": CommentAction.HIDDEN,
    # What only friends see is hidden from everybody else.
    "set_to_friends_only": CommentAction.HIDDEN,
    "set_to_public": CommentAction.SHOWN,
}
MAX_TEXT = 5_000


def read_notice(content: Mapping[str, Any]) -> CommentNotice | None:
    """Parse the content; None if it is not understood. Its ids are integers above 2**53, which stay exact."""
    action = ACTIONS.get(values.text(content, "comment_action"))
    comment, video = values.identifier(content.get("comment_id")), values.identifier(content.get("video_id"))
    if action is None or not comment or not video:
        return None
    return CommentNotice(
        action=action,
        comment=comment,
        video=video,
        reply_to=values.identifier(content.get("parent_comment_id")),
        text=values.text(content, "text")[:MAX_TEXT],
        author_id=values.text(content, "unique_identifier")[:256],
    )

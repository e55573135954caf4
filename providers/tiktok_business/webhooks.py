"""What TikTok's API for Business tells by webhook: what happened to a comment; and where it tells it.

Owns the content of `comment.update`, and `/business/webhook/…`, as the portal documents them (2026-08-13). Signature,
envelope and endpoint are those of TikTok's v2 API.
"""

from collections.abc import Mapping
from typing import Any

from providers.models.webhooks import CommentAction, CommentNotice
from providers.tiktok_business.client import Client
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
UPDATE_PATH, REMOVE_PATH = "/business/webhook/update/", "/business/webhook/delete/"
EVENT_TYPES = ("COMMENT", "VIDEO", "DEFAULT")
"""What the gateway understands: comments, what becomes of a publish, the end of an authorization."""


async def subscribe(client: Client, uri: str) -> bool:
    """Set the app's address for each type of events, if the operator chose that; return whether it was set.

    Nothing is read before: the call to read has the app's secret in its address, and setting what is set changes
    nothing. Once an app had a list of single posts whose comments are told, TikTok keeps it: the address is then
    removed and set anew, which means the comments of all posts. Raises ProviderError.
    """
    if not client.config.webhooks:
        return False
    for event_type in EVENT_TYPES:
        shown = await _call(client, UPDATE_PATH, event_type, callback_url=uri)
        if values.items(shown, "item_list"):
            await _call(client, REMOVE_PATH, event_type)
            await _call(client, UPDATE_PATH, event_type, callback_url=uri)
    return True


async def _call(client: Client, path: str, event_type: str, **more: str) -> Mapping[str, Any]:
    app_id, secret = client.config.application()
    body = {"app_id": app_id, "secret": secret.reveal(), "event_type": event_type, **more}
    return (await client.application(path, body, (secret,))).data


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

"""The control endpoints under /_sim/: what a test in another process reads and changes.

Owns: the ledger's tables and what each control does. GET /_sim/ lists them.
"""

from providers.simulators.common import control
from providers.simulators.common.control import Values
from providers.simulators.tiktok_business.config import SCOPES
from providers.simulators.tiktok_business.state import Vendor


def _ledger(vendor: Vendor, values: Values) -> Values:
    """Posts, what was written through the API, exchanges, calls, webhook deliveries, fault hits."""
    return control.ledger(vendor, {"posts": vendor.posts}, written=vendor.written)


def _accounts(vendor: Vendor, values: Values) -> Values:
    """The accounts by open_id, with the ids of their videos and the number of comments below each."""
    return {
        open_id: {
            "username": each.username,
            "videos": {video.id: len(video.comments) for video in each.videos.values()},
        }
        for open_id, each in vendor.businesses.items()
    }


def _grant(vendor: Vendor, values: Values) -> Values:
    """Tokens without a consent page: {open_id, scopes}, both optional."""
    return vendor.grant(values.get("open_id"), tuple(values.get("scopes", SCOPES)))


def _expire(vendor: Vendor, values: Values) -> Values:
    """End access tokens: of {open_id}, or of everybody."""
    return {"expired": vendor.expire_access_tokens(values.get("open_id"))}


def _revoke(vendor: Vendor, values: Values) -> Values:
    """The user removes the app: {open_id, reason=1}."""
    return {"revoked": vendor.revoke(values["open_id"], int(values.get("reason", 1)))}


def _video(vendor: Vendor, values: Values) -> Values:
    """Add a post: {open_id, caption, any field of a video}, all optional."""
    return {"video_id": vendor.add_post(values.pop("open_id", None), **values).id}


def _comment(vendor: Vendor, values: Values) -> Values:
    """Write a comment as somebody in the app: {video_id, text, parent, username, display_name}."""
    return {"comment_id": vendor.add_comment(values.pop("video_id"), values.pop("text"), **values).comment_id}


def _uncomment(vendor: Vendor, values: Values) -> None:
    """Delete a comment as its author: {comment_id}."""
    vendor.remove_comment(values["comment_id"])


def _fail(vendor: Vendor, values: Values) -> None:
    """The next publication to end processing fails with {reason}."""
    vendor.fail_next_publish(str(values["reason"]))


CONTROLS = control.controls(
    get=(_ledger, _accounts), post=(_grant, _expire, _revoke, _video, _comment, _uncomment, _fail)
)

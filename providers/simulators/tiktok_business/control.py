"""The control endpoints under /_sim/: what a test in another process reads and changes.

Owns: the ledger's tables and what each control does. GET /_sim/ lists them.
"""

from decimal import Decimal

from providers.simulators.common import control
from providers.simulators.common.control import Values
from providers.simulators.tiktok_business.config import SCOPES
from providers.simulators.tiktok_business.state import Vendor


def _ledger(vendor: Vendor, values: Values) -> Values:
    """Posts, what was written, created and launched through the API, exchanges, calls, deliveries, fault hits."""
    ads = {"created": vendor.marketing.created, "launched": vendor.marketing.launched}
    return control.ledger(vendor, {"posts": vendor.posts}, written=vendor.written, **ads)


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


def _advertiser(vendor: Vendor, values: Values) -> None:
    """Change an ad account: {advertiser_id, balance, status, any field}."""
    changes = {**values, **({"balance": Decimal(str(values["balance"]))} if "balance" in values else {})}
    vendor.marketing.set_advertiser(changes.pop("advertiser_id"), **changes)


def _advertiser_grant(vendor: Vendor, values: Values) -> Values:
    """An advertiser's token without a consent page, for every ad account."""
    return {"access_token": vendor.marketing.grant()}


def _deny(vendor: Vendor, values: Values) -> None:
    """The review rejects the next ads whose name contains {part}, for {reason}."""
    vendor.marketing.deny(values["part"], values["reason"])


def _spark_code(vendor: Vendor, values: Values) -> Values:
    """Make a code with which the post {item_id} can be advertised."""
    return {"auth_code": vendor.marketing.add_spark_code(values["item_id"])}


CONTROLS = control.controls(
    get=(_ledger, _accounts),
    post=(
        _grant,
        _expire,
        _revoke,
        _video,
        _comment,
        _uncomment,
        _fail,
        _advertiser,
        _advertiser_grant,
        _deny,
        _spark_code,
    ),
)

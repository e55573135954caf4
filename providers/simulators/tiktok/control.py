"""The control endpoints under /_sim/: what a test in another process reads and changes.

Owns: the ledger's tables and what each control does. Knows nothing of TikTok's own endpoints. GET /_sim/ lists them.
"""

from dataclasses import asdict

from providers.simulators.common import control
from providers.simulators.common.control import Values
from providers.simulators.tiktok.config import SCOPES
from providers.simulators.tiktok.state import Vendor


def _ledger(vendor: Vendor, values: Values) -> Values:
    """Posts (sha256 and size of the received bytes), inits, exchanges, calls, webhook deliveries, fault hits."""
    drafts = {open_id: vendor.pending_drafts(open_id) for open_id in vendor.users}
    return control.ledger(vendor, {"posts": vendor.posts, "inits": vendor.inits}, pending_drafts=drafts)


def _publications(vendor: Vendor, values: Values) -> Values:
    """Every publication: status, received bytes and their sha256."""
    vendor.settle()
    return {
        each.publish_id: {
            "open_id": each.open_id,
            "status": each.status,
            "fail_reason": each.fail_reason,
            "size": each.size,
            "received": each.received.size,
            "sha256": each.received.sha256,
        }
        for each in vendor.publisher.publications.values()
    }


def _users(vendor: Vendor, values: Values) -> Values:
    """The accounts by open_id."""
    return {open_id: asdict(user) for open_id, user in vendor.users.items()}


def _expire(vendor: Vendor, values: Values) -> Values:
    """End access tokens: of {open_id}, or of everybody."""
    return {"expired": vendor.expire_access_tokens(values.get("open_id"))}


def _revoke(vendor: Vendor, values: Values) -> Values:
    """The user removes the app: {open_id, reason=1}."""
    return {"revoked": vendor.revoke(values["open_id"], int(values.get("reason", 1)))}


def _creator(vendor: Vendor, values: Values) -> Values:
    """Change an account, or add one: {open_id, any field of the account}."""
    open_id = values.pop("open_id")
    known = open_id in vendor.users
    return asdict(vendor.set_creator(open_id, **values) if known else vendor.add_user(open_id=open_id, **values))


def _webhook(vendor: Vendor, values: Values) -> None:
    """Send one webhook by hand: {event, open_id, content}."""
    vendor.webhooks.send(values["event"], values["open_id"], dict(values.get("content", {})))


def _grant(vendor: Vendor, values: Values) -> Values:
    """Tokens without a consent page: {open_id, scopes}, both optional."""
    return vendor.grant(values.get("open_id"), tuple(values.get("scopes", SCOPES)))


def _advance(vendor: Vendor, values: Values) -> None:
    """End the processing of {publish_id} now, else its moderation."""
    vendor.advance_processing(values["publish_id"])


def _fail(vendor: Vendor, values: Values) -> None:
    """The next publication to end processing fails with {reason}."""
    vendor.fail_next_publish(str(values["reason"]))


def _draft(vendor: Vendor, values: Values) -> Values:
    """The user posts the delivered draft {publish_id, privacy_level}."""
    post = vendor.post_draft(values["publish_id"], values.get("privacy_level", "PUBLIC_TO_EVERYONE"))
    return {"post_id": post.post_id}


CONTROLS = control.controls(
    get=(_ledger, _publications, _users),
    post=(_expire, _revoke, _creator, _webhook, _grant, _advance, _fail, _draft),
)

"""TikTok's webhooks: verifying that a delivery is TikTok's, and parsing its event.

Owns the signature, the window and the events as on developers.tiktok.com, read 2026-11-20: "Webhooks Overview",
"Webhooks Verification", "Webhook Events", and for `post.publish.*` "Get Post Status". What an event changes is decided
by the gateway.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers.errors import WebhookRefused
from providers.http import strict_json
from providers.models.publishing import PostMode
from providers.models.secret import Secret
from providers.models.webhooks import UNREADABLE, Webhook, WebhookKind
from providers.tiktok.config import Config
from providers.tiktok.errors import PROVIDER
from providers.tiktok_business.client import Client as BusinessClient
from providers.tiktok_business.webhooks import read_notice, subscribe
from providers.tiktok_common import values
from providers.tiktok_common.publish_status import CAPS, failure_kind

# The documentation spells it TikTok-Signature and, in its sample, Tiktok-Signature.
HEADER = "tiktok-signature"
MAX_BODY_BYTES = 64 * 1024
MAX_EVENT = 256

_TIME = re.compile(r"[0-9]{1,12}")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")

KINDS = {
    "authorization.removed": WebhookKind.GRANT_REMOVED,
    # Of the API for Business.
    "comment.update": WebhookKind.COMMENT,
    "post.publish.failed": WebhookKind.PUBLISH_FAILED,
    "post.publish.complete": WebhookKind.PUBLISHED,
    "post.publish.inbox_delivered": WebhookKind.AWAITING_CREATOR,
    "post.publish.publicly_available": WebhookKind.PUBLICLY_AVAILABLE,
    # "Get Post Status" (2026-11-20) misspells it; the correct spelling is accepted in case TikTok fixes it.
    "post.publish.no_longer_publicaly_available": WebhookKind.NO_LONGER_AVAILABLE,
    "post.publish.no_longer_publicly_available": WebhookKind.NO_LONGER_AVAILABLE,
    # Of Video Kit and Data Portability, which the gateway does not use: stored and listed, without effect.
    "video.upload.failed": WebhookKind.UNKNOWN,
    "video.publish.completed": WebhookKind.UNKNOWN,
    "portability.download.ready": WebhookKind.UNKNOWN,
}

MODES = {"INBOX_SHARE": PostMode.CREATOR_INBOX.value, "DIRECT_PUBLISH": PostMode.DIRECT.value}

REMOVED = {
    0: "TikTok did not say why the application lost its access.",
    1: "The user disconnected the application.",
    2: "The user's TikTok account was deleted.",
    3: "The age of the TikTok account's user changed.",
    4: "The user's TikTok account was banned.",
    5: "The application's own developer revoked its access.",
}


class TikTokWebhooks:
    """Webhooks of the operator's TikTok applications, which all deliver to one address."""

    def __init__(self, config: Config, business: BusinessClient) -> None:
        """Verify with each application's key and secret, and the time window; subscribe with `business`."""
        self._config = config
        self._business = business

    @property
    def redelivery_status(self) -> int:
        """Any answer but 200 makes TikTok repeat the delivery for 72 hours ("Webhooks Overview")."""
        return 503

    def read(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Webhook:
        """Verify a delivery by its signature over the raw bytes, its age and its application; see the interface.

        TikTok prescribes no window and may repeat a delivery with its old timestamp, so the window is configurable.
        """
        applications = self._applications()
        if len(body) > MAX_BODY_BYTES:
            raise _refused("The delivery is too large.", UNREADABLE)
        sent, digest = _signature(headers.get(HEADER, ""))
        # Every secret is tried, so that the time says nothing about which one it was.
        signers = [key for key, secret in applications if _is_signed(secret, sent, body, digest)]
        if not signers:
            raise _refused("The delivery's signature is wrong.", "signature_wrong")
        if abs(now.timestamp() - int(sent)) > self._config.webhook_window.total_seconds():
            raise _refused("The delivery was signed too long ago, or in the future.", "signature_stale")
        root = _root(body)
        if not any(hmac.compare_digest(values.text(root, "client_key").encode(), key.encode()) for key in signers):
            raise _refused("The delivery is for another application.", "application_wrong")
        return _webhook(root)

    def _applications(self) -> list[tuple[str, Secret]]:
        """Return key and secret of each application that is set up; raises Misconfigured if none is."""
        business = self._business.config
        both = [(self._config.client_key, self._config.client_secret), (business.app_id, business.secret)]
        return [(key, secret) for key, secret in both if key and secret] or [self._config.application()]

    def parse(self, body: bytes) -> Webhook:
        """Parse a delivery that was verified before; see the interface."""
        return _webhook(_root(body))

    async def subscribe(self, uri: str) -> bool:
        """Set the address of the application of the API for Business; the v2 API has no call for its own."""
        return await subscribe(self._business, uri)


def _is_signed(secret: Secret, sent: str, body: bytes, digest: str) -> bool:
    expected = hmac.new(secret.reveal().encode(), f"{sent}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), digest.lower().encode())


def _signature(value: str) -> tuple[str, str]:
    """Parse `t=<seconds>,s=<hex>`: each once, in any order; parts with other names are ignored."""
    if not value:
        raise _refused("The delivery is not signed.", "signature_missing")
    pairs = [part.strip().partition("=") for part in value.split(",")]
    times = [text for name, _, text in pairs if name == "t"]
    digests = [text for name, _, text in pairs if name == "s"]
    if len(times) != 1 or len(digests) != 1 or not _TIME.fullmatch(times[0]) or not _DIGEST.fullmatch(digests[0]):
        raise _refused("The delivery's signature cannot be read.", "signature_malformed")
    return times[0], digests[0]


def _root(body: bytes) -> dict[str, Any]:
    try:
        root = strict_json.parse(body)
    except strict_json.Malformed:
        raise _refused("The delivery is not JSON.", UNREADABLE) from None
    if not isinstance(root, dict):
        raise _refused("The delivery is not a JSON object.", UNREADABLE)
    return root


def _webhook(root: Mapping[str, Any]) -> Webhook:
    event = values.text(root, "event").strip()
    if not 0 < len(event) <= MAX_EVENT:
        raise _refused("The delivery names no event.", UNREADABLE)
    kind = KINDS.get(event, WebhookKind.UNKNOWN)
    content = _content(root.get("content"), required=kind is not WebhookKind.UNKNOWN)
    subject = values.identifier(root.get("user_openid"))
    # The API for Business calls the same id `share_id`.
    publish_id, share_id, post_id = (
        values.identifier(content.get(name)) for name in ("publish_id", "share_id", "post_id")
    )
    publish_id = publish_id or share_id
    notice = read_notice(content) if kind is WebhookKind.COMMENT else None
    if kind is WebhookKind.COMMENT and notice is None:
        # An action that this version does not know: kept and shown, like an unknown event.
        kind = WebhookKind.UNKNOWN
    _check_ids(kind, subject, publish_id)
    failed = kind is WebhookKind.PUBLISH_FAILED
    reason = values.text(content, "reason")[:MAX_EVENT] if failed else ""
    return Webhook(
        kind=kind,
        event=event,
        subject=subject,
        dedupe_key=_dedupe_key(kind, root, event, subject, publish_id, post_id),
        occur_time=values.seconds_time(root.get("create_time")),
        publish_id=publish_id,
        post_id=post_id,
        mode=_mode(kind, content),
        reason=_why_removed(content) if kind is WebhookKind.GRANT_REMOVED else reason,
        fail_kind=failure_kind(reason) if failed else None,
        fail_quota=CAPS.get(reason, "") if failed else "",
        comment=notice,
        raw=content,
    )


def _content(value: object, *, required: bool) -> dict[str, Any]:
    """Parse `content`, a string of JSON; an object is returned as it is.

    What is not an object is refused if the event has an effect (`required`), else kept under `content`.
    """
    parsed: object = value
    if isinstance(value, str):
        try:
            parsed = strict_json.parse(value.encode("utf-8", "replace"))
        except strict_json.Malformed:
            parsed = value
    if isinstance(parsed, dict):
        return parsed
    if required:
        raise _refused("The delivery's content is not a JSON object.", UNREADABLE)
    return {} if value in (None, "") else {"content": parsed}


def _check_ids(kind: WebhookKind, subject: str, publish_id: str) -> None:
    """Refuse an event that has an effect but does not name its user or its publish."""
    if kind is WebhookKind.UNKNOWN:
        return
    if not subject:
        raise _refused("The delivery names no user.", UNREADABLE)
    if kind not in (WebhookKind.GRANT_REMOVED, WebhookKind.COMMENT) and not publish_id:
        raise _refused("The delivery names no publish id.", UNREADABLE)


def _mode(kind: WebhookKind, content: Mapping[str, Any]) -> str:
    """Return how the publish was submitted; empty if unknown.

    `INBOX_SHARE` is documented ("Get Post Status"), `DIRECT_PUBLISH` was observed in real deliveries.
    """
    if kind is WebhookKind.AWAITING_CREATOR:
        return PostMode.CREATOR_INBOX.value
    return MODES.get(values.text(content, "publish_type"), "")


def _why_removed(content: Mapping[str, Any]) -> str:
    code = strict_json.integer(content.get("reason"))
    if code is None:
        return REMOVED[0]
    return REMOVED.get(code, f"TikTok ended the application's access for a reason it does not document ({code}).")


def _dedupe_key(
    kind: WebhookKind, root: Mapping[str, Any], event: str, subject: str, publish_id: str, post_id: str
) -> str:
    """Hash what identifies an event: TikTok sends no event id.

    For an unknown event, and one of a comment, the whole content is included: two of them in one second may be about
    different things.
    """
    parts = [event, subject, publish_id, post_id, root.get("create_time")]
    if kind in (WebhookKind.UNKNOWN, WebhookKind.COMMENT):
        parts.append(root.get("content"))
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _refused(message: str, code: str) -> WebhookRefused:
    return WebhookRefused(message, provider=PROVIDER, code=code)

"""HighLevel's webhooks: verify that a delivery is HighLevel's and for our application, and parse its event.

Owns the signatures, the time window and the events by the docs of GoHighLevel/highlevel-api-docs, read 2026-11-20;
there are no events about posts. Does not know what the gateway does on an event.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from providers.errors import WebhookRefused
from providers.highlevel import keys, wire
from providers.highlevel.config import PROVIDER, Config
from providers.http import strict_json
from providers.models.webhooks import UNREADABLE, Webhook, WebhookKind

HEADER, LEGACY_HEADER = "x-ghl-signature", "x-wh-signature"
UNSIGNED = "N/A"
MAX_BODY_BYTES = 64 * 1024
MAX_EVENT = 256
AHEAD = timedelta(minutes=5)
"""How far HighLevel's clock may be ahead of ours."""

INSTALL, UNINSTALL = "INSTALL", "UNINSTALL"
KINDS = {INSTALL: WebhookKind.INSTALLED, UNINSTALL: WebhookKind.GRANT_REMOVED}
REMOVED = "The application was uninstalled at HighLevel."


class HighLevelWebhooks:
    """Webhooks of one marketplace application."""

    def __init__(self, config: Config) -> None:
        """Use the application's id, the keys and the window of `config`."""
        self._config = config

    @property
    def redelivery_status(self) -> int:
        """429: HighLevel repeats a delivery after no other status (support article 155000007071, read 2026-11-20)."""
        return 429

    def read(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Webhook:
        """Verify the signature over the raw bytes, the application and the age of a delivery; see the interface.

        HighLevel signs with the same keys for all applications, so an event about an installation must name ours, or
        the owner of another application could replay theirs. A retry has the timestamp of the first attempt and comes
        up to 70 minutes later, so the window is longer; within it the gateway deduplicates deliveries.
        """
        app_id = self._config.app_id
        if len(body) > MAX_BODY_BYTES:
            raise _refused("The delivery is too large.", UNREADABLE)
        self._verify_signature(headers, body)
        root = _root(body)
        webhook = _webhook(root, body)
        named = wire.text(root, "appId")
        if (named or webhook.kind is not WebhookKind.UNKNOWN) and not hmac.compare_digest(
            named.encode(), app_id.encode()
        ):
            raise _refused("The delivery is for another application.", "application_wrong")
        time = webhook.occur_time
        if time is not None and not -AHEAD <= now - time <= self._config.webhook_window:
            raise _refused("The delivery was made too long ago, or in the future.", "signature_stale")
        return webhook

    def parse(self, body: bytes) -> Webhook:
        """Parse a delivery that was verified before; see the interface."""
        return _webhook(_root(body), body)

    def _verify_signature(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raise WebhookRefused unless HighLevel signed the body; the legacy signature counts only without a new one."""
        current, legacy = (_signature(headers, name) for name in (HEADER, LEGACY_HEADER))
        if not current and not (legacy and self._config.legacy_signature):
            raise _refused("The delivery is not signed.", "signature_missing")
        try:
            signature = keys.decode(current or legacy)
        except ValueError:
            raise _refused("The delivery's signature cannot be read.", "signature_malformed") from None
        valid = keys.verify(self._config.keys, signature, body) if current else keys.verify_legacy(signature, body)
        if not valid:
            raise _refused("The delivery's signature is wrong.", "signature_wrong")

    async def subscribe(self, uri: str) -> bool:
        """Return False: HighLevel delivers to the address in the application's own settings."""
        return False


def _signature(headers: Mapping[str, str], name: str) -> str:
    """Return a signature header; HighLevel may write `N/A` for none."""
    value = headers.get(name, "").strip()
    return "" if value.upper() == UNSIGNED else value


def _root(body: bytes) -> dict[str, Any]:
    try:
        return strict_json.parse_object(body)
    except strict_json.Malformed:
        raise _refused("The delivery is not a JSON object.", UNREADABLE) from None


def _webhook(root: Mapping[str, Any], body: bytes) -> Webhook:
    event = wire.text(root, "type").strip()
    if not 0 < len(event) <= MAX_EVENT:
        raise _refused("The delivery names no event.", UNREADABLE)
    kind = KINDS.get(event, WebhookKind.UNKNOWN)
    location, company = wire.identifier(root, "locationId"), wire.identifier(root, "companyId")
    if kind is not WebhookKind.UNKNOWN and not location and not company:
        raise _refused("The delivery names neither location nor company.", UNREADABLE)
    installed = kind is WebhookKind.INSTALLED
    return Webhook(
        kind=kind,
        event=event,
        # An installation concerns the agency's grant, from which the location's is derived; other events the location.
        subject=(company or location) if installed else (location or company),
        dedupe_key=_dedupe_key(root, body),
        occur_time=wire.instant(root, "timestamp"),
        place=location if installed and company else "",
        reason=REMOVED if kind is WebhookKind.GRANT_REMOVED else "",
        raw=dict(root),
    )


def _dedupe_key(root: Mapping[str, Any], body: bytes) -> str:
    """Return a hash of HighLevel's id of the delivery, or of the whole body if it has none."""
    id = wire.identifier(root, "webhookId")
    return hashlib.sha256(b"id|" + id.encode() if id else b"body|" + body).hexdigest()


def _refused(message: str, code: str) -> WebhookRefused:
    return WebhookRefused(message, provider=PROVIDER, code=code)

"""HighLevel's webhooks: proving that a delivery is HighLevel's and for our application, and what it says in our words.

Owns the signatures, the window and the events as in the docs of GoHighLevel/highlevel-api-docs, read 2026-11-20. There
are none about posts. What follows from an event is the gateway's business.
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
        """Use the application's id, keys and window."""
        self._config = config

    @property
    def redelivery_status(self) -> int:
        """Support article 155000007071, read 2026-11-20: a delivery is repeated after a 429, and after nothing else."""
        return 429

    def read(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Webhook:
        """Prove a delivery by a signature over the untouched bytes, its application and its age; see the interface.

        The keys are HighLevel's for all applications: what tells or ends an installation must name ours, or another
        application's owner could send us theirs. A repetition carries the time of the first try and comes up to 70
        minutes later, so the window is longer than that; within it the gateway takes a delivery once.
        """
        app_id = self._config.app_id
        if len(body) > MAX_BODY_BYTES:
            raise _refused("The delivery is too large.", UNREADABLE)
        self._prove(headers, body)
        root = _root(body)
        webhook = _webhook(root, body)
        named = wire.text(root, "appId")
        if (named or webhook.kind is not WebhookKind.UNKNOWN) and not hmac.compare_digest(
            named.encode(), app_id.encode()
        ):
            raise _refused("The delivery is for another application.", "application_wrong")
        told = webhook.occur_time
        if told is not None and not -AHEAD <= now - told <= self._config.webhook_window:
            raise _refused("The delivery was made too long ago, or in the future.", "signature_stale")
        return webhook

    def parse(self, body: bytes) -> Webhook:
        """Read a delivery that was proved before; see the interface."""
        return _webhook(_root(body), body)

    def _prove(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raise WebhookRefused unless a key of HighLevel's signed the body; a newer signature is never passed over."""
        newer, older = (_said(headers, name) for name in (HEADER, LEGACY_HEADER))
        if not newer and not (older and self._config.legacy_signature):
            raise _refused("The delivery is not signed.", "signature_missing")
        try:
            signature = keys.decoded(newer or older)
        except ValueError:
            raise _refused("The delivery's signature cannot be read.", "signature_malformed") from None
        proved = keys.proves(self._config.keys, signature, body) if newer else keys.proves_legacy(signature, body)
        if not proved:
            raise _refused("The delivery's signature is wrong.", "signature_wrong")


def _said(headers: Mapping[str, str], name: str) -> str:
    """Return a signature; where there is none HighLevel may write so."""
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
        # An installation concerns the agency's grant, which gives the location's; anything else whom it names first.
        subject=(company or location) if installed else (location or company),
        dedupe_key=_dedupe_key(root, body),
        occur_time=wire.instant(root, "timestamp"),
        place=location if installed and company else "",
        reason=REMOVED if kind is WebhookKind.GRANT_REMOVED else "",
        raw=dict(root),
    )


def _dedupe_key(root: Mapping[str, Any], body: bytes) -> str:
    """Hash what makes two deliveries the same: HighLevel's own id of it, or without one all of it."""
    id = wire.identifier(root, "webhookId")
    return hashlib.sha256(b"id|" + id.encode() if id else b"body|" + body).hexdigest()


def _refused(message: str, code: str) -> WebhookRefused:
    return WebhookRefused(message, provider=PROVIDER, code=code)

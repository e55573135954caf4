"""The webhook sender: INSTALL and UNINSTALL, signed with Ed25519, retried only when the receiver answers 429.

Owns: the bodies and the signing key. Knows nothing of why an event happened.
"""

import json
from base64 import b64encode
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from providers.simulators.common import webhooks
from providers.simulators.common.vendor import Vendor
from providers.simulators.highlevel import ids
from providers.simulators.highlevel.ledger import Delivery


class WebhookSender(webhooks.WebhookSender):
    """Sends events in background tasks. HighLevel has no events about posts."""

    def __init__(self, vendor: Vendor) -> None:
        super().__init__(vendor)
        self._key = Ed25519PrivateKey.from_private_bytes(vendor.entropy(32))

    @property
    def public_key(self) -> str:
        """The key that verifies signatures: SPKI, base64."""
        key = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return b64encode(key).decode()

    def signature(self, body: bytes) -> str:
        """Return the value of X-GHL-Signature for the raw bytes of a body."""
        return b64encode(self._key.sign(body)).decode() if self.config.webhook_signed else "N/A"

    def send(self, event: str, **values: Any) -> None:
        """Send an event in the background; do nothing without a webhook URL.

        Only 429 is retried: support article 155000007071, read 2026-11-20.
        """
        if self.config.webhook_url is None:
            return
        body = {
            "type": event,
            "appId": self.config.app_id,
            "versionId": self.config.app_id,
            **values,
            "timestamp": self.vendor.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "webhookId": ids.trace_id(self.vendor.entropy),
        }
        raw = json.dumps(body, separators=(",", ":")).encode()
        row = partial(Delivery, event=event, body=body)
        url, signed = self.config.webhook_url, lambda: {"X-GHL-Signature": self.signature(raw)}
        self.post(raw, signed, row, url=url, repeat=lambda status: status == 429)

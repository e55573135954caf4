"""The webhook sender: TikTok's body, TikTok's signature, retries until the receiver answers 200.

Owns: these formats. Knows nothing of why an event happened.
"""

import hashlib
import hmac
import json
from functools import partial
from typing import Any

from providers.simulators.common import webhooks
from providers.simulators.tiktok.ledger import Delivery


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Return the value of TikTok-Signature: hexadecimal HMAC-SHA256 of "timestamp.body"."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},s={digest}"


def body_of(client_key: str, event: str, open_id: str, content: dict[str, Any], create_time: int) -> bytes:
    """Return the body of an event. `content` is a JSON string inside the JSON."""
    event_body = {
        "client_key": client_key,
        "event": event,
        "create_time": create_time,
        "user_openid": open_id,
        "content": json.dumps(content, separators=(",", ":")),
    }
    return json.dumps(event_body, separators=(",", ":")).encode()


class WebhookSender(webhooks.WebhookSender):
    """Sends events in background tasks."""

    def send(self, event: str, open_id: str, content: dict[str, Any]) -> None:
        """Send an event in the background; do nothing without an address for it."""
        url = self.address(event)
        if not url:
            return
        body = body_of(self.config.client_key, event, open_id, content, int(self.vendor.now().timestamp()))

        def signed() -> dict[str, str]:
            # The time is not renewed on redelivery (undocumented; the stricter reading for a tight window).
            return {"TikTok-Signature": signature(self.config.client_secret, int(self.vendor.now().timestamp()), body)}

        row = partial(Delivery, event=event, open_id=open_id)
        self.post(body, signed, row, url=url, repeat=lambda status: status != 200)

    def address(self, event: str) -> str:
        """Return where an event goes, "" for nowhere."""
        return self.config.webhook_url or ""

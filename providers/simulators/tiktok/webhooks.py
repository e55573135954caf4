"""The webhook sender: TikTok's body, TikTok's signature, retries until the receiver answers 200.

Owns: deliveries and their retries. Knows nothing of why an event happened.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

from providers.simulators.common.http import deliver
from providers.simulators.common.runtime import Runtime, Sleep
from providers.simulators.tiktok.config import SimulatorConfig
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


@dataclass(slots=True, kw_only=True)
class WebhookSender:
    """Sends events in background tasks."""

    config: SimulatorConfig
    runtime: Runtime
    sleep: Sleep
    transport: httpx.AsyncBaseTransport | None = None
    deliveries: list[Delivery] = field(default_factory=list)
    _client: httpx.AsyncClient | None = None

    def send(self, event: str, open_id: str, content: dict[str, Any]) -> None:
        """Send an event in the background; do nothing without a webhook URL."""
        if self.config.webhook_url is None:
            return
        body = body_of(self.config.client_key, event, open_id, content, int(self.runtime.now().timestamp()))
        self.runtime.spawn(lambda: self._deliver(event, open_id, body))

    async def aclose(self) -> None:
        """Close the HTTP client."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _deliver(self, event: str, open_id: str, body: bytes) -> None:
        # The signature's time is not renewed on redelivery (undocumented; the stricter reading for a tight window).
        header = signature(self.config.client_secret, int(self.runtime.now().timestamp()), body)
        if self._client is None:
            self._client = httpx.AsyncClient(transport=self.transport, timeout=10, trust_env=False)
        headers = {"Content-Type": "application/json", "TikTok-Signature": header}
        post = partial(self._client.post, self.config.webhook_url or "", content=body, headers=headers)

        def record(attempt: int, status: int) -> None:
            time = self.runtime.now()
            self.deliveries.append(Delivery(event=event, open_id=open_id, attempt=attempt, status=status, time=time))

        pauses = self.config.webhook_retry_seconds
        await deliver(post, record, pauses=pauses, sleep=self.sleep, repeat=lambda status: status != 200)

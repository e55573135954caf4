"""The webhook sender: INSTALL and UNINSTALL, signed with Ed25519, retried only when the receiver answers 429.

Owns: deliveries, their retries, the signing key. Knows nothing of why an event happened.
"""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from providers.simulators.common.http import deliver
from providers.simulators.common.ids import Entropy
from providers.simulators.common.runtime import Runtime, Sleep
from providers.simulators.highlevel import ids
from providers.simulators.highlevel.config import SimulatorConfig
from providers.simulators.highlevel.ledger import Delivery


@dataclass(slots=True, kw_only=True)
class WebhookSender:
    """Sends events in background tasks. HighLevel has no events about posts."""

    config: SimulatorConfig
    entropy: Entropy
    runtime: Runtime
    sleep: Sleep
    transport: httpx.AsyncBaseTransport | None = None
    deliveries: list[Delivery] = field(default_factory=list)
    _key: Ed25519PrivateKey = field(init=False)

    def __post_init__(self) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(self.entropy(32))

    @property
    def public_key(self) -> str:
        """The key that verifies signatures: SPKI, base64."""
        key = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return b64encode(key).decode()

    def signature(self, body: bytes) -> str:
        """Return the value of X-GHL-Signature for the raw bytes of a body."""
        return b64encode(self._key.sign(body)).decode() if self.config.webhook_signed else "N/A"

    def send(self, event: str, **values: Any) -> None:
        """Send an event in the background; do nothing without a webhook URL."""
        if self.config.webhook_url is None:
            return
        stamp = self.runtime.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        body = {
            "type": event,
            "appId": self.config.app_id,
            "versionId": self.config.app_id,
            **values,
            "timestamp": stamp,
            "webhookId": ids.trace_id(self.entropy),
        }
        self.runtime.spawn(lambda: self._deliver(event, body))

    async def _deliver(self, event: str, body: dict[str, Any]) -> None:
        """Deliver an event. Only 429 is retried: support article 155000007071, read 2026-11-20."""
        raw = json.dumps(body, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "X-GHL-Signature": self.signature(raw)}

        def record(attempt: int, status: int) -> None:
            time = self.runtime.now()
            self.deliveries.append(Delivery(event=event, body=body, attempt=attempt, status=status, time=time))

        pauses = self.config.webhook_retry_seconds
        async with httpx.AsyncClient(transport=self.transport, timeout=10, trust_env=False) as client:
            post = partial(client.post, self.config.webhook_url or "", content=raw, headers=headers)
            await deliver(post, record, pauses=pauses, sleep=self.sleep, repeat=lambda status: status == 429)

"""The webhook sender: TikTok's body, TikTok's signature, retries until somebody answers 200.

Owns: deliveries and their retries. Knows nothing of why an event happened.
"""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from providers.simulators.tiktok.config import SimulatorConfig
from providers.simulators.tiktok.ledger import Delivery


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The value of the header TikTok-Signature: HMAC-SHA256 over "timestamp.body", hexadecimal."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},s={digest}"


def body_of(client_key: str, event: str, open_id: str, content: dict[str, Any], create_time: int) -> bytes:
    """The bytes of one event. `content` travels as a string that holds JSON."""
    event_body = {
        "client_key": client_key,
        "event": event,
        "create_time": create_time,
        "user_openid": open_id,
        "content": json.dumps(content, separators=(",", ":")),
    }
    return json.dumps(event_body, separators=(",", ":")).encode()


@dataclass(slots=True, kw_only=True)
class Sender:
    """Sends events in tasks that `spawn` starts. Events told while no event loop runs wait for the next flush."""

    config: SimulatorConfig
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    spawn: Callable[[Coroutine[Any, Any, None]], bool]
    transport: httpx.AsyncBaseTransport | None = None
    deliveries: list[Delivery] = field(default_factory=list)
    _waiting: list[tuple[str, str, bytes]] = field(default_factory=list)
    _client: httpx.AsyncClient | None = None

    def tell(self, event: str, open_id: str, content: dict[str, Any]) -> None:
        """Send one event, soon. Without a webhook URL nothing is sent."""
        if self.config.webhook_url is None:
            return
        body = body_of(self.config.client_key, event, open_id, content, int(self.now().timestamp()))
        self._waiting.append((event, open_id, body))
        self.flush()

    def flush(self) -> None:
        """Start sending what waits."""
        while self._waiting:
            delivery = self._deliver(*self._waiting[0])
            if not self.spawn(delivery):
                delivery.close()
                return
            self._waiting.pop(0)

    def clear(self) -> None:
        """Forget what was delivered, and what waits to be."""
        self.deliveries.clear()
        self._waiting.clear()

    async def aclose(self) -> None:
        """Close the HTTP client."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _deliver(self, event: str, open_id: str, body: bytes) -> None:
        # The signature's time is not renewed on redelivery (undocumented; the harsher reading for a tight window).
        header = signature(self.config.client_secret, int(self.now().timestamp()), body)
        for attempt, pause in enumerate((*self.config.webhook_retry_seconds, None), start=1):
            status = await self._post(body, header)
            self.deliveries.append(
                Delivery(event=event, open_id=open_id, attempt=attempt, status=status, time=self.now())
            )
            if status == 200 or pause is None:
                return
            await self.sleep(pause)

    async def _post(self, body: bytes, header: str) -> int:
        if self._client is None:
            self._client = httpx.AsyncClient(transport=self.transport, timeout=10, trust_env=False)
        headers = {"Content-Type": "application/json", "TikTok-Signature": header}
        try:
            answer = await self._client.post(self.config.webhook_url or "", content=body, headers=headers)
        except httpx.HTTPError:
            return 0
        return answer.status_code

"""The webhook sender of a simulator: deliveries in background tasks, with retries.

Owns: the HTTP client, the retries, the ledger of deliveries. Knows nothing of a vendor's bodies and signatures.
"""

from collections.abc import Callable, Mapping
from typing import Any

import httpx

from providers.simulators.common.outgoing import make_client
from providers.simulators.common.vendor import Vendor


class WebhookSender:
    """The base of the senders. A vendor adds `send`, which builds the body of an event and calls `post`."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.config = vendor.config
        self.sleep = vendor.sleep
        self.deliveries: list[Any] = []
        self._client: httpx.AsyncClient | None = None

    def post(
        self,
        body: bytes,
        signed: Callable[[], Mapping[str, str]],
        row: Callable[..., object],
        *,
        url: str,
        repeat: Callable[[int], bool],
    ) -> None:
        """Deliver a body to `url` in the background, again after each configured pause while `repeat(status)` says so.

        `signed` returns its signature as a header when the delivery begins. Each attempt adds a `row` to the ledger,
        made from `attempt` (from 1), `status` (0: no response came) and `time`.
        """

        async def deliver() -> None:
            headers = {"Content-Type": "application/json", **signed()}
            for attempt, pause in enumerate((*self.config.webhook_retry_seconds, None), start=1):
                status = await self._status(url, body, headers)
                self.deliveries.append(row(attempt=attempt, status=status, time=self.vendor.now()))
                if pause is None or not repeat(status):
                    return
                await self.sleep(pause)

        self.vendor.spawn(deliver)

    async def aclose(self) -> None:
        """Close the HTTP client."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _status(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        if self._client is None:
            self._client = make_client(self.vendor, timeout=10)
        try:
            return (await self._client.post(url, content=body, headers=headers)).status_code
        except httpx.HTTPError:
            return 0

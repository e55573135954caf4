"""Webhook deliveries from a vendor.

Owns the contract of asking for them, verifying and parsing them. It fails closed: a delivery that is not proved
authentic is refused.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from providers.models.webhooks import Webhook


class Webhooks(Protocol):
    """Webhooks of one vendor."""

    @property
    def redelivery_status(self) -> int:
        """The HTTP status to answer with so that the vendor repeats a delivery."""
        ...

    def read(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Webhook:
        """Verify that the raw `body` was signed by the vendor within the time window, and parse it; no call.

        Header names are lower-case. Raises WebhookRefused (signature, age, application, format), and Misconfigured if
        nothing can be verified because the secret is not set. An undocumented event has the kind UNKNOWN.
        """
        ...

    def parse(self, body: bytes) -> Webhook:
        """Parse a delivery that was verified before. Raises WebhookRefused if it cannot be parsed."""
        ...

    async def subscribe(self, uri: str) -> bool:
        """Have the vendor deliver to `uri`; return False, without any call, if it has none for that, or if the operator
        did not choose it. Repeating is safe. Raises ProviderError.
        """
        ...

"""Deliveries that a vendor makes by itself.

Owns the contract of reading them. It fails closed: what is not proved to be the vendor's is refused.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from providers.models.webhooks import Webhook


class Webhooks(Protocol):
    """Webhooks of one vendor."""

    @property
    def redelivery_status(self) -> int:
        """The HTTP status of an answer after which the vendor repeats a delivery."""
        ...

    def read(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Webhook:
        """Prove that the untouched `body` came from the vendor within its window, and read it; no call.

        Header names are lower-case. Raises WebhookRefused (signature, age, application, form) and Misconfigured when
        nothing can be proved because the secret is not set. An event that nobody knows has the kind UNKNOWN.
        """
        ...

    def parse(self, body: bytes) -> Webhook:
        """Read a delivery that was proved before. Raises WebhookRefused when it cannot be read."""
        ...

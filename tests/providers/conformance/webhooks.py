"""The contract of webhooks: only authentic deliveries are accepted, and unknown events are kept.

Owns the contract of `providers/interface/webhooks.py`.
"""

from datetime import timedelta
from typing import Any

import pytest

from providers.capabilities import Capability
from providers.errors import WebhookRefused
from providers.models.webhooks import WebhookKind
from tests.providers.conformance.harness import Contract, Power


class WebhooksContract(Contract):
    """Webhook deliveries."""

    def read(self, **changes: Any) -> Any:
        """Read a delivery with these changes."""
        headers, body = self.harness.delivery(**changes)
        return self.harness.provider.webhooks.read(headers, body, now=self.harness.now)

    def test_an_authentic_delivery_is_read(self) -> None:
        """A delivery has kind, subject and dedupe key; the same bytes have the same key."""
        self.needs(Capability.WEBHOOKS)
        self.can(Power.WEBHOOKS)
        first, second = self.read(), self.read()

        assert first.kind is not WebhookKind.UNKNOWN
        assert first.subject
        assert first.dedupe_key == second.dedupe_key

    @pytest.mark.parametrize(
        "spoiled",
        [
            {"age": timedelta(hours=1)},
            {"age": timedelta(hours=-1)},
            {"secret": "another"},
            {"body": b""},
            {"body": b"{"},
            {"application": "another"},
            {"unsigned": True},
        ],
        ids=str,
    )
    def test_whatever_is_not_proved_is_refused(self, spoiled: dict[str, Any]) -> None:
        """Old, early, forged, truncated, foreign and unsigned deliveries are refused, and not quoted in the error."""
        self.needs(Capability.WEBHOOKS)
        self.can(Power.WEBHOOKS)
        with pytest.raises(WebhookRefused) as caught:
            self.read(**spoiled)
        assert "canary" not in f"{caught.value!r} {caught.value}"

    def test_an_event_that_nobody_knows_is_kept(self) -> None:
        """An authentic event that is not documented has the kind UNKNOWN and keeps its name."""
        self.needs(Capability.WEBHOOKS)
        self.can(Power.WEBHOOKS)
        read = self.read(event="post.something.new")
        assert (WebhookKind.UNKNOWN, "post.something.new") == (read.kind, read.event)

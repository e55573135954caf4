"""The contract of webhooks: only authentic deliveries are accepted, and unknown events are kept.

Owns the contract of `providers/interface/webhooks.py`.
"""

from datetime import timedelta
from typing import Any

import pytest

from providers.capabilities import Capability
from providers.errors import WebhookRefused
from providers.models.webhooks import WebhookKind
from tests.providers.conformance.harness import Power, needs


def _read(harness: Any, **changes: Any) -> Any:
    """Read a delivery with these changes."""
    headers, body = harness.delivery(**changes)
    return harness.provider.webhooks.read(headers, body, now=harness.now)


@needs(Capability.WEBHOOKS, Power.WEBHOOKS)
def test_an_authentic_delivery_is_read(harness: Any) -> None:
    """A delivery has kind, subject and dedupe key; the same bytes have the same key."""
    first, second = _read(harness), _read(harness)

    assert first.kind is not WebhookKind.UNKNOWN
    assert first.subject
    assert first.dedupe_key == second.dedupe_key


@needs(Capability.WEBHOOKS, Power.WEBHOOKS)
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
def test_whatever_is_not_proved_is_refused(harness: Any, spoiled: dict[str, Any]) -> None:
    """Old, early, forged, truncated, foreign and unsigned deliveries are refused, and not quoted in the error."""
    with pytest.raises(WebhookRefused) as caught:
        _read(harness, **spoiled)
    assert "canary" not in f"{caught.value!r} {caught.value}"


@needs(Capability.WEBHOOKS, Power.WEBHOOKS)
def test_an_event_that_nobody_knows_is_kept(harness: Any) -> None:
    """An authentic event that is not documented has the kind UNKNOWN and keeps its name."""
    read = _read(harness, event="post.something.new")
    assert (WebhookKind.UNKNOWN, "post.something.new") == (read.kind, read.event)


@needs(Capability.WEBHOOKS, Power.WEBHOOKS)
async def test_nobody_is_subscribed_unasked(harness: Any) -> None:
    """Without the operator's choice no address is set, and no call is made."""
    before = harness.sent()

    assert not await harness.provider.webhooks.subscribe("https://gateway.example/webhooks/canary")
    assert before == harness.sent()

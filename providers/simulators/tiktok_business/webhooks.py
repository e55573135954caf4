"""The webhook sender: to the address that the app subscribed for the kind of event, in TikTok's format.

Owns: which address an event goes to. Body and signature are those of TikTok's v2 API.
"""

from typing import Any

from providers.simulators.tiktok import webhooks

# The subscriptions of /business/webhook/update/, and the events that each brings.
EVENTS = {"COMMENT": "comment.", "VIDEO": "post.", "DIRECT_MESSAGE": "im_", "DEFAULT": "authorization."}


class WebhookSender(webhooks.WebhookSender):
    """Sends events in background tasks."""

    def send(self, event: str, open_id: str, content: dict[str, Any]) -> None:
        """Send an event; here the id of a publish is its `share_id`."""
        names = {"publish_id": "share_id"}
        super().send(event, open_id, {names.get(name, name): value for name, value in content.items()})

    def address(self, event: str) -> str:
        """Return the address that is subscribed for an event, else the configured one, "" for nowhere."""
        subscriptions: dict[str, str] = getattr(self.vendor, "subscriptions", {})
        found = [url for kind, url in subscriptions.items() if event.startswith(EVENTS[kind])]
        return found[0] if found else super().address(event)

"""The webhook sender: to the address that the app subscribed for the kind of event, in TikTok's format.

Owns: which address an event goes to. Body and signature are those of TikTok's v2 API.
"""

from providers.simulators.tiktok import webhooks

# The subscriptions of /business/webhook/update/, and the events that each brings.
EVENTS = {"COMMENT": "comment.", "VIDEO": "post.", "DIRECT_MESSAGE": "im_", "DEFAULT": "authorization."}


class WebhookSender(webhooks.WebhookSender):
    """Sends events in background tasks."""

    def address(self, event: str) -> str:
        """Return the address that is subscribed for an event, else the configured one, "" for nowhere."""
        subscriptions: dict[str, str] = getattr(self.vendor, "subscriptions", {})
        found = [url for kind, url in subscriptions.items() if event.startswith(EVENTS[kind])]
        return found[0] if found else super().address(event)

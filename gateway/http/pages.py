"""The page that a person sees after a consent: connected, denied, expired.

Owns its text, its style and its message to the window that opened it. The page is self-contained: it loads nothing, and
works without JavaScript.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from starlette.responses import HTMLResponse, Response

MAX_QUOTE = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a consent ended: `status` for programs, the rest for people; `vendor_message` is the vendor's own. Pages at
    `openers` may receive the outcome.
    """

    status: str
    title: str
    text: str
    code: int = 200
    vendor_message: str = ""
    connection: str = ""
    return_uri: str = ""
    openers: Sequence[str] = ()


EXPIRED = Outcome(
    "expired",
    "This link is no longer valid",
    "It was used before, it is older than ten minutes, or it is not complete. Nothing was changed. "
    "Go back to the application that sent you here and start again.",
    400,
)
NOT_STARTED_HERE = Outcome(
    "expired",
    "Nobody here asked for this",
    "To connect a network, begin in the application that uses it: this browser has not begun there within the last ten "
    "minutes, or more than once. Nothing was changed. Go back to the application and start again.",
    400,
)
NO_PROVIDER = Outcome("failed", "There is nothing here", "No network of this name can be connected here.", 404)
UNAVAILABLE = Outcome("failed", "Not just now", "The service is starting. Reload this page in a moment.", 503)
BROKEN = Outcome("failed", "Something went wrong", "The fault is ours. Start again in a moment.", 500)
MISCONFIGURED = (
    "This service is not set up correctly there, which only its operator can correct: trying again does not help."
)
HEAD_ONLY = Outcome("none", "Consent", "")


def connected(provider: str, *, connection: str, return_uri: str) -> Outcome:
    """Return the outcome of a successful consent."""
    text = f"Your {provider} account is connected. You can close this window."
    return Outcome("connected", "Connected", text, 200, connection=connection, return_uri=return_uri)


def denied(provider: str, *, vendor_message: str, connection: str, return_uri: str) -> Outcome:
    """Return the outcome of a consent that the person or the vendor denied."""
    text = f"{provider} was not connected, because the permission was not given. Nothing was changed."
    return Outcome("denied", "Not connected", text, 403, vendor_message, connection, return_uri)


def failed(provider: str, sentence: str, *, connection: str, return_uri: str) -> Outcome:
    """Return the outcome of a consent that the gateway refused, with the reason."""
    text = f"{provider} was not connected. {sentence}"
    return Outcome("failed", "Not connected", text, 409, connection=connection, return_uri=return_uri)


def temporarily_failed(provider: str, *, connection: str, return_uri: str) -> Outcome:
    """Return the outcome of a consent that may succeed on a retry."""
    text = (
        f"{provider} could not be connected just now. Reload this page in a moment; should that not help, go back to "
    )
    text += "the application that sent you here and start again."
    return Outcome("failed", "Not connected", text, 503, connection=connection, return_uri=return_uri)


STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #4d555e; --ground: #f6f7f8; --card: #fff; --good: #0a7a42;
  --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceef0; --soft: #b4bcc4; --ground: #16191c; --card: #212529;
  --good: #5ad08f; --bad: #ff9d94; } }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--ground); color: var(--ink);
  font: 1.0625rem/1.5 system-ui, sans-serif; }
main { max-width: 28rem; margin: 1.5rem; padding: 2rem 2.25rem; background: var(--card); border-radius: 1rem;
  border-top: .35rem solid var(--bad); }
main.connected { border-color: var(--good); }
h1 { margin: 0 0 .75rem; font-size: 1.5rem; }
p { margin: 0 0 .75rem; overflow-wrap: anywhere; }
q, small { color: var(--soft); }
button { font: inherit; padding: .5rem 1rem; cursor: pointer; }
"""

# Removes the state and the code from the address bar and the history, unless a reload is needed; sends the outcome to
# the opener; shows a close button in a window that was opened by a page.
_SCRIPT = """
const { again, message, openers } = document.querySelector("main").dataset;
if (!again) history.replaceState(null, "", location.pathname);
if (window.opener) {
  for (const origin of JSON.parse(openers)) window.opener.postMessage(JSON.parse(message), origin);
  const button = document.querySelector("button");
  button.hidden = false;
  button.addEventListener("click", () => window.close());
}
"""


def render(outcome: Outcome, openers: Sequence[str]) -> Response:
    """Return the page; `openers` are the origins that may receive the outcome."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(_html(outcome, openers, nonce), outcome.code, {"content-security-policy": policy})


def message_of(outcome: Outcome) -> dict[str, str]:
    """Return the message to the opener; there are no secrets in it."""
    return {"type": "social-gateway.connection", "status": outcome.status, "connection": outcome.connection}


def _html(outcome: Outcome, openers: Sequence[str], nonce: str) -> str:
    title = escape(outcome.title)
    message, origins = escape(json.dumps(message_of(outcome))), escape(json.dumps(list(openers)))
    again = "yes" if outcome.code == 503 else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{title}</title>\n<style nonce="{nonce}">{STYLE}</style>\n</head>\n<body>\n'
        f'<main class="{escape(outcome.status)}" data-again="{again}" '
        f'data-message="{message}" data-openers="{origins}">\n'
        f'<h1>{title}</h1>\n<p role="status">{escape(outcome.text)}</p>\n{_quote(outcome.vendor_message)}'
        '<button type="button" hidden>Close this window</button>\n</main>\n'
        f'<script nonce="{nonce}">{_SCRIPT}</script>\n</body>\n</html>\n'
    )


def _quote(sentence: str) -> str:
    """Quote the vendor's message, which came through the browser: as escaped text, truncated."""
    short = " ".join(sentence.split())
    if not short:
        return ""
    short = short if len(short) <= MAX_QUOTE else f"{short[: MAX_QUOTE - 1]}…"
    return f"<p><small>The network said: <q>{escape(short)}</q></small></p>\n"

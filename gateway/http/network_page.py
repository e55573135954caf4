"""The page on which a network account is connected to a planner: it opens the vendor's page and waits for its message.

Owns the text, the style and the script, which calls our own endpoints and knows no vendor: the form of the vendor's
message is data in the page. There are no secrets in it: the vendor's URL is behind a redirect of ours.
"""

import json
import secrets
from collections.abc import Sequence
from html import escape

from starlette.responses import HTMLResponse, Response

from gateway.http.pages import STYLE
from providers.models.accounts import ConsentSignal

HINT_SECONDS = 60
"""How long the vendor's page may be open before ours shows what else can be done."""

NAMES = {
    "tiktok": "TikTok",
    "tiktok_business": "TikTok Business",
    "facebook": "Facebook",
    "instagram": "Instagram",
    "linkedin": "LinkedIn",
    "google_business": "Google Business",
    "youtube": "YouTube",
    "pinterest": "Pinterest",
    "threads": "Threads",
    "bluesky": "Bluesky",
}

_STYLE = """
main.open { border-color: var(--soft); }
ul { list-style: none; margin: 0 0 .75rem; padding: 0; }
li { margin: 0 0 .5rem; }
li button { width: 100%; text-align: left; }
a { color: inherit; }
[hidden] { display: none; }
"""

# A message is accepted only from the window that this page opened, from an origin of the vendor, and in the vendor's
# form; the id in it is not trusted until our endpoints have checked it.
_SCRIPT = """
const main = document.querySelector("main");
const data = main.dataset, rule = JSON.parse(data.signal), here = location.pathname;
const find = id => document.getElementById(id);
const status = find("status"), open = find("open"), look = find("look"), list = find("choices");
let popup = null, busy = false, over = false, patience = 0, closed = 0;

function say(text, ...shown) {
  status.textContent = text;
  for (const each of [open, look, list]) each.hidden = !shown.includes(each);
}
function known(origin) {
  let from;
  try { from = new URL(origin); } catch { return false; }
  const local = ["127.0.0.1", "localhost", "[::1]"].includes(from.hostname);
  if (rule.loopback && local && from.protocol === "http:") return true;
  const there = rule.hosts.some(host => from.hostname === host || from.hostname.endsWith("." + host));
  return from.protocol === "https:" && !from.port && there;
}
function consentIn(event) {
  const told = event.data;
  if (!popup || event.source !== popup || !known(event.origin)) return "";
  if (typeof told !== "object" || told === null) return "";
  for (const [name, values] of Object.entries(rule.fields)) if (!values.includes(told[name])) return "";
  return typeof told[rule.idField] === "string" ? told[rule.idField] : "";
}
async function ask(action, body) {
  try {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${here}/${action}`, { method: "POST", headers, body: JSON.stringify(body) });
    return await answer.json();
  } catch {
    return { status: "troubled", text: data.offline };
  }
}
async function step(action, body) {
  if (busy || over) return;
  busy = true;
  clearTimeout(patience);
  say(data.wait);
  const answer = await ask(action, body);
  busy = false;
  if (answer.status === "choose") return choose(answer.choices, body.authorizationId);
  if (answer.status === "connected") return finish(answer);
  over = answer.status === "over";
  if (over) say(answer.text); else say(answer.text, open, look);
}
function choose(choices, authorizationId) {
  if (choices.length === 0) return say(data.nobody, open, look);
  const take = id => step("attach", { authorizationId, account: id });
  if (choices.length === 1) return take(choices[0].id);
  list.replaceChildren(...choices.map(each => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.textContent = each.name + (each.handle ? ` (@${each.handle})` : "");
    button.addEventListener("click", () => take(each.id));
    item.append(button);
    return item;
  }));
  say(data.which, list);
}
function finish(answer) {
  over = true;
  main.className = "connected";
  document.title = find("title").textContent = answer.title;
  say(answer.text);
  find("back").hidden = true;
  if (window.opener) {
    for (const origin of JSON.parse(data.openers)) window.opener.postMessage(answer.message, origin);
    find("close").hidden = false;
  }
  if (answer.returnUri) location.replace(answer.returnUri);
}
function begin() {
  popup = window.open(`${here}/vendor`, "network-consent", "popup,width=620,height=780");
  if (!popup) return say(data.blocked, open);
  say(data.opened, open);
  closed = 0;
  clearTimeout(patience);
  patience = setTimeout(() => say(data.lost, open, look), 1000 * Number(data.patience));
}
// A window may have sent its message just before it closed: wait one more round for it.
setInterval(() => {
  if (!popup || busy || over) return;
  closed = popup.closed ? closed + 1 : 0;
  if (closed === 2) say(data.lost, open, look);
}, 500);
addEventListener("message", event => {
  const id = consentIn(event);
  if (!id || busy || over) return;
  popup.close();
  popup = null;
  step("choices", { authorizationId: id });
});
open.addEventListener("click", begin);
look.addEventListener("click", () => step("look", {}));
find("close").addEventListener("click", () => window.close());
open.hidden = false;
"""


def network_name(platform: str) -> str:
    """Return a network's display name."""
    return NAMES.get(platform, platform.replace("_", " ").title())


def render(signal: ConsentSignal, *, platform: str, provider: str, openers: Sequence[str], back: str) -> Response:
    """Return the page; `openers` are the origins that may receive the outcome, `back` is the link for giving up."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    body = _html(
        network_name(platform), provider, _data(signal, network_name(platform), provider, openers), back, nonce
    )
    return HTMLResponse(body, 200, {"content-security-policy": policy})


def _data(signal: ConsentSignal, network: str, provider: str, openers: Sequence[str]) -> dict[str, str]:
    """Return what the script reads from the page's data attributes, texts included."""
    rule = {
        "hosts": signal.hosts,
        "fields": {name: list(values) for name, values in signal.fields.items()},
        "idField": signal.id_field,
        "loopback": signal.loopback,
    }
    return {
        "signal": json.dumps(rule),
        "openers": json.dumps(list(openers)),
        "patience": str(HINT_SECONDS),
        "opened": f"Go on in the window that opened. This page goes on by itself when {network} is done.",
        "blocked": "Your browser did not open the window. Allow pop-ups for this page, and press the button again.",
        "wait": "One moment…",
        "which": "Which account do you want to connect?",
        "nobody": f"{network} named no account that could be connected. Try again with another login.",
        "lost": (
            "Nothing was heard from the window yet. If it said that you are connected, look again; if it said nothing, "
            f"connect the account inside {provider}, and then look again."
        ),
        "offline": "The connection was interrupted. Look again in a moment.",
    }


def _html(network: str, provider: str, data: dict[str, str], back: str, nonce: str) -> str:
    title = escape(f"Connect {network}")
    attributes = " ".join(f'data-{name}="{escape(value)}"' for name, value in data.items())
    link = f'<a href="{escape(back)}">Go back without connecting</a>' if back else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{title}</title>\n<style nonce="{nonce}">{STYLE}{_STYLE}</style>\n</head>\n<body>\n'
        f'<main class="open" {attributes}>\n<h1 id="title">{title}</h1>\n'
        f'<p id="status" role="status">{escape(network)} asks in a window of its own whether {escape(provider)} may '
        "post for you.</p>\n"
        f"<noscript><p>This page needs JavaScript. Connect the account inside {escape(provider)} instead.</p>"
        "</noscript>\n"
        '<ul id="choices" hidden></ul>\n'
        f'<p><button type="button" id="open" hidden>Open {escape(network)}</button>\n'
        '<button type="button" id="look" hidden>Look again</button>\n'
        '<button type="button" id="close" hidden>Close this window</button></p>\n'
        f'<p id="back">{link}</p>\n</main>\n'
        f'<script nonce="{nonce}">{_SCRIPT}</script>\n</body>\n</html>\n'
    )

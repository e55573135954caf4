"""The page on which somebody picks where the app is installed: one location, or an agency with several at once.

Owns: /v2/oauth/chooselocation, the decision, the redirect back. Knows nothing of what a code buys later.
"""

from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from providers.simulators.highlevel import ids
from providers.simulators.highlevel.grants import Grant
from providers.simulators.highlevel.state import Vendor
from providers.simulators.highlevel.tenants import COMPANY, OWNER
from providers.simulators.highlevel.wire import NO_CACHE, vendor_of

LOOPBACK = ("localhost", "127.0.0.1")
# github.com/GoHighLevel/highlevel-api-docs/issues/311, read 2026-11-20: it comes at the end, not at the beginning.
CANNOT_BE_ADDED = "This integration cannot be added, please contact the developer"

_STYLE = (
    "body{font:16px system-ui;max-width:26rem;margin:3rem auto;padding:0 1rem}"
    "label{display:block;margin:.4rem 0}button{font:inherit;padding:.6rem 1.2rem;margin:1rem .5rem 0 0}"
)


def html(title: str, content: str, status: int = 200) -> Response:
    """A page of the simulator."""
    text = (
        f"<!DOCTYPE html><html lang=en><head><meta charset=utf-8><title>{escape(title)}</title>"
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{content}"
        "<p><small>This is a simulator, not HighLevel.</small></p></body></html>"
    )
    return HTMLResponse(text, status, NO_CACHE)


def _redirect_allowed(uri: str, registered: tuple[str, ...]) -> bool:
    if registered:
        return uri in registered
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or parts.hostname in LOOPBACK)


def _wrong(vendor: Vendor, query: dict[str, str]) -> str | None:
    checks = (
        ("client_id", query.get("client_id") == vendor.config.client_id),
        ("response_type", query.get("response_type") == "code"),
        ("redirect_uri", _redirect_allowed(query.get("redirect_uri", ""), vendor.config.redirect_uris)),
        ("scope", bool(query.get("scope"))),
    )
    return next((name for name, right in checks if not right), None)


async def authorize(request: Request) -> Response:
    """The page, or another one that names a wrong parameter and never calls back."""
    vendor, query = vendor_of(request), dict(request.query_params)
    if (wrong := _wrong(vendor, query)) is not None:
        return html("Something went wrong", f"<p><code>{escape(wrong)}</code> is missing or invalid.</p>", 400)
    consent = ids.opaque(vendor.entropy)
    vendor.consents[consent] = query
    boxes = "".join(
        f'<label><input type=checkbox name=location value="{escape(each.id)}"> {escape(each.name)}</label>'
        for each in vendor.tenants.locations.values()
    )
    return html(
        "Install Simulated App",
        '<form method=post action="/_sim/consent">'
        f'<input type=hidden name=consent value="{consent}">{boxes}'
        "<label><input type=checkbox name=agency value=true> As an agency, in all ticked locations</label>"
        "<button id=approve name=decision value=approve>Install</button>"
        "<button id=deny name=decision value=deny>Cancel</button></form>",
    )


async def decide(request: Request) -> Response:
    """The page's form: `consent`, `decision`, the ticked `location`s, `agency`. Once per page."""
    vendor = vendor_of(request)
    answers = parse_qs((await request.body()).decode("utf-8", "replace"))
    query = vendor.consents.pop(answers.get("consent", [""])[0], None)
    if query is None:
        return html("Something went wrong", "<p>This page has expired.</p>", 400)
    if answers.get("decision") != ["approve"]:
        # What a cancelled install sends back, if anything, is not documented: here the page just ends.
        return html("Cancelled", "<p>Nothing was installed.</p>")
    scopes = tuple(query["scope"].split())
    if not set(scopes) <= set(vendor.config.scopes):
        return html(CANNOT_BE_ADDED, "")
    picked = [each for each in answers.get("location", []) if each in vendor.tenants.locations]
    grant = _grant(picked, scopes, agency=answers.get("agency") == ["true"])
    if grant is None:
        return html("Something went wrong", "<p>Pick one location, or several as an agency.</p>", 400)
    return _back(vendor, query, grant, picked)


def _grant(picked: list[str], scopes: tuple[str, ...], *, agency: bool) -> Grant | None:
    if agency:
        return Grant(COMPANY, None, scopes, OWNER, bulk=bool(picked))
    return Grant(COMPANY, picked[0], scopes, OWNER) if len(picked) == 1 else None


def _back(vendor: Vendor, query: Mapping[str, str], grant: Grant, picked: list[str]) -> Response:
    """INSTALL is told before the code leaves.

    github.com/GoHighLevel/highlevel-api-docs/issues/130 and 294, read 2026-11-20: it can come before the exchange.
    """
    vendor.install(picked, user_id=grant.user_id, company=grant.location_id is None)
    values = {"code": vendor.grants.new_code(grant, query["redirect_uri"], vendor.now())}
    if vendor.config.echo_state and "state" in query:
        values["state"] = query["state"]
    joint = "&" if urlsplit(query["redirect_uri"]).query else "?"
    return RedirectResponse(f"{query['redirect_uri']}{joint}{urlencode(values)}", 302, NO_CACHE)

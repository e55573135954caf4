"""The consent page, on which the user picks where to install the app: in one location or, as an agency, in several.

Owns: …/oauth/chooselocation, the decision, the redirect back. Knows nothing of how a code is redeemed.
"""

from collections.abc import Mapping
from functools import partial
from html import escape
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from providers.simulators.common import http
from providers.simulators.common.ids import opaque
from providers.simulators.highlevel.grants import Grant
from providers.simulators.highlevel.state import Vendor
from providers.simulators.highlevel.tenants import COMPANY, OWNER
from providers.simulators.highlevel.wire import vendor_of

# github.com/GoHighLevel/highlevel-api-docs/issues/311, read 2026-11-20: shown at the end of the flow, not at its start.
CANNOT_BE_ADDED = "This integration cannot be added, please contact the developer"

page = partial(http.page, "HighLevel")


def _redirect_allowed(uri: str, registered: tuple[str, ...]) -> bool:
    if registered:
        return uri in registered
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or parts.hostname in http.LOOPBACK_HOSTS)


def _invalid_parameter(vendor: Vendor, query: dict[str, str]) -> str | None:
    checks = (
        ("client_id", query.get("client_id") == vendor.config.client_id),
        ("response_type", query.get("response_type") == "code"),
        ("redirect_uri", _redirect_allowed(query.get("redirect_uri", ""), vendor.config.redirect_uris)),
        ("scope", bool(query.get("scope"))),
    )
    return next((name for name, right in checks if not right), None)


async def authorize(request: Request) -> Response:
    """Return the page, or an error page that names an invalid parameter and does not redirect back."""
    vendor, query = vendor_of(request), dict(request.query_params)
    if (wrong := _invalid_parameter(vendor, query)) is not None:
        return page("Something went wrong", f"<p><code>{escape(wrong)}</code> is missing or invalid.</p>", 400)
    consent = opaque(vendor.entropy)
    vendor.consents[consent] = query
    boxes = "".join(
        f'<label><input type=checkbox name=location value="{escape(each.id)}"> {escape(each.name)}</label>'
        for each in vendor.tenants.locations.values()
    )
    agency = "<label><input type=checkbox name=agency value=true> As an agency, in all ticked locations</label>"
    return page("Install Simulated App", http.decision_form(boxes + agency, approve="Install", consent=consent))


async def decide(request: Request) -> Response:
    """Handle the form, once per page: `consent`, `decision`, the ticked `location`s, `agency`."""
    vendor = vendor_of(request)
    answers = await http.page_form(request)
    query = vendor.consents.pop(answers.get("consent", [""])[0], None)
    if query is None:
        return page("Something went wrong", "<p>This page has expired.</p>", 400)
    if answers.get("decision") != ["approve"]:
        # Whether a cancelled install redirects back is not documented; here it does not.
        return page("Cancelled", "<p>Nothing was installed.</p>")
    scopes = tuple(query["scope"].split())
    if not set(scopes) <= set(vendor.config.scopes):
        return page(CANNOT_BE_ADDED, "")
    picked = [each for each in answers.get("location", []) if each in vendor.tenants.locations]
    grant = _grant(picked, scopes, agency=answers.get("agency") == ["true"])
    if grant is None:
        return page("Something went wrong", "<p>Pick one location, or several as an agency.</p>", 400)
    return _back(vendor, query, grant, picked)


def _grant(picked: list[str], scopes: tuple[str, ...], *, agency: bool) -> Grant | None:
    if agency:
        return Grant(COMPANY, None, scopes, OWNER, bulk=bool(picked))
    return Grant(COMPANY, picked[0], scopes, OWNER) if len(picked) == 1 else None


def _back(vendor: Vendor, query: Mapping[str, str], grant: Grant, picked: list[str]) -> Response:
    """Send the INSTALL webhook, then redirect back with a code.

    github.com/GoHighLevel/highlevel-api-docs/issues/130 and 294, read 2026-11-20: it can arrive before the exchange.
    """
    vendor.install(picked, user_id=grant.user_id, company=grant.location_id is None)
    values = {"code": vendor.grants.new_code(grant, query["redirect_uri"], vendor.now())}
    if vendor.config.echo_state and "state" in query:
        values["state"] = query["state"]
    joint = "&" if urlsplit(query["redirect_uri"]).query else "?"
    return RedirectResponse(f"{query['redirect_uri']}{joint}{urlencode(values)}", 302, http.NO_CACHE)

"""The consent page, on which the user picks scopes and approves or denies.

Owns: GET /v2/auth/authorize/, the decision, the redirect back. Knows nothing of how a code is redeemed.
"""

from functools import partial
from html import escape
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from providers.simulators.common import http
from providers.simulators.common.ids import opaque
from providers.simulators.tiktok.state import Vendor
from providers.simulators.tiktok.wire import vendor_of

# Login Kit always adds it, and the user cannot untick it.
FIXED_SCOPE = "user.info.basic"

page = partial(http.page, "TikTok")


def _error_page(parameter: str, why: str) -> Response:
    # TikTok shows an error page and does not redirect back when the request is invalid
    # (github.com/better-auth/better-auth/issues/3114, read 2026-11-20); the page's HTTP status is not known.
    content = (
        "<p>We couldn't log in with TikTok. This may be due to specific app settings.</p>"
        f"<p>If you're a developer, correct the following and try again:</p><p><code>{escape(parameter)}</code></p>"
        f"<p>{escape(why)}</p>"
    )
    return page("Something went wrong", content, 400)


def redirect_uri_allowed(uri: str, registered: tuple[str, ...]) -> bool:
    """Return whether a redirect URI equals a registered one or, when none is registered, could be registered."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return False
    local = parts.hostname in http.LOOPBACK_HOSTS
    if registered:
        wildcard = uri.replace(f":{port}", ":*", 1) if local and port else uri
        return uri in registered or wildcard in registered
    static = bool(parts.hostname) and not parts.query and not parts.fragment and len(uri) < 512
    return static and (parts.scheme == "https" or (local and parts.scheme == "http" and port is not None))


def _invalid_parameter(vendor: Vendor, query: dict[str, str]) -> tuple[str, str] | None:
    scopes = query.get("scope", "").split(",")
    checks = (
        ("client_key", query.get("client_key") == vendor.config.client_key, "unauthorized_client"),
        ("response_type", query.get("response_type") == "code", "unsupported_response_type"),
        ("scope", all(scope in vendor.scopes for scope in scopes), "invalid_scope"),
        (
            "redirect_uri",
            redirect_uri_allowed(query.get("redirect_uri", ""), vendor.config.redirect_uris),
            "redirect_uri is not registered",
        ),
        ("code_challenge", "code_challenge" in query or not vendor.config.require_pkce, "code_challenge is missing"),
        (
            "code_challenge_method",
            "code_challenge" not in query or query.get("code_challenge_method") == "S256",
            "code_challenge_method is not S256",
        ),
    )
    return next(((name, why) for name, right, why in checks if not right), None)


async def authorize(request: Request) -> Response:
    """Return the consent page, or TikTok's error page about an invalid parameter, which does not redirect back."""
    vendor, query = vendor_of(request), dict(request.query_params)
    if (wrong := _invalid_parameter(vendor, query)) is not None:
        return _error_page(*wrong)
    consent = opaque(vendor.entropy)
    vendor.consents[consent] = query
    scopes = [scope for scope in query["scope"].split(",") if scope != FIXED_SCOPE]
    boxes = "".join(
        f'<label><input type=checkbox name=scope value="{scope}" checked> {scope}</label>' for scope in scopes
    )
    users = "".join(
        f'<option value="{escape(user.open_id)}">{escape(user.display_name)} (@{escape(user.username)})</option>'
        for user in vendor.users.values()
    )
    fields = (
        f"<label>Logged in as <select name=open_id>{users}</select></label>"
        f"<label><input type=checkbox checked disabled> {FIXED_SCOPE}</label>{boxes}"
    )
    return page("Authorize Simulated App", http.decision_form(fields, approve="Continue", consent=consent))


async def decide(request: Request) -> Response:
    """Handle the form, once per page: `consent`, `decision` (approve, deny), `open_id`, the ticked `scope`s."""
    vendor = vendor_of(request)
    answers = await http.page_form(request)
    query = vendor.consents.pop(answers.get("consent", [""])[0], None)
    open_id = answers.get("open_id", [next(iter(vendor.accounts))])[0]
    if query is None or open_id not in vendor.accounts:
        return page("Something went wrong", "<p>This page has expired. Go back to the app and start again.</p>", 400)
    state = {"state": query["state"]} if "state" in query else {}
    if answers.get("decision") != ["approve"]:
        refused = {"error": "access_denied", "error_description": "The user canceled the authorization."}
        return _back(query["redirect_uri"], {**refused, **state})
    asked = query["scope"].split(",")
    granted = tuple(scope for scope in vendor.scopes if scope == FIXED_SCOPE or scope in answers.get("scope", ()))
    scopes = tuple(scope for scope in granted if scope in (*asked, FIXED_SCOPE))
    code = vendor.grants.new_code(
        open_id=open_id,
        scopes=scopes,
        redirect_uri=query["redirect_uri"],
        challenge=query.get("code_challenge"),
        now=vendor.now(),
    )
    return _back(query["redirect_uri"], {"code": code, "scopes": ",".join(scopes), **state})


def _back(redirect_uri: str, values: dict[str, str]) -> Response:
    return RedirectResponse(f"{redirect_uri}?{urlencode(values)}", 302, http.NO_CACHE)

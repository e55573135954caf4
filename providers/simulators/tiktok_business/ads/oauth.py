"""The consent of advertisers: the page of the portal, the token, what it reaches, whose it is, revocation.

Owns: /portal/auth, /oauth2/… and /user/info/. Knows nothing of what a token permits.
"""

import hmac
from functools import partial
from html import escape
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from providers.simulators.common import http
from providers.simulators.common.ids import opaque
from providers.simulators.tiktok import consent as user_consent
from providers.simulators.tiktok.ledger import Exchange
from providers.simulators.tiktok_business.ads.wire import grant_of
from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.marketing.advertisers import SCOPES, AdvertiserGrant
from providers.simulators.tiktok_business.marketing.state import PERSON
from providers.simulators.tiktok_business.wire import Values, envelope, json_body, json_list, required, vendor_of

page = partial(http.page, "TikTok for Business")


async def authorize(request: Request) -> Response:
    """Return the page on which a person picks ad accounts; the permissions are those ticked on the app."""
    vendor, query = vendor_of(request), dict(request.query_params)
    allowed = user_consent.redirect_uri_allowed(query.get("redirect_uri", ""), vendor.config.redirect_uris)
    if query.get("app_id") != vendor.config.client_key or not allowed:
        return page("Something went wrong", "<p>The app or its redirect address is not registered.</p>", 400)
    consent = opaque(vendor.entropy)
    vendor.consents[consent] = query
    known = vendor.marketing.advertisers.values()
    boxes = [_box("advertiser_id", each.advertiser_id, each.name) for each in known]
    boxes += [_box("scope", str(each), f"Permission {each}") for each in SCOPES]
    return page("Authorize ad accounts", http.decision_form("".join(boxes), approve="Confirm", consent=consent))


def _box(name: str, value: str, label: str) -> str:
    return f'<label><input type=checkbox name={name} value="{value}" checked> {escape(label)}</label>'


async def decide(request: Request) -> Response:
    """Handle the form of either consent page."""
    vendor, answers = vendor_of(request), await http.page_form(request)
    query = vendor.consents.get(answers.get("consent", [""])[0], {})
    if "app_id" not in query:
        return await user_consent.decide(request)
    del vendor.consents[answers["consent"][0]]
    state = {"state": query["state"]} if "state" in query else {}
    if answers.get("decision") != ["approve"]:
        return _back(query["redirect_uri"], {"error": "access_denied", **state})
    known = vendor.marketing.advertisers
    ids = tuple(each for each in answers.get("advertiser_id", []) if each in known)
    scopes = tuple(int(each) for each in answers.get("scope", []) if each.isdigit())
    grant = AdvertiserGrant(core_user_id=PERSON, advertiser_ids=ids, scopes=scopes)
    code = vendor.marketing.grants.new_code(grant, vendor.now())
    return _back(query["redirect_uri"], {"auth_code": code, "code": code, **state})


def _back(redirect_uri: str, values: dict[str, str]) -> Response:
    return RedirectResponse(f"{redirect_uri}?{urlencode(values)}", 302, http.NO_CACHE)


def _check_app(request: Request, values: Values) -> None:
    app, secret = required(values, "app_id", "secret")
    config = vendor_of(request).config
    if app != config.client_key or not hmac.compare_digest(secret, config.client_secret):
        raise VendorError(40101)


async def token(request: Request) -> Response:
    """Exchange a code for a token that does not expire, and record it."""
    vendor, body = vendor_of(request), await json_body(request)
    outcome, person = "ok", ""
    try:
        _check_app(request, body)
        [code] = required(body, "auth_code")
        issued, grant = vendor.marketing.grants.exchange(code, vendor.now())
        person = grant.core_user_id
    except VendorError as error:
        outcome = str(error.code)
        raise
    finally:
        row = Exchange(grant_type="auth_code", outcome=outcome, open_id=person, time=vendor.now())
        vendor.exchanges.append(row)
    data = {"access_token": issued, "scope": list(grant.scopes)}
    listed = {"advertiser_ids": list(grant.advertiser_ids)} if body.get("return_advertiser_ids", True) else {}
    return envelope(vendor, {**data, **listed})


async def revoke(request: Request) -> Response:
    """Revoke a token, for every ad account that it reaches."""
    vendor, body = vendor_of(request), await json_body(request)
    _check_app(request, body)
    [access_token] = required(body, "access_token")
    grant = vendor.marketing.grants.valid(access_token)
    grant.alive = False
    return envelope(vendor, {"app_id": body["app_id"], "advertiser_ids": list(grant.advertiser_ids)})


async def advertisers(request: Request) -> Response:
    """List the ad accounts that a token reaches."""
    values, vendor = dict(request.query_params), vendor_of(request)
    grant = grant_of(request, "advertiser.get")
    _check_app(request, values)
    known = vendor.marketing.advertisers
    rows = [{"advertiser_id": each, "advertiser_name": known[each].name} for each in grant.advertiser_ids]
    return envelope(vendor, {"list": rows})


async def user_info(request: Request) -> Response:
    """Return whose token it is."""
    grant = grant_of(request, "user.info")
    data = {"core_user_id": grant.core_user_id, "display_name": "Sim Owner", "email": "s***@example.com"}
    return envelope(vendor_of(request), data)


async def advertiser_info(request: Request) -> Response:
    """Return what is known of ad accounts."""
    values, vendor = dict(request.query_params), vendor_of(request)
    grant = grant_of(request, "advertiser.info")
    if not grant.allows("100"):
        raise VendorError(40001, "No permission: the scope 100 was not granted")
    ids = json_list(values, "advertiser_ids", [])
    if not ids:
        raise VendorError(40002, "advertiser_ids: Missing data for required field.")
    if not set(ids) <= set(grant.advertiser_ids):
        raise VendorError(40001, "advertiser_ids: no permission to operate this advertiser")
    vendor.marketing.settle()
    wanted = json_list(values, "fields", ["advertiser_id", "name", "status", "currency", "timezone", "balance"])
    known = vendor.marketing.advertisers
    rows = [{name: _field(known[id], name) for name in wanted if hasattr(known[id], name)} for id in ids]
    return envelope(vendor, {"list": rows})


def _field(advertiser: object, name: str) -> object:
    value = getattr(advertiser, name)
    return float(value) if name == "balance" else value

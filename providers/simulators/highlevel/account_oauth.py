"""Connect a social account: open a popup, consent in it, choose an account, attach it.

Owns: pending consents, the popup's pages, the three operations. Knows nothing of posts.
"""

import json
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from providers.simulators.common.http import decision_form, page_form
from providers.simulators.common.ids import opaque
from providers.simulators.highlevel import ids, platforms, wire
from providers.simulators.highlevel.consent import page
from providers.simulators.highlevel.errors import Refusal, closed_route, invalid, not_found
from providers.simulators.highlevel.operations import V2, V3
from providers.simulators.highlevel.platforms import Identity, OpenPopup, PendingConsent
from providers.simulators.highlevel.social_accounts import LIFETIME, SimAccount, common_json
from providers.simulators.highlevel.state import Vendor


def _known_platform(request: Request, known: dict[str, tuple[str, ...]]) -> str:
    platform, generation = wire.path_param(request, "platform"), wire.generation(request)
    if platform not in known[generation]:
        if generation == V3:
            raise invalid(f"platform must be one of the following values: {', '.join(known[V3])}")
        raise closed_route()
    return platform


# Start


async def start(request: Request) -> Response:
    """Send the user's browser to the popup. Reported as a redirect; the specification says 200 without a body."""
    platform, vendor = _known_platform(request, platforms.CHOICES), wire.vendor_of(request)
    location_id, user_id = wire.required_query(request, "locationId", "userId")
    if platform in ("twitter", "bluesky"):
        # Support for Twitter ended 2024-12-04; bluesky's start is reported to fail. Neither answer is documented.
        raise Refusal(400, f"{platform} can not be connected this way")
    state = opaque(vendor.entropy)
    vendor.popups[state] = OpenPopup(
        platform=platform,
        location_id=location_id,
        user_id=user_id,
        reconnect=request.query_params.get("reconnect") == "true",
    )
    base = (vendor.config.base_url or str(request.base_url)).rstrip("/")
    return _started(vendor, f"{base}/_sim/social/{state}")


def _started(vendor: Vendor, url: str) -> Response:
    if vendor.config.start_answer == "json":
        return JSONResponse({"success": True, "statusCode": 200, "url": url})
    if vendor.config.start_answer == "html":
        return HTMLResponse(f'<!DOCTYPE html><script>window.location.href="{url}"</script>')
    return Response(status_code=vendor.config.start_status, headers={"Location": url})


# The popup


async def popup(request: Request) -> Response:
    """Return the network's consent page."""
    vendor, state = wire.vendor_of(request), str(request.path_params["state"])
    started = vendor.popups.get(state)
    if started is None:
        return page("Something went wrong", "<p>This page has expired.</p>", 400)
    options = "".join(
        f'<option value="{escape(each.origin_id)}">{escape(each.name)}</option>'
        for each in vendor.identities[started.platform]
    )
    fields = f"<label>Logged in as <select name=origin_id>{options}</select></label>"
    return page(f"Let HighLevel use {started.platform}?", decision_form(fields, approve="Allow"))


async def consented(request: Request) -> Response:
    """Return HighLevel's page after the consent, once per popup: it posts a message to its opener and closes."""
    vendor = wire.vendor_of(request)
    answers = await page_form(request)
    started = vendor.popups.pop(str(request.path_params["state"]), None)
    if started is None:
        return page("Something went wrong", "<p>This page has expired.</p>", 400)
    if answers.get("decision") != ["approve"]:
        return page("Cancelled", "<script>window.close()</script>")
    identity = _identity(vendor, started.platform, answers.get("origin_id", [""])[0])
    return _message_page(consent(vendor, started, identity))


def _identity(vendor: Vendor, platform: str, origin_id: str) -> Identity:
    known = vendor.identities[platform]
    return next((each for each in known if each.origin_id == origin_id), known[0])


def _message_page(message: dict[str, Any]) -> Response:
    """Return the page that posts the message: docs of GoHighLevel/highlevel-api-docs, read 2026-11-20.

    The target origin of the message is not documented.
    """
    text = json.dumps(message).replace("<", "\\u003c")
    script = f'<script>if(window.opener)window.opener.postMessage({text},"*");window.close()</script>'
    return page("Connected", f"<p>You can close this window.</p>{script}")


def consent(vendor: Vendor, started: OpenPopup, identity: Identity) -> dict[str, Any]:
    """Store a consent and return the message for the opener."""
    account_id = ids.mongo(vendor.entropy)
    vendor.pending_consents[account_id] = PendingConsent(
        platform=started.platform, location_id=started.location_id, identity=identity
    )
    renewed = _renew(vendor, started, identity) if started.reconnect and vendor.config.reconnect_renews else []
    return {
        "actionType": "close",
        "page": vendor.config.message_page,
        "platform": started.platform,
        "placement": "integration",
        "accountId": account_id,
        "reconnectAccounts": renewed,
    }


def _connected_account(vendor: Vendor, location_id: str, platform: str, origin_id: str) -> SimAccount | None:
    accounts = (each for each in vendor.accounts.of(location_id) if each.platform == platform)
    return next((each for each in accounts if each.origin_id == origin_id), None)


def _renew(vendor: Vendor, started: OpenPopup, identity: Identity) -> list[str]:
    known = _connected_account(vendor, started.location_id, started.platform, identity.origin_id)
    if known is None:
        return []
    vendor.accounts.change(known.id, expire=vendor.now() + LIFETIME, active=True)
    return [known.id]


# Choose and attach


def _pending(request: Request, platform: str) -> PendingConsent:
    vendor, account_id = wire.vendor_of(request), wire.mongo_id(request, "accountId")
    pending = vendor.pending_consents.get(account_id)
    if pending is None or pending.location_id != wire.location_of(request):
        raise not_found("Account")
    through_tiktok = vendor.config.tiktok_business_attach == "tiktok" and platform == "tiktok"
    if pending.platform != platform and not (through_tiktok and pending.platform == "tiktok-business"):
        raise not_found("Account")
    return pending


def _check_path(request: Request, platform: str) -> None:
    """Check the path: `locations` for Google under 2021-07-28, otherwise `accounts`."""
    word = "locations" if platform == "google" and wire.generation(request) == V2 else "accounts"
    if f"/{word}/" not in request.url.path:
        raise closed_route()


async def choose(request: Request) -> Response:
    """Return the accounts of a consent, to choose from."""
    platform, vendor = _known_platform(request, platforms.CHOICES), wire.vendor_of(request)
    _check_path(request, platform)
    pending = _pending(request, platform)
    known = _connected_account(vendor, pending.location_id, pending.platform, pending.identity.origin_id)
    flat = vendor.config.tiktok_choose == "flat"
    results = platforms.choice(platform, pending.identity, connected=known is not None, flat=flat)
    return wire.envelope(request, f"Fetched {platform} accounts", results)


async def attach(request: Request) -> Response:
    """Connect the chosen account; attaching it again renews it."""
    vendor, generation = wire.vendor_of(request), wire.generation(request)
    own = vendor.config.tiktok_business_attach == "own"
    platform = _known_platform(request, platforms.CHOICES if own else platforms.ATTACHES)
    _check_path(request, platform)
    body = await wire.json_object(request)
    wire.check_shape(platforms.attach_shape(platform, generation), body)
    pending = _pending(request, platform)
    origin_id = body.get("originId") or pending.identity.origin_id
    if origin_id != pending.identity.origin_id:
        raise Refusal(400, "originId is not among the accounts of this consent")
    account = _attached(vendor, pending, str(body.get("type") or pending.identity.type))
    return wire.envelope(request, "Attached account", _attached_json(account, vendor), 201)


def _attached(vendor: Vendor, pending: PendingConsent, kind: str) -> SimAccount:
    identity = pending.identity
    known = _connected_account(vendor, pending.location_id, pending.platform, identity.origin_id)
    if known is not None:
        return vendor.accounts.change(known.id, expire=vendor.now() + LIFETIME, active=True, deleted=False)
    return vendor.accounts.add(
        location_id=pending.location_id,
        platform=pending.platform,
        origin_id=identity.origin_id,
        type=kind,
        name=identity.name,
        username=identity.username,
        avatar=identity.avatar,
        created_at=vendor.now(),
        expire=vendor.now() + LIFETIME,
    )


def _attached_json(account: SimAccount, vendor: Vendor) -> dict[str, Any]:
    return {
        **common_json(account),
        "_id": account.record_id,
        "oAuthId": account.oauth_id,
        "oldId": account.id,
        "locationId": account.location_id,
        "createdAt": account.created_at.isoformat(),
        "updatedAt": vendor.now().isoformat(),
    }

"""The checks of `doctor` for each vendor: the application's credentials, and the vendor's URLs.

Owns these checks; each yields findings. Calls no vendor: what only a vendor could answer is not checked.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.cli.findings import Finding, note, ok, wrong
from gateway.clock import now
from gateway.settings import PREFIX, Settings
from providers import registry
from providers.errors import Misconfigured
from providers.http.urls import check_url, is_loopback

TIKTOK = ("tiktok_client_key", "tiktok_client_secret")
TIKTOK_BUSINESS = ("tiktok_business_app_id", "tiktok_business_secret")
HIGHLEVEL = ("highlevel_client_id", "highlevel_client_secret")


def _missing(settings: Settings, fields: tuple[str, ...]) -> list[str]:
    plain = {field: settings.provider(field.partition("_")[0])[field.partition("_")[2]] for field in fields}
    return [f"{PREFIX}{field.upper()}" for field, value in plain.items() if not value]


def providers(settings: Settings) -> Iterator[Finding]:
    """Build each provider from its settings, as a start does; a setting that it refuses is named."""
    for name in registry.PROVIDERS:
        try:
            registry.build(name, settings.provider(name), clock=now)
        except Misconfigured as error:
            yield wrong(f"{name} settings", error.message)


def tiktok(settings: Settings) -> Iterator[Finding]:
    """Check the TikTok application and its URLs. Without one it may be on purpose: HighLevel, or nobody, connects."""
    missing = _missing(settings, TIKTOK)
    fix = "copy them from your application at developers.tiktok.com, or run `social-gateway simulate tiktok`"
    text = f"{' and '.join(missing)} not set: nobody can connect a TikTok account"
    if len(missing) == len(TIKTOK):
        yield note("TikTok application", text if _missing(settings, HIGHLEVEL) else f"{text} directly", fix)
        return
    yield (
        wrong("TikTok application", text, fix)
        if missing
        else ok("TikTok application", f"client key {settings.tiktok_client_key[:6]}…")
    )
    yield from _tiktok_addresses(settings)
    yield from _upload_hosts(settings)


def tiktok_business(settings: Settings) -> Iterator[Finding]:
    """Check the app in TikTok's API for Business. Without one nobody connects as an account holder, which is usual."""
    missing = _missing(settings, TIKTOK_BUSINESS)
    if len(missing) == len(TIKTOK_BUSINESS):
        return
    if missing:
        fix = "copy them from My Apps at business-api.tiktok.com, or run `social-gateway simulate tiktok-business`"
        yield wrong("TikTok for Business", f"{missing[0]} not set: the app needs both its id and its secret", fix)
        return
    yield ok("TikTok for Business", f"app id {settings.tiktok_business_app_id[:6]}…")
    if urlsplit(settings.tiktok_business_api_url).hostname != "business-api.tiktok.com":
        text = f"{settings.tiktok_business_api_url} is not TikTok; is it a simulator?"
        yield note("TikTok for Business addresses", text)


def _tiktok_addresses(settings: Settings) -> Iterator[Finding]:
    if urlsplit(settings.tiktok_api_url).hostname != "open.tiktokapis.com":
        yield note("TikTok addresses", f"{settings.tiktok_api_url} is not TikTok; is it a simulator?")
    elif settings.allow_loopback_vendors or settings.pull_allow_loopback:
        yield _loopback("TikTok")


def _loopback(vendor: str) -> Finding:
    fix = "unset GATEWAY_ALLOW_LOOPBACK_VENDORS and GATEWAY_PULL_ALLOW_LOOPBACK"
    return note("loopback", f"addresses of this machine are allowed beside the real {vendor}", fix)


def _upload_hosts(settings: Settings) -> Iterator[Finding]:
    """Check that the API's own host may receive uploads: TikTok's upload hosts are in the same domain."""
    if not settings.tiktok_upload_hosts:
        yield wrong("TikTok upload hosts", "none: no video can be sent", "unset GATEWAY_TIKTOK_UPLOAD_HOSTS")
        return
    try:
        check_url(settings.tiktok_api_url, settings.tiktok_upload_hosts, settings.allow_loopback_vendors)
    except Misconfigured:
        host = urlsplit(settings.tiktok_api_url).hostname or ""
        fix = f"GATEWAY_TIKTOK_UPLOAD_HOSTS={host}"
        yield wrong("TikTok upload hosts", f"{','.join(settings.tiktok_upload_hosts)} does not include {host}", fix)


def highlevel(settings: Settings) -> Iterator[Finding]:
    """Check the HighLevel application and its URLs. Without one, locations can still use their own tokens."""
    missing = _missing(settings, HIGHLEVEL)
    fix = "copy them from your application at marketplace.gohighlevel.com, or run `social-gateway simulate highlevel`"
    if len(missing) == len(HIGHLEVEL):
        text = "none: locations can connect with a Private Integration Token, but not by OAuth consent"
        yield note("HighLevel application", text, fix)
        return
    if missing:
        yield wrong("HighLevel application", f"{missing[0]} not set: the application needs both credentials", fix)
    else:
        id = f"client id {settings.highlevel_client_id[:6]}…"
        yield ok("HighLevel application", f"{id}, API version {settings.highlevel_api_version}")
    yield from _highlevel_addresses(settings)


def _highlevel_addresses(settings: Settings) -> Iterator[Finding]:
    """Check the consent page's URL, whose host is different for each white-label agency, and the API's URL."""
    api, page = urlsplit(settings.highlevel_api_url), urlsplit(settings.highlevel_authorize_url)
    if not page.path.endswith("/oauth/chooselocation"):
        fix = "GATEWAY_HIGHLEVEL_AUTHORIZE_URL=https://HOST/v2/oauth/chooselocation"
        yield note("HighLevel consent page", f"{page.path or '/'} is not the path that HighLevel documents", fix)
    if is_loopback(api.hostname or "") != is_loopback(page.hostname or ""):
        text = f"{api.netloc} and {page.netloc} do not belong together: one is a simulator, the other is not"
        fix = "set GATEWAY_HIGHLEVEL_API_URL and GATEWAY_HIGHLEVEL_AUTHORIZE_URL together"
        yield wrong("HighLevel addresses", text, fix)
    elif api.hostname != "services.leadconnectorhq.com":
        yield note("HighLevel addresses", f"{settings.highlevel_api_url} is not HighLevel; is it a simulator?")
    elif settings.allow_loopback_vendors or settings.pull_allow_loopback:
        yield _loopback("HighLevel")

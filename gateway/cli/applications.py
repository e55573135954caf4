"""What `doctor` looks at with the vendors: the applications, and where they point.

Owns these checks; each gives findings. Asks no vendor anything: what only a vendor could say is not looked at.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.cli.findings import Finding, note, ok, wrong
from gateway.settings import PREFIX, Settings
from providers.errors import Misconfigured
from providers.http.urls import check_url, is_loopback

TIKTOK = ("tiktok_client_key", "tiktok_client_secret")
HIGHLEVEL = ("highlevel_client_id", "highlevel_client_secret")


def _missing(settings: Settings, fields: tuple[str, ...]) -> list[str]:
    plain = {field: settings.provider(field.partition("_")[0])[field.partition("_")[2]] for field in fields}
    return [f"{PREFIX}{field.upper()}" for field, value in plain.items() if not value]


def tiktok(settings: Settings) -> Iterator[Finding]:
    """Check the TikTok application and where it points; without any, HighLevel's may be the one that is meant."""
    missing = _missing(settings, TIKTOK)
    fix = "take them from your application at developers.tiktok.com, or run `social-gateway simulate tiktok`"
    text = f"{' and '.join(missing)} not set: nobody can connect an account"
    if len(missing) == len(TIKTOK) and not _missing(settings, HIGHLEVEL):
        yield note("TikTok application", f"{text} of TikTok's own", fix)
        return
    yield (
        wrong("TikTok application", text, fix)
        if missing
        else ok("TikTok application", f"client key {settings.tiktok_client_key[:6]}…")
    )
    yield from _tiktok_addresses(settings)
    yield from _upload_hosts(settings)


def _tiktok_addresses(settings: Settings) -> Iterator[Finding]:
    if urlsplit(settings.tiktok_api_url).hostname != "open.tiktokapis.com":
        yield note("TikTok addresses", f"{settings.tiktok_api_url} is not TikTok: a simulator?")
    elif settings.allow_loopback_vendors or settings.pull_allow_loopback:
        yield _loopback("TikTok")


def _loopback(vendor: str) -> Finding:
    fix = "unset GATEWAY_ALLOW_LOOPBACK_VENDORS and GATEWAY_PULL_ALLOW_LOOPBACK"
    return note("loopback", f"addresses of this machine are allowed, beside the real {vendor}", fix)


def _upload_hosts(settings: Settings) -> Iterator[Finding]:
    """Ask whether bytes could be sent to where the API is: TikTok's upload hosts lie beside it."""
    if not settings.tiktok_upload_hosts:
        yield wrong("TikTok upload hosts", "none: no video could be sent", "unset GATEWAY_TIKTOK_UPLOAD_HOSTS")
        return
    try:
        check_url(settings.tiktok_api_url, settings.tiktok_upload_hosts, settings.allow_loopback_vendors)
    except Misconfigured:
        host = urlsplit(settings.tiktok_api_url).hostname or ""
        fix = f"GATEWAY_TIKTOK_UPLOAD_HOSTS={host}"
        yield wrong("TikTok upload hosts", f"{','.join(settings.tiktok_upload_hosts)} without {host}", fix)


def highlevel(settings: Settings) -> Iterator[Finding]:
    """Check HighLevel's application and where it points. Without any, a location can bring a token of its own."""
    missing = _missing(settings, HIGHLEVEL)
    fix = "take them from your application at marketplace.gohighlevel.com, or run `social-gateway simulate highlevel`"
    if len(missing) == len(HIGHLEVEL):
        text = "none: a location is connected with a Private Integration Token, not by consent"
        yield note("HighLevel application", text, fix)
        return
    if missing:
        yield wrong("HighLevel application", f"{missing[0]} not set: half an application opens nothing", fix)
    else:
        id = f"client id {settings.highlevel_client_id[:6]}…"
        yield ok("HighLevel application", f"{id}, API version {settings.highlevel_api_version}")
    yield from _highlevel_addresses(settings)


def _highlevel_addresses(settings: Settings) -> Iterator[Finding]:
    """Look at the consent page, which each white-label agency has at a host of its own, and at the API."""
    api, page = urlsplit(settings.highlevel_api_url), urlsplit(settings.highlevel_authorize_url)
    if page.query:
        text = f"{page._replace(query='').geturl()} was followed by a query, which the gateway writes itself"
        yield wrong("HighLevel consent page", text, "GATEWAY_HIGHLEVEL_AUTHORIZE_URL ends before the question mark")
    if not page.path.endswith("/oauth/chooselocation"):
        fix = "GATEWAY_HIGHLEVEL_AUTHORIZE_URL=https://HOST/v2/oauth/chooselocation"
        yield note("HighLevel consent page", f"{page.path or '/'} is not where HighLevel documents it", fix)
    if is_loopback(api.hostname or "") != is_loopback(page.hostname or ""):
        text = f"{api.netloc} and {page.netloc}: the codes of one are nothing to the other"
        fix = "set GATEWAY_HIGHLEVEL_API_URL and GATEWAY_HIGHLEVEL_AUTHORIZE_URL together"
        yield wrong("HighLevel addresses", text, fix)
    elif api.hostname != "services.leadconnectorhq.com":
        yield note("HighLevel addresses", f"{settings.highlevel_api_url} is not HighLevel: a simulator?")
    elif settings.allow_loopback_vendors or settings.pull_allow_loopback:
        yield _loopback("HighLevel")

"""Which vendor URLs requests may be sent to: https and known hosts only; and how a query is added to one.

Owns the one check of a vendor's URL. Knows no vendor; the allowed hosts are an argument.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit, urlunsplit

import httpx
from yarl import URL

from providers.errors import Misconfigured

MAX_URL = 4096
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)
"""The syntax of a host name; invalid `xn--` labels match too."""

_VISIBLE = re.compile(r"[\x21-\x7e]+")


def check_url(url: str, suffixes: Iterable[str], allow_loopback: bool = False) -> None:
    """Refuse a URL that is not https on a host equal to, or a subdomain of, one of `suffixes`.

    User info, ports, fragments, backslashes and invisible characters are refused too. `allow_loopback` also allows
    http, ports and the hosts `localhost`, 127.0.0.0/8 and ::1, for simulators. The URL is parsed by the library that
    will connect to it, so that both interpret it alike.

    Raises Misconfigured; its text contains the host at most, because the rest may contain a token.
    """
    parsed = _parse(url)
    host = parsed.raw_host.decode("ascii").lower()
    if parsed.userinfo or parsed.fragment or not host:
        raise Misconfigured("An address carries user info, a fragment, or no host.", code="url_refused")
    if allow_loopback and parsed.scheme in ("http", "https") and is_loopback(host):
        return
    if parsed.scheme != "https" or parsed.port is not None:
        raise Misconfigured(f"The address on {host} is not plain https without a port.", code="url_refused")
    if not any(_below(host, suffix.lower().strip(".")) for suffix in suffixes):
        raise Misconfigured(f"The host {host} is not on the allow-list.", code="url_refused")
    if not NAME.fullmatch(host) or not _is_decodable(url):
        raise Misconfigured("An address names a host that no name server knows.", code="url_refused")


def check_setting(provider: str, name: str, url: str, allow_loopback: bool) -> None:
    """Refuse a URL setting that would send secrets in the clear; the host is the operator's choice. Only the address of
    a page, `…authorize_url`, may have a query: paths are appended to the others.

    Raises Misconfigured, which names the setting.
    """
    try:
        check_url(url, (urlsplit(url).hostname or "",), allow_loopback)
        if "?" in url and not name.endswith("authorize_url"):
            raise Misconfigured("It has a query, after which no path can follow.", code="url_refused")
    except (Misconfigured, ValueError) as refusal:
        reason = refusal.message if isinstance(refusal, Misconfigured) else "It cannot be parsed."
        raise Misconfigured(
            f"GATEWAY_{provider.upper()}_{name.upper()}: {reason}",
            provider=provider,
            code="url_refused",
            metadata={"setting": name},
        ) from None


def with_query(
    url: str, values: Mapping[str, str], *, safe: str = "", quote_via: Callable[..., str] = quote_plus
) -> str:
    """Return a configured URL with `values` merged into its query; they replace parameters of the same name."""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in values]
    query = urlencode([*kept, *values.items()], safe=safe, quote_via=quote_via, errors="replace")
    return urlunsplit(parts._replace(query=query))


def may_open(url: str, allow_loopback: bool) -> bool:
    """Return whether a URL from a vendor may be opened or passed on: https, on any host."""
    try:
        check_url(url, (urlsplit(url).hostname or "",), allow_loopback)
    except (Misconfigured, ValueError):
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether a host (a name or an IP address) is this machine, by its literal spelling."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _parse(url: str) -> httpx.URL:
    """Parse a URL of visible ASCII characters; raises Misconfigured."""
    if not _VISIBLE.fullmatch(url) or len(url) > MAX_URL or "\\" in url:
        raise Misconfigured(
            "An address is empty, too long, or holds characters that no address has.", code="url_refused"
        )
    try:
        return httpx.URL(url)
    except httpx.InvalidURL:
        raise Misconfigured("An address cannot be parsed.", code="url_refused") from None


def _is_decodable(url: str) -> bool:
    """Return whether the libraries that will connect can decode the host name (IDNA)."""
    try:
        return bool(httpx.URL(url).host and URL(url, encoded=True).host)
    except ValueError:
        return False


def _below(host: str, suffix: str) -> bool:
    """Return whether `host` is `suffix` or a subdomain of it."""
    return bool(suffix) and (host == suffix or host.endswith("." + suffix))

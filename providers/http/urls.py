"""Where we are willing to send anything: https, known hosts, nothing else in the address.

Owns the one check of a vendor's address. Knows no vendor; the allowed hosts are an argument.
"""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx
from yarl import URL

from providers.errors import Misconfigured

MAX_URL = 4096
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)
"""What a host's name looks like; `xn--` labels that mean nothing look so too."""

_VISIBLE = re.compile(r"[\x21-\x7e]+")


def check_url(url: str, suffixes: Iterable[str], allow_loopback: bool = False) -> None:
    """Refuse an address that is not https on a host equal to, or below, one of `suffixes`.

    User info, ports, fragments, backslashes and invisible characters are refused too. With `allow_loopback` also http,
    ports and the hosts `localhost`, 127.0.0.0/8 and ::1 pass, for simulators. The address is parsed by the library that
    will connect to it, so that the two cannot read it differently.

    Raises Misconfigured; its text names the host at most, because the rest may hold a token.
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
    if not NAME.fullmatch(host) or not _means_something(url):
        raise Misconfigured("An address names a host that no name server knows.", code="url_refused")


def check_setting(provider: str, name: str, url: str, allow_loopback: bool) -> None:
    """Refuse an address of the operator's that would send secrets in clear; its host is the operator's choice.

    Raises Misconfigured, which names the setting.
    """
    try:
        check_url(url, (urlsplit(url).hostname or "",), allow_loopback)
    except (Misconfigured, ValueError) as refusal:
        reason = refusal.message if isinstance(refusal, Misconfigured) else "It cannot be parsed."
        raise Misconfigured(
            f"GATEWAY_{provider.upper()}_{name.upper()}: {reason}",
            provider=provider,
            code="url_refused",
            metadata={"setting": name},
        ) from None


def may_open(url: str, allow_loopback: bool) -> bool:
    """Return whether an address that a vendor gave may be opened or passed on: https, on whatever host."""
    try:
        check_url(url, (urlsplit(url).hostname or "",), allow_loopback)
    except (Misconfigured, ValueError):
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether a host (a name or an address, without brackets) is this machine, by its literal spelling."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _parse(url: str) -> httpx.URL:
    """Parse an address of visible ASCII characters, or refuse it."""
    if not _VISIBLE.fullmatch(url) or len(url) > MAX_URL or "\\" in url:
        raise Misconfigured(
            "An address is empty, too long, or holds characters that no address has.", code="url_refused"
        )
    try:
        return httpx.URL(url)
    except httpx.InvalidURL:
        raise Misconfigured("An address cannot be parsed.", code="url_refused") from None


def _means_something(url: str) -> bool:
    """Return whether the libraries that will connect can read the host's name, which they decode on the way."""
    try:
        return bool(httpx.URL(url).host and URL(url, encoded=True).host)
    except ValueError:
        return False


def _below(host: str, suffix: str) -> bool:
    """Return whether `host` is `suffix` or a name below it, on the boundary of a label."""
    return bool(suffix) and (host == suffix or host.endswith("." + suffix))

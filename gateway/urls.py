"""Which URLs and addresses in the settings are safe: they carry tokens and client secrets.

Owns the check of one URL, and whether only this machine reaches an address. Does not know which settings are URLs
(`gateway/settings.py`), nor which hosts a provider allows (`providers/http/urls.py`).
"""

from ipaddress import ip_address
from urllib.parse import urlsplit


def url_problem(url: str, *, allow_loopback: bool, allow_port: bool = False, allow_query: bool = False) -> str:
    """Return what is wrong with a URL that will carry secrets, as the end of a sentence; "" if it is safe.

    It must be https without user info or fragment, and without a port unless `allow_port`, or a query unless
    `allow_query`: a path is appended to most of them. With `allow_loopback`, ports are allowed, and http to this
    machine.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in ("http", "https") or not host or parts.username is not None or parts.fragment:
        return "must be https://host/…"
    if "?" in url and not allow_query:
        return "must have no query: a path is appended to it"
    if parts.scheme == "http" and not (allow_loopback and _is_loopback(host)):
        return "must be https; http is for this machine alone, with GATEWAY_ALLOW_LOOPBACK_VENDORS=true"
    if port is not None and not (allow_port or allow_loopback):
        return "must have no port, unless GATEWAY_ALLOW_LOOPBACK_VENDORS=true"
    return ""


def is_local(address: str) -> bool:
    """Return whether only this machine reaches an address to listen on: a loopback host, or a Unix socket."""
    scheme = address.partition(":")[0]
    return scheme in ("unix", "unix-abstract") or _is_loopback(address.rpartition(":")[0].strip("[]").lower())


def _is_loopback(host: str) -> bool:
    """Return whether a host is this machine, without resolving it."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False

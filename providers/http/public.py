"""Which callers' URLs we connect to: https on the public internet, nothing else.

Owns both checks: of the text of a URL, before any network access, and of each IP address that a name resolves to.
Connects to nothing and resolves nothing; knows no vendor.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from yarl import URL

from providers.http.urls import MAX_URL, NAME

IpAddress = IPv4Address | IPv6Address
HTTPS_PORT = 443

_VISIBLE = re.compile(r"[\x21-\x7e]+")
# Alternative spellings of IPv4 addresses that resolvers accept: 2130706433, 0x7f.1, 127.1.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
# Names of this machine or of the local network (RFC 6761, RFC 6762, RFC 8375).
_LOCAL_NAMES = ("localhost", "localdomain", "local", "internal", "home.arpa", "lan", "intranet", "corp", "onion")

# `is_global` of the standard library changed between patch versions and calls some of these public.
_REFUSED_V4 = (
    ip_network("192.0.0.0/24"),
    ip_network("192.88.99.0/24"),
    # Azure's metadata and DNS server: a public address that is only reachable from inside.
    ip_network("168.63.129.16/32"),
)
_UNICAST_V6 = ip_network("2000::/3")
_REFUSED_V6 = (
    ip_network("2001::/23"),
    ip_network("2001:db8::/32"),
    # 6to4 embeds an IPv4 address and is deprecated (RFC 7526).
    ip_network("2002::/16"),
    ip_network("3fff::/20"),
)
# NAT64, by which a network without IPv4 reaches the IPv4 internet (RFC 6052): the embedded address is checked.
_NAT64 = ip_network("64:ff9b::/96")


def is_public(address: IpAddress) -> bool:
    """Return whether an address belongs to the public internet; an embedded IPv4 address is checked."""
    if isinstance(address, IPv4Address):
        plain = address.is_global and not (address.is_multicast or address.is_reserved)
        return plain and not any(address in network for network in _REFUSED_V4)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and address in _UNICAST_V6 and not any(address in network for network in _REFUSED_V6)


def may_connect(address: str, *, plain: bool, allow_loopback: bool) -> bool:
    """Return whether connecting to an IP address is allowed; `plain` means anything but https on port 443.

    With `allow_loopback` this machine is allowed too, and only there anything plain.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if allow_loopback and ip.is_loopback:
        return True
    return is_public(ip) and not plain


def is_plain(url: URL) -> bool:
    """Return whether a URL is anything but https on port 443."""
    return url.scheme != "https" or url.port != HTTPS_PORT


def trouble(uri: str, *, allow_loopback: bool = False) -> str:
    """Return what is wrong with the URL of a medium, empty if nothing is; no name is resolved.

    Valid is https on port 443 without user info, with a host name that has a dot or a public IP address in its usual
    spelling; with `allow_loopback` also this machine, with http and any port. The text never quotes the URL.
    """
    if not _VISIBLE.fullmatch(uri) or len(uri) > MAX_URL or "\\" in uri:
        return f"must be an https URL of at most {MAX_URL} characters, percent-encoded"
    try:
        url = URL(uri, encoded=True)
        host, plain, authority = url.raw_host or "", is_plain(url), url.raw_authority
    except ValueError:
        return "is not a URL"
    if url.scheme not in ("http", "https") or not host:
        return "must be https://host/…"
    if "@" in authority:
        return "must carry no user name or password"
    if plain and not allow_loopback:
        return "must be https, without a port"
    return _host_trouble(host.lower(), plain, allow_loopback, bracketed=authority.startswith("["))


def _host_trouble(host: str, plain: bool, allow_loopback: bool, *, bracketed: bool) -> str:
    try:
        ip_address(host)
    except ValueError:
        return "names no host" if bracketed else _name_trouble(host.removesuffix("."), allow_loopback)
    if "%" in host or not may_connect(host, plain=plain, allow_loopback=allow_loopback):
        return "must lead to the public internet"
    return ""


def _name_trouble(name: str, allow_loopback: bool) -> str:
    last = name.rpartition(".")[2]
    if not NAME.fullmatch(name) or _NUMBER.fullmatch(last):
        return "names no host"
    if allow_loopback and name == "localhost":
        return ""
    if "." not in name or any(name == local or name.endswith(f".{local}") for local in _LOCAL_NAMES):
        return "must lead to the public internet"
    return ""

"""Which callers' URLs are refused: by their text, and by the IP addresses that names resolve to.

Owns the two tables. Nothing here touches a network.
"""

import pytest

from providers.http.public import may_connect, trouble

HOSTILE = [
    "",
    "video.mp4",
    "//media.example/v.mp4",
    "ftp://media.example/v.mp4",
    "file:///etc/passwd",
    "gopher://media.example/",
    "data:video/mp4;base64,AAAA",
    "http://media.example/v.mp4",
    "https:media.example/v.mp4",
    "https:///v.mp4",
    "https://media.example:8443/v.mp4",
    "https://media.example:0/v.mp4",
    "https://media.example:99999/v.mp4",
    "https://user@media.example/v.mp4",
    "https://user:hunter2@media.example/v.mp4",
    "https://@media.example/v.mp4",
    "https://media.example\\@127.0.0.1/v.mp4",
    "https://media.example/v 1.mp4",
    "https://media.example/\nHost: other",
    "https://media.example/ü.mp4",
    "https://med\u0131a.example/v.mp4",
    "https://1\u30021.1.1/v.mp4",
    "https://media.example/" + "a" * 4096,
    "https://localhost/v.mp4",
    "https://LOCALHOST./v.mp4",
    "https://sub.localhost/v.mp4",
    "https://database/v.mp4",
    "https://metadata.google.internal/v.mp4",
    "https://printer.local/v.mp4",
    "https://-media.example/v.mp4",
    "https://media..example/v.mp4",
    "https://medi%61.example/v.mp4",
    "https://127.0.0.1%00.media.example/v.mp4",
    "https://127.0.0.1/v.mp4",
    "https://127.1/v.mp4",
    "https://127.0.0.1./v.mp4",
    "https://2130706433/v.mp4",
    "https://0x7f000001/v.mp4",
    "https://0x7f.0.0.1/v.mp4",
    "https://0177.0.0.1/v.mp4",
    "https://media.example.0x7f/v.mp4",
    "https://10.0.0.1/v.mp4",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/v.mp4",
    "https://[::]/v.mp4",
    "https://[::ffff:127.0.0.1]/v.mp4",
    "https://[::ffff:7f00:1]/v.mp4",
    "https://[fe80::1%25eth0]/v.mp4",
    "https://[2606:4700::1111%25eth0]/v.mp4",
    "https://[fd00:ec2::254]/v.mp4",
    "https://[v1.media]/v.mp4",
    "https://[::1/v.mp4",
]
FRIENDLY = [
    "https://media.example/v.mp4",
    "https://media.example./v.mp4",
    "HTTPS://MEDIA.EXAMPLE:443/v.mp4?X-Signature=%2Fa%3D#part",
    "https://my_bucket.s3.example/v",
    "https://xn--bcher-kva.example/",
    "https://8.8.8.8/v.mp4",
    "https://[2606:4700:4700::1111]/v.mp4",
]
PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.9",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%2",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "not an address",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::8.8.8.8"]


@pytest.mark.parametrize("uri", HOSTILE)
def test_an_address_that_leads_inside_or_nowhere_is_refused_unasked(uri: str) -> None:
    """A URL that cannot be https on the public internet is refused by its text, and not quoted."""
    problem = trouble(uri)
    assert problem
    assert "hunter2" not in problem
    assert "v.mp4" not in problem


@pytest.mark.parametrize("uri", FRIENDLY)
def test_an_ordinary_address_is_taken(uri: str) -> None:
    """https with a name or a public address passes, also with port 443, a signature, and a trailing dot."""
    assert "" == trouble(uri)


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_never_connected_to(address: str) -> None:
    """Private, loopback, link-local, reserved, documentation and multicast addresses are refused, in IPv6 too."""
    assert not may_connect(address, plain=False, allow_loopback=False)
    assert not may_connect(address, plain=True, allow_loopback=False)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_connected_to_by_https_only(address: str) -> None:
    """Allowing loopback does not allow plain http to other hosts."""
    assert may_connect(address, plain=False, allow_loopback=False)
    assert not may_connect(address, plain=True, allow_loopback=True)


def test_loopback_for_tests_is_loopback_alone() -> None:
    """Allowing loopback allows http and ports on this machine; private networks stay forbidden."""
    assert "" == trouble("http://127.0.0.1:8080/v.mp4", allow_loopback=True)
    assert "" == trouble("http://localhost:8080/v.mp4", allow_loopback=True)
    assert "" == trouble("http://[::1]:8080/v.mp4", allow_loopback=True)
    for uri in ("http://10.0.0.1/", "http://8.8.8.8/", "https://[::ffff:127.0.0.1]/", "https://169.254.169.254/"):
        assert trouble(uri, allow_loopback=True), uri
    assert not may_connect("10.0.0.1", plain=False, allow_loopback=True)

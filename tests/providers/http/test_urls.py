"""Which URLs requests may be sent to.

Owns the table of `check_url`. Knows nothing of who calls it.
"""

import pytest

from providers.errors import Misconfigured
from providers.http.urls import check_url

SUFFIXES = ("tiktokapis.com",)


@pytest.mark.parametrize(
    "url",
    [
        "https://open-upload.tiktokapis.com/video/?upload_id=67890&upload_token=Xza123",
        "https://upload.us.tiktokapis.com/upload/?x=1",
        "https://tiktokapis.com/",
        "https://OPEN-UPLOAD.TIKTOKAPIS.COM/video/",
        "https://xn--mnchen-3ya.tiktokapis.com/",
    ],
)
def test_hosts_below_an_allowed_suffix_pass(url: str) -> None:
    """An https URL on an allowed host, or a subdomain of it, is accepted."""
    check_url(url, SUFFIXES)


@pytest.mark.parametrize(
    "url",
    [
        "http://open-upload.tiktokapis.com/video/",
        "https://open-upload.tiktokapis.com:8443/video/",
        "https://user@open-upload.tiktokapis.com/video/",
        "https://user:pw@open-upload.tiktokapis.com/video/",
        "https://eviltiktokapis.com/",
        "https://tiktokapis.com.evil.example/",
        "https://tiktokapis.com./",
        "https://evil.example/?tiktokapis.com",
        "https://evil.example#.tiktokapis.com",
        "https://evil.example\\@open.tiktokapis.com/",
        "https://open.tiktokapis.com/\r\nHost: evil.example",
        "https://open.tiktokapis.com/a b",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://127.0.0.1/",
        "https://localhost/",
        "ftp://open.tiktokapis.com/",
        "file:///etc/passwd",
        "//open.tiktokapis.com/",
        "open.tiktokapis.com",
        "https://",
        "https://[",
        "https://tіktokapis.com/",
        "https://x.tiktokapis.com/" + "a" * 5000,
        "https://a..tiktokapis.com/",
        "https://.tiktokapis.com/",
        "https://-a.tiktokapis.com/",
        "https://" + "a" * 64 + ".tiktokapis.com/",
        "https://" + "a." * 125 + "tiktokapis.com/",
        "https://xn--a.tiktokapis.com/",
        "https://a.xn--a.tiktokapis.com/",
        "",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    """Other schemes, hosts, ports, user info and spellings are refused as a configuration error."""
    with pytest.raises(Misconfigured) as refused:
        check_url(url, SUFFIXES)

    assert "url_refused" == refused.value.code


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8099/x", "http://localhost:1/", "https://[::1]:5/", "http://127.9.9.9/"]
)
def test_loopback_passes_only_when_allowed(url: str) -> None:
    """A simulator on this machine may use http and a port only if the operator allows it."""
    check_url(url, SUFFIXES, allow_loopback=True)

    with pytest.raises(Misconfigured):
        check_url(url, SUFFIXES)


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://open.tiktokapis.com/", "https://127.0.0.1.evil.example/"])
def test_allowing_loopback_allows_nothing_else(url: str) -> None:
    """Allowing loopback allows neither http elsewhere nor hosts that merely look local."""
    with pytest.raises(Misconfigured):
        check_url(url, SUFFIXES, allow_loopback=True)


def test_the_refusal_does_not_repeat_the_address() -> None:
    """The error contains the host at most: the rest of an upload URL is a secret."""
    with pytest.raises(Misconfigured) as refused:
        check_url("https://evil.example/video/?upload_token=canary-token", SUFFIXES)

    assert "canary" not in str(refused.value)
    assert "evil.example" in str(refused.value)

"""The callers file: what it may say, and how it says what is wrong.

Owns the proofs of `gateway/callers/configuration.py`; that it is followed while the gateway runs is
`tests/rpc/test_callers_tokens.py`.
"""

from pathlib import Path
from typing import Any

import pytest

from gateway.callers.configuration import load
from gateway.callers.directory import read_file
from gateway.domain.api_keys import SCOPES
from gateway.settings import SettingsError
from tests.fixtures.issuer import AUDIENCE, ISSUER, NAME, toml
from tests.fixtures.settings import make_settings

CERTIFICATE: dict[str, Any] = {
    "name": "app",
    "dns": "app.acme.example",
    "agency": "acme",
    "locations": ["l1"],
    "scopes": ["posts.read"],
}
TOKENS: dict[str, Any] = {
    "name": NAME,
    "issuer": ISSUER,
    "audience": AUDIENCE,
    "keys_url": "https://login.acme.example/keys?version=2",
    "algorithms": ["ES256", "RS256"],
    "agency": "acme",
    "locations_claim": "locations",
    "scopes_claim": "scope",
    "scopes": ["*"],
}


def written(folder: Path, *entries: str) -> Path:
    """Write a callers file."""
    file = folder / "callers.toml"
    file.write_text("\n".join(entries))
    return file


def test_a_sound_file(tmp_path: Path) -> None:
    """One issuer and one certificate; `*` stands for all scopes but the administrators', which must be named."""
    found = load(written(tmp_path, toml("issuers", TOKENS), toml("certificates", CERTIFICATE)), allow_loopback=False)
    usual = {scope for scope in SCOPES if not scope.startswith("admin.")}
    assert (usual, ("posts.read",)) == (set(found.issuers[0].scopes), found.certificates[0].scopes)


BAD_ISSUERS: dict[str, tuple[dict[str, Any], str]] = {
    "HMAC": ({"algorithms": ["HS256"]}, "issuers.0.algorithms.0"),
    "no signature": ({"algorithms": ["none"]}, "issuers.0.algorithms.0"),
    "no algorithm": ({"algorithms": []}, "issuers.0.algorithms"),
    "algorithms left out": ({"algorithms": None}, "issuers.0.algorithms: Field required"),
    "no audience": ({"audience": ""}, "issuers.0.audience"),
    "audience left out": ({"audience": None}, "issuers.0.audience"),
    "no agency": ({"agency": None}, "set one of agency and agency_claim"),
    "two agencies": ({"agency_claim": "org", "agencies": ["a"]}, "set one of agency and agency_claim"),
    "any agency by omission": ({"agency": None, "agency_claim": "org"}, "agency_claim needs agencies"),
    "agencies without a claim": ({"agencies": ["a"]}, "agency_claim needs agencies"),
    "an agency that is no id": ({"agency": "a/b"}, "ids of agencies"),
    "scopes left out": ({"scopes": None}, "issuers.0.scopes"),
    "a scope that does not exist": ({"scopes": ["posts.reed"]}, "there is no scope 'posts.reed'"),
    "a claim left out": ({"locations_claim": None}, "issuers.0.locations_claim"),
    "keys in clear": ({"keys_url": "http://login.acme.example/keys"}, "keys_url must be https"),
    "a misspelt name": ({"locations_clam": "x"}, "locations_clam"),
    "a name that is taken": ({"name": "certificate"}, "no issuer may be called certificate"),
    "a name that is none": ({"name": "A b"}, "issuers.0.name"),
}


@pytest.mark.parametrize("case", BAD_ISSUERS)
def test_a_bad_issuer_is_named(tmp_path: Path, case: str) -> None:
    """What is missing or wrong is said with its place; nothing that is left out has the widest effect."""
    changes, expected = BAD_ISSUERS[case]
    with pytest.raises(SettingsError) as caught:
        load(written(tmp_path, toml("issuers", {**TOKENS, **changes})), allow_loopback=False)
    assert expected in str(caught.value)
    assert str(caught.value).startswith("GATEWAY_CALLERS_FILE: ")


BAD_CERTIFICATES: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"dns": None}, "set one of uri, dns and subject"),
    "two names": ({"uri": "spiffe://x/y"}, "set one of uri, dns and subject"),
    "a mail name": ({"dns": None, "email": "a@b"}, "certificates.0.email"),
    "locations left out": ({"locations": None}, "set locations, or all_locations = true"),
    "locations and all": ({"all_locations": True}, "set locations, or all_locations = true"),
    "a location that is no id": ({"locations": ["*"]}, "ids of agencies and locations"),
    "agency left out": ({"agency": None}, "certificates.0.agency"),
    "no scope": ({"scopes": []}, "certificates.0.scopes"),
}


@pytest.mark.parametrize("case", BAD_CERTIFICATES)
def test_a_bad_certificate_is_named(tmp_path: Path, case: str) -> None:
    """A caller with a certificate has one name of one kind, and an explicit word about locations."""
    changes, expected = BAD_CERTIFICATES[case]
    with pytest.raises(SettingsError) as caught:
        load(written(tmp_path, toml("certificates", {**CERTIFICATE, **changes})), allow_loopback=False)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ((toml("issuers", TOKENS), toml("issuers", {**TOKENS, "name": "b"})), "each issuer may be there once"),
        ((toml("issuers", TOKENS), toml("certificates", {**CERTIFICATE, "name": NAME})), "each name"),
        (
            (
                toml("certificates", CERTIFICATE),
                toml("certificates", {**CERTIFICATE, "name": "b", "dns": "APP.acme.example"}),
            ),
            "each certificate",
        ),
        (("[[issuer]]",), "issuer"),
        (("[[issuers",), "TOMLDecodeError"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, entries: tuple[str, ...], expected: str) -> None:
    """Two entries that mean the same, and what is no such file, are refused."""
    with pytest.raises(SettingsError, match=expected):
        load(written(tmp_path, *entries), allow_loopback=False)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is named."""
    with pytest.raises(SettingsError, match="FileNotFoundError"):
        load(tmp_path / "nowhere.toml", allow_loopback=False)


def test_certificates_need_an_authority(tmp_path: Path) -> None:
    """Certificates in the file are worth nothing without a check of them, so the start is refused."""
    file = written(tmp_path, toml("certificates", CERTIFICATE))
    with pytest.raises(SettingsError, match="GATEWAY_TLS_CLIENT_CA"):
        read_file(make_settings(None, tmp_path), file)

"""HighLevel's webhooks: both signatures, the keys, the time window, and how each event is parsed.

Owns the examples. The conformance suite covers the refusal of unverified deliveries; the gateway's reaction to an
event is covered by tests/flows/test_webhooks_grant_events.py.
"""

import json
from base64 import b64decode, b64encode
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from providers.errors import Misconfigured, WebhookRefused
from providers.highlevel import keys
from providers.highlevel.config import read
from providers.highlevel.webhooks import HighLevelWebhooks
from providers.models.webhooks import UNREADABLE, Webhook, WebhookKind
from tests.fixtures import reference
from tests.providers.highlevel.support import COMPANY, LOCATION, NOW, SETTINGS

APP = "65f0c0de0000000000000a99"
KEY = Ed25519PrivateKey.from_private_bytes(b"1" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"2" * 32)
RSA = rsa.generate_private_key(65537, 2048)
INSTALL = {"type": "INSTALL", "appId": APP, "installType": "Location", "locationId": LOCATION, "companyId": COMPANY}
MINUTE = timedelta(minutes=1)


def raw(key: Ed25519PrivateKey) -> str:
    """Return the base64 of the 32 bytes of a public key."""
    return b64encode(key.public_key().public_bytes_raw()).decode()


def spki(key: Ed25519PrivateKey) -> str:
    """Return the base64 of its SPKI, the format in which HighLevel publishes its key."""
    return b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def pem(key: Any) -> str:
    """Return the PEM of a public key."""
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def hexadecimal(key: Ed25519PrivateKey) -> str:
    """Return the 32 bytes of a public key as hexadecimal digits."""
    return key.public_key().public_bytes_raw().hex()


def webhooks(*values: str, **settings: Any) -> HighLevelWebhooks:
    """Return the facet with these keys."""
    return HighLevelWebhooks(read({**SETTINGS, "webhook_keys": values or (raw(KEY),), **settings}))


def body(**changes: Any) -> bytes:
    """Return the body of a delivery with the current time; a field that is None is left out."""
    fields = {**INSTALL, "timestamp": NOW.isoformat(), "webhookId": "w-1", **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def signed(sent: bytes, by: Ed25519PrivateKey = KEY) -> dict[str, str]:
    """Return the header with a signature."""
    return {"x-ghl-signature": b64encode(by.sign(sent)).decode()}


def delivered(sent: bytes, facet: HighLevelWebhooks | None = None, headers: dict[str, str] | None = None) -> Webhook:
    """Read a delivery, which is signed unless headers are passed."""
    return (facet or webhooks()).read(signed(sent) if headers is None else headers, sent, now=NOW)


def code(sent: bytes, facet: HighLevelWebhooks | None = None, headers: dict[str, str] | None = None) -> str:
    """Return the code with which a delivery is refused."""
    with pytest.raises(WebhookRefused) as caught:
        delivered(sent, facet, headers)
    return caught.value.code


EVENTS: dict[str, tuple[dict[str, Any], WebhookKind, str, str]] = {
    "a location of an agency": ({}, WebhookKind.INSTALLED, COMPANY, LOCATION),
    "a location alone": ({"companyId": None}, WebhookKind.INSTALLED, LOCATION, ""),
    "an agency": ({"locationId": None, "installType": "Company"}, WebhookKind.INSTALLED, COMPANY, ""),
    "uninstalled location": ({"type": "UNINSTALL"}, WebhookKind.GRANT_REMOVED, LOCATION, ""),
    "uninstalled agency": ({"type": "UNINSTALL", "locationId": None}, WebhookKind.GRANT_REMOVED, COMPANY, ""),
    "a change of plan": ({"type": "PLAN_CHANGE"}, WebhookKind.UNKNOWN, LOCATION, ""),
    "a contact": ({"type": "ContactCreate", "appId": None, "companyId": None}, WebhookKind.UNKNOWN, LOCATION, ""),
    "no subject": (
        {"type": "New", "appId": None, "companyId": None, "locationId": None},
        WebhookKind.UNKNOWN,
        "",
        "",
    ),
}


@pytest.mark.parametrize("case", EVENTS)
def test_events_are_parsed(case: str) -> None:
    """Kind, subject, place and time are read, and the body is kept."""
    changes, kind, subject, place = EVENTS[case]

    read_ = delivered(body(**changes))

    assert (kind, subject, place, NOW) == (read_.kind, read_.subject, read_.place, read_.occur_time)
    assert read_.raw["type"] == read_.event
    assert bool(read_.reason) == (kind is WebhookKind.GRANT_REMOVED)


@pytest.mark.parametrize("write", [raw, spki])
def test_several_keys_are_accepted_during_a_rotation(write: Any) -> None:
    """Keys are accepted in both formats; a signature by any other key is refused."""
    facet = webhooks(write(KEY), write(OTHER))

    assert delivered(body(), facet, signed(body(), OTHER)).kind is WebhookKind.INSTALLED
    assert delivered(body(), facet, signed(body(), KEY)).kind is WebhookKind.INSTALLED
    assert "signature_wrong" == code(body(), webhooks(write(OTHER)), signed(body(), KEY))


UNPROVED: dict[str, tuple[dict[str, str], str]] = {
    "none": ({}, "signature_missing"),
    "empty": ({"x-ghl-signature": ""}, "signature_missing"),
    "N/A": ({"x-ghl-signature": "N/A"}, "signature_missing"),
    "not base64": ({"x-ghl-signature": "not base64!"}, "signature_malformed"),
    "too short": ({"x-ghl-signature": b64encode(b"x" * 63).decode()}, "signature_wrong"),
    "another's": (signed(body(), OTHER), "signature_wrong"),
    "of another body": (signed(body() + b" "), "signature_wrong"),
    "sent twice": ({"x-ghl-signature": ", ".join([signed(body())["x-ghl-signature"]] * 2)}, "signature_malformed"),
    "the old one alone": ({"x-wh-signature": "eA=="}, "signature_missing"),
}


@pytest.mark.parametrize("case", UNPROVED)
def test_an_unverified_delivery_is_refused(case: str) -> None:
    """Each reason has a code for the log: missing, malformed or wrong."""
    headers, expected = UNPROVED[case]

    assert expected == code(body(), headers=headers)


def old(sent: bytes) -> dict[str, str]:
    """Return the header with a legacy signature."""
    return {"x-wh-signature": b64encode(RSA.sign(sent, padding.PKCS1v15(), SHA256())).decode()}


def test_the_legacy_signature_is_accepted_only_if_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never replaces a current signature that is wrong."""
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    monkeypatch.setattr(keys.verify_legacy, "__defaults__", (pem,))
    facet = webhooks(legacy_webhook_signature=True)

    assert delivered(body(), facet, old(body())).kind is WebhookKind.INSTALLED
    assert delivered(body(), facet, {**old(body()), "x-ghl-signature": "N/A"}).kind is WebhookKind.INSTALLED
    assert "signature_missing" == code(body(), webhooks(), old(body()))
    assert "signature_wrong" == code(body(), facet, old(body() + b" "))
    assert "signature_wrong" == code(body(), facet, {**old(body()), **signed(body(), OTHER)})


@pytest.mark.parametrize(
    ("age", "good"), [(-4 * MINUTE, True), (71 * MINUTE, True), (-6 * MINUTE, False), (91 * MINUTE, False)]
)
def test_a_retry_is_within_the_window(age: timedelta, good: bool) -> None:
    """The seventh attempt comes about 70 minutes after the first with its time; older or future ones are refused."""
    sent = body(timestamp=(NOW - age).isoformat())

    assert good == (delivered(sent).occur_time is not None) if good else "signature_stale" == code(sent)


@pytest.mark.parametrize("app", ["another", "", None])
def test_a_delivery_for_another_application_is_refused(app: str | None) -> None:
    """HighLevel signs for all applications with one key, so another application's owner could replay a delivery."""
    assert "application_wrong" == code(body(appId=app))
    assert "application_wrong" == code(body(type="New", appId="another"))


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b"\xff", body(type=None), body(type=7), body(type="x" * 300)])
def test_an_unreadable_delivery_is_refused(sent: bytes) -> None:
    """A valid signature does not help."""
    assert UNREADABLE == code(sent)


def test_an_installation_event_must_name_a_subject() -> None:
    """Without location and company it is unknown whose installation ended."""
    assert UNREADABLE == code(body(type="UNINSTALL", locationId=None, companyId=None))


def test_deliveries_are_deduplicated_by_id() -> None:
    """The key is the same with another timestamp; without an id it depends on the whole body."""
    again = delivered(body(timestamp=(NOW - MINUTE).isoformat()))
    without = [delivered(body(webhookId=None, userId=user)).dedupe_key for user in ("a", "a", "b")]

    assert delivered(body()).dedupe_key == again.dedupe_key
    assert delivered(body(webhookId="w-2")).dedupe_key != again.dedupe_key
    assert without[0] == without[1] != without[2]


def test_without_a_client_id_deliveries_cannot_be_verified() -> None:
    """The error names the setting."""
    with pytest.raises(Misconfigured, match="GATEWAY_HIGHLEVEL_CLIENT_ID"):
        webhooks(client_id="").read(signed(body()), body(), now=NOW)


@pytest.mark.parametrize(
    "value",
    [
        raw(KEY),
        spki(KEY),
        hexadecimal(KEY),
        hexadecimal(KEY).upper(),
        pem(KEY),
        pem(KEY).replace("\n", "\r\n"),
        pem(KEY).strip().replace("\n", "\\n"),
        f"HighLevel's new key\n{pem(OTHER)}{pem(KEY)}",
        f"  {hexadecimal(KEY)}\n",
    ],
    ids=["base64", "spki", "hex", "HEX", "pem", "pem-crlf", "pem-one-line", "two-pems", "spaces"],
)
def test_a_key_is_read_as_highlevels_sdks_read_it(value: str) -> None:
    """PEM, the base64 of 32 bytes or of SPKI, and hexadecimal digits are accepted, and verify that key's signatures."""
    assert WebhookKind.INSTALLED is delivered(body(), webhooks(value)).kind
    assert "signature_wrong" == code(body(), webhooks(value), signed(body(), Ed25519PrivateKey.generate()))


def test_every_block_of_a_pem_counts() -> None:
    """Keys that follow each other in one value are all used."""
    facet = webhooks(pem(OTHER) + pem(KEY))

    assert WebhookKind.INSTALLED is delivered(body(), facet, signed(body(), OTHER)).kind
    assert WebhookKind.INSTALLED is delivered(body(), facet, signed(body(), KEY)).kind


PRIVATE = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "neither PEM"),
        ("x", "neither PEM"),
        ("AAAA", "neither PEM"),
        ("canary-no-key", "neither PEM"),
        (spki(KEY)[:-4], "neither PEM"),
        (b64encode(b"x" * 33).decode(), "neither PEM"),
        (hexadecimal(KEY)[:-2], "neither PEM"),
        (pem(RSA), "no Ed25519 key"),
        (pem(KEY)[:-20], "incomplete"),
        (pem(KEY) + pem(OTHER)[:40], "incomplete"),
        (PRIVATE, "not that of a public key"),
        (pem(KEY) + PRIVATE, "not that of a public key"),
    ],
    ids=[
        "empty",
        "letter",
        "three-bytes",
        "text",
        "cut-spki",
        "33-bytes",
        "cut-hex",
        "rsa",
        "cut-pem",
        "cut-second-pem",
        "private",
        "public-and-private",
    ],
)
def test_an_invalid_key_is_refused_at_startup(value: str, reason: str) -> None:
    """The error names the setting and says what is wrong, but does not contain the key."""
    with pytest.raises(Misconfigured, match="GATEWAY_HIGHLEVEL_WEBHOOK_KEYS") as caught:
        webhooks(raw(KEY), value)
    assert reason in str(caught.value)
    assert "canary" not in str(caught.value)
    assert all(line not in str(caught.value) for line in value.split() if len(line) > 12)


def test_a_key_of_another_type_is_refused() -> None:
    """An RSA key is not accepted as an Ed25519 key."""
    der = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(Misconfigured):
        webhooks(b64encode(der).decode())


def test_the_published_keys_match_the_reference() -> None:
    """Both keys are in the reference, character by character."""
    pem = reference.text("highlevel-openapi/webhook_keys.pem")
    page = reference.text("highlevel.md")

    assert keys.PUBLISHED in pem
    assert keys.PUBLISHED in page
    assert keys.LEGACY.decode().strip() in pem


def test_the_published_keys_are_the_default() -> None:
    """Without a setting they are used, and a signature by another key is refused."""
    facet = HighLevelWebhooks(read(SETTINGS))

    assert 32 == len(b64decode(keys.PUBLISHED)[-32:])
    assert "signature_wrong" == code(body(), facet)
    assert not keys.verify_legacy(b"x" * 512, b"y")

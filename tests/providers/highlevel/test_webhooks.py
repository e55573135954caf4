"""HighLevel's webhooks byte by byte: the two signatures, the keys, the window, what each event becomes.

Owns the examples. That whatever is not proved is refused, the conformance suite shows; what follows from an event is in
tests/flows/test_webhooks_grant_events.py.
"""

import json
from base64 import b64decode, b64encode
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

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
    """Write a key's public half as 32 bytes."""
    return b64encode(key.public_key().public_bytes_raw()).decode()


def spki(key: Ed25519PrivateKey) -> str:
    """Write it as HighLevel publishes its own."""
    return b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def webhooks(*values: str, **settings: Any) -> HighLevelWebhooks:
    """Build the facet with these keys."""
    return HighLevelWebhooks(read({**SETTINGS, "webhook_keys": values or (raw(KEY),), **settings}))


def body(**changes: Any) -> bytes:
    """Write a delivery as of now; a change that is None leaves a field out."""
    told = {**INSTALL, "timestamp": NOW.isoformat(), "webhookId": "w-1", **changes}
    return json.dumps({name: value for name, value in told.items() if value is not None}).encode()


def signed(sent: bytes, by: Ed25519PrivateKey = KEY) -> dict[str, str]:
    """Sign it."""
    return {"x-ghl-signature": b64encode(by.sign(sent)).decode()}


def taken(sent: bytes, facet: HighLevelWebhooks | None = None, headers: dict[str, str] | None = None) -> Webhook:
    """Read a delivery; signed unless headers are given."""
    return (facet or webhooks()).read(signed(sent) if headers is None else headers, sent, now=NOW)


def code(sent: bytes, facet: HighLevelWebhooks | None = None, headers: dict[str, str] | None = None) -> str:
    """Return why a delivery is refused."""
    with pytest.raises(WebhookRefused) as caught:
        taken(sent, facet, headers)
    return caught.value.code


EVENTS: dict[str, tuple[dict[str, Any], WebhookKind, str, str]] = {
    "a location of an agency": ({}, WebhookKind.INSTALLED, COMPANY, LOCATION),
    "a location alone": ({"companyId": None}, WebhookKind.INSTALLED, LOCATION, ""),
    "an agency": ({"locationId": None, "installType": "Company"}, WebhookKind.INSTALLED, COMPANY, ""),
    "uninstalled location": ({"type": "UNINSTALL"}, WebhookKind.GRANT_REMOVED, LOCATION, ""),
    "uninstalled agency": ({"type": "UNINSTALL", "locationId": None}, WebhookKind.GRANT_REMOVED, COMPANY, ""),
    "a change of plan": ({"type": "PLAN_CHANGE"}, WebhookKind.UNKNOWN, LOCATION, ""),
    "a contact": ({"type": "ContactCreate", "appId": None, "companyId": None}, WebhookKind.UNKNOWN, LOCATION, ""),
    "nobody's": (
        {"type": "New", "appId": None, "companyId": None, "locationId": None},
        WebhookKind.UNKNOWN,
        "",
        "",
    ),
}


@pytest.mark.parametrize("case", EVENTS)
def test_events_are_told_in_our_words(case: str) -> None:
    """Whom it is about, and where the agency is at work from now on; what came is kept."""
    changes, kind, subject, place = EVENTS[case]

    read_ = taken(body(**changes))

    assert (kind, subject, place, NOW) == (read_.kind, read_.subject, read_.place, read_.occur_time)
    assert read_.raw["type"] == read_.event
    assert bool(read_.reason) == (kind is WebhookKind.GRANT_REMOVED)


@pytest.mark.parametrize("write", [raw, spki])
def test_several_keys_are_taken_during_a_change(write: Any) -> None:
    """In both spellings; one that is not among them proves nothing."""
    facet = webhooks(write(KEY), write(OTHER))

    assert taken(body(), facet, signed(body(), OTHER)).kind is WebhookKind.INSTALLED
    assert taken(body(), facet, signed(body(), KEY)).kind is WebhookKind.INSTALLED
    assert "signature_wrong" == code(body(), webhooks(write(OTHER)), signed(body(), KEY))


UNPROVED: dict[str, tuple[dict[str, str], str]] = {
    "none": ({}, "signature_missing"),
    "empty": ({"x-ghl-signature": ""}, "signature_missing"),
    "said to be none": ({"x-ghl-signature": "N/A"}, "signature_missing"),
    "not base64": ({"x-ghl-signature": "not base64!"}, "signature_malformed"),
    "too short": ({"x-ghl-signature": b64encode(b"x" * 63).decode()}, "signature_wrong"),
    "another's": (signed(body(), OTHER), "signature_wrong"),
    "of another body": (signed(body() + b" "), "signature_wrong"),
    "sent twice": ({"x-ghl-signature": ", ".join([signed(body())["x-ghl-signature"]] * 2)}, "signature_malformed"),
    "the old one alone": ({"x-wh-signature": "eA=="}, "signature_missing"),
}


@pytest.mark.parametrize("case", UNPROVED)
def test_what_is_not_signed_is_refused(case: str) -> None:
    """Missing, N/A, malformed, another's: each by its code, for the log."""
    headers, expected = UNPROVED[case]

    assert expected == code(body(), headers=headers)


def old(sent: bytes) -> dict[str, str]:
    """Sign it as HighLevel used to."""
    return {"x-wh-signature": b64encode(RSA.sign(sent, padding.PKCS1v15(), SHA256())).decode()}


def test_the_old_signature_is_taken_only_when_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """And never in the place of a newer one that is wrong."""
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    monkeypatch.setattr(keys.proves_legacy, "__defaults__", (pem,))
    facet = webhooks(legacy_webhook_signature=True)

    assert taken(body(), facet, old(body())).kind is WebhookKind.INSTALLED
    assert taken(body(), facet, {**old(body()), "x-ghl-signature": "N/A"}).kind is WebhookKind.INSTALLED
    assert "signature_missing" == code(body(), webhooks(), old(body()))
    assert "signature_wrong" == code(body(), facet, old(body() + b" "))
    assert "signature_wrong" == code(body(), facet, {**old(body()), **signed(body(), OTHER)})


@pytest.mark.parametrize(
    ("age", "good"), [(-4 * MINUTE, True), (71 * MINUTE, True), (-6 * MINUTE, False), (91 * MINUTE, False)]
)
def test_a_repetition_comes_within_the_window(age: timedelta, good: bool) -> None:
    """The seventh try comes some 70 minutes after the first, under its time; what is older or ahead is refused."""
    sent = body(timestamp=(NOW - age).isoformat())

    assert good == (taken(sent).occur_time is not None) if good else "signature_stale" == code(sent)


@pytest.mark.parametrize("app", ["another", "", None])
def test_what_is_for_another_application_is_refused(app: str | None) -> None:
    """HighLevel signs with one key for all: its owner could send us what they were told."""
    assert "application_wrong" == code(body(appId=app))
    assert "application_wrong" == code(body(type="New", appId="another"))


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b"\xff", body(type=None), body(type=7), body(type="x" * 300)])
def test_what_cannot_be_read_is_refused(sent: bytes) -> None:
    """Proved, and still nothing."""
    assert UNREADABLE == code(sent)


def test_what_names_nobody_is_refused_where_something_follows() -> None:
    """An end of an installation without location and company could only be guessed at."""
    assert UNREADABLE == code(body(type="UNINSTALL", locationId=None, companyId=None))


def test_a_delivery_is_known_by_its_id() -> None:
    """Repeated under another time it is the same; without an id all of it counts."""
    again = taken(body(timestamp=(NOW - MINUTE).isoformat()))
    without = [taken(body(webhookId=None, userId=user)).dedupe_key for user in ("a", "a", "b")]

    assert taken(body()).dedupe_key == again.dedupe_key
    assert taken(body(webhookId="w-2")).dedupe_key != again.dedupe_key
    assert without[0] == without[1] != without[2]


def test_without_an_application_nothing_can_be_proved() -> None:
    """Misconfigured names the setting."""
    with pytest.raises(Misconfigured, match="GATEWAY_HIGHLEVEL_CLIENT_ID"):
        webhooks(client_id="").read(signed(body()), body(), now=NOW)


@pytest.mark.parametrize("value", ["", "x", "AAAA", "canary-no-key", spki(KEY)[:-4], b64encode(b"x" * 33).decode()])
def test_a_key_that_is_none_is_named_at_start(value: str) -> None:
    """And not shown."""
    with pytest.raises(Misconfigured, match="GATEWAY_HIGHLEVEL_WEBHOOK_KEYS") as caught:
        webhooks(raw(KEY), value)
    assert "canary" not in str(caught.value)


def test_another_kind_of_key_is_none() -> None:
    """An RSA key in the place of an Ed25519 one."""
    der = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(Misconfigured):
        webhooks(b64encode(der).decode())


def test_the_published_keys_are_those_of_the_reference() -> None:
    """Letter by letter, in both of its places; and they are keys."""
    pem = reference.text("highlevel-openapi/webhook_keys.pem")
    page = reference.text("highlevel.md")

    assert keys.PUBLISHED in pem
    assert keys.PUBLISHED in page
    assert keys.LEGACY.decode().strip() in pem


def test_the_published_keys_can_be_used() -> None:
    """Without any setting they are what is held against; a signature of somebody else's is none of theirs."""
    facet = HighLevelWebhooks(read(SETTINGS))

    assert 32 == len(b64decode(keys.PUBLISHED)[-32:])
    assert "signature_wrong" == code(body(), facet)
    assert not keys.proves_legacy(b"x" * 512, b"y")

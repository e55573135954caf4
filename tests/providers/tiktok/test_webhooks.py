"""Webhooks: which deliveries are authentic, and what each event means.

Owns the tests of `providers/tiktok/webhooks.py`. The simulator's sender, whose signature equals the reference's
test vector, makes the deliveries.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.checked import checked
from providers.errors import Misconfigured, WebhookRefused
from providers.models.publishing import FailureKind
from providers.models.secret import Secret
from providers.models.webhooks import UNREADABLE, Webhook, WebhookKind
from providers.simulators.tiktok.webhooks import body_of, signature
from tests.providers.tiktok.support import tiktok

SECRET = "test_client_secret"
SENT = 1770210900
NOW = datetime.fromtimestamp(SENT, UTC)
PUBLISH_ID = "v_pub_file~v2-1.7602997070760331285"
# The reference's test vector: these bytes, this secret and this time have this digest.
BODY = (
    b'{"client_key":"ck_test","event":"post.publish.publicly_available","create_time":1770210873,'
    b'"user_openid":"-000abc","content":"{\\"publish_id\\":\\"v_pub_file~v2-1.7602997070760331285\\",'
    b'\\"publish_type\\":\\"DIRECT_PUBLISH\\",\\"post_id\\":\\"7602997517160123666\\"}"}'
)
DIGEST = "85f78ee88031ade65bb5d0b70e451c4a534b8fca180f808c2b8a5a6680de0a7d"


def read(body: bytes, header: str | None = None, *, now: datetime = NOW, **settings: Any) -> Webhook:
    """Read a delivery, signed correctly unless a header is given."""
    provider, _ = tiktok(**{"client_secret": Secret(SECRET), **settings})
    headers = {"tiktok-signature": signature(SECRET, SENT, body) if header is None else header}
    return checked(provider).webhooks.read(headers, body, now=now)


def delivery_of(event: str, content: dict[str, Any] | None = None, /, **changes: Any) -> bytes:
    """Return the body of an event; `changes` replace its fields."""
    root = json.loads(body_of("ck_test", event, "-000abc", content or {}, 1770210873))
    return json.dumps({**root, **changes}).encode()


def refusal(body: bytes, header: str | None = None, *, now: datetime = NOW, **settings: Any) -> str:
    """Return the code with which a delivery is refused."""
    with pytest.raises(WebhookRefused) as refused:
        read(body, header, now=now, **settings)
    assert SECRET not in str(refused.value)
    return refused.value.code


def test_the_vector_of_the_reference_is_read() -> None:
    """The documented body with its digest is authentic, and every value is parsed exactly."""
    webhook = read(BODY, f"t={SENT},s={DIGEST}")

    assert WebhookKind.PUBLICLY_AVAILABLE is webhook.kind
    assert ("post.publish.publicly_available", "-000abc", PUBLISH_ID, "7602997517160123666") == (
        webhook.event,
        webhook.subject,
        webhook.publish_id,
        webhook.post_id,
    )
    assert datetime.fromtimestamp(1770210873, UTC) == webhook.occur_time
    assert {"publish_id", "publish_type", "post_id"} == webhook.raw.keys()


@pytest.mark.parametrize(
    "header",
    [
        f"s={DIGEST},t={SENT}",
        f"t={SENT}, s={DIGEST}",
        f"t={SENT},s={DIGEST.upper()}",
        f"t={SENT},s={DIGEST},v=2",
    ],
)
def test_the_signature_may_be_written_in_other_ways(header: str) -> None:
    """Order, spaces, capital letters and unknown parts of the signature header do not matter."""
    assert PUBLISH_ID == read(BODY, header).publish_id


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "signature_missing"),
        ("N/A", "signature_malformed"),
        (f"t={SENT}", "signature_malformed"),
        (f"s={DIGEST}", "signature_malformed"),
        (f"t=,s={DIGEST}", "signature_malformed"),
        (f"t={SENT},s=", "signature_malformed"),
        (f"t=-{SENT},s={DIGEST}", "signature_malformed"),
        (f"t={SENT}.0,s={DIGEST}", "signature_malformed"),
        ("t=٣,s=" + DIGEST, "signature_malformed"),
        (f"t={'9' * 400},s={DIGEST}", "signature_malformed"),
        (f"t={SENT},s={DIGEST[:-1]}", "signature_malformed"),
        (f"t={SENT},s={DIGEST}0", "signature_malformed"),
        (f"t={SENT},s={'zz' * 32}", "signature_malformed"),
        (f"t={SENT},s={DIGEST},s={DIGEST}", "signature_malformed"),
        (f"t={SENT},t={SENT},s={DIGEST}", "signature_malformed"),
        (f"t={SENT},s={DIGEST}, t={SENT},s={DIGEST}", "signature_malformed"),
        (f"t={SENT},s={'0' * 64}", "signature_wrong"),
        (f"t={SENT + 1},s={DIGEST}", "signature_wrong"),
        (f"t=0{SENT},s={DIGEST}", "signature_wrong"),
    ],
)
def test_what_is_not_signed_as_tiktok_signs_is_refused(header: str, code: str) -> None:
    """A signature that is missing, malformed, repeated or of something else is refused."""
    assert code == refusal(BODY, header)


def test_one_changed_byte_is_noticed() -> None:
    """The signature covers every byte of the body, including trailing spaces."""
    header = f"t={SENT},s={DIGEST}"
    assert "signature_wrong" == refusal(BODY.replace(b"000abc", b"000abd"), header)
    assert "signature_wrong" == refusal(BODY + b" ", header)
    assert "signature_wrong" == refusal(BODY[:-1], header)


def test_another_secret_is_refused() -> None:
    """A delivery signed with another application's secret is refused."""
    assert "signature_wrong" == refusal(BODY, signature("another", SENT, BODY))


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_within_the_window_it_is_taken(seconds: int) -> None:
    """A delivery up to five minutes old or early, inclusive, is accepted."""
    assert PUBLISH_ID == read(BODY, now=NOW + timedelta(seconds=seconds)).publish_id


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
def test_outside_the_window_it_is_refused(seconds: int) -> None:
    """A delivery that is older or earlier is refused: it may be a replay."""
    assert "signature_stale" == refusal(BODY, now=NOW + timedelta(seconds=seconds))


def test_the_window_is_configured() -> None:
    """The window can be configured, because a repeated delivery may keep its first signature for three days."""
    late = NOW + timedelta(hours=72)
    assert PUBLISH_ID == read(BODY, now=late, webhook_window_seconds=73 * 3600).publish_id
    assert "signature_stale" == refusal(BODY, now=NOW + timedelta(seconds=6), webhook_window_seconds=5)


def test_another_application_is_refused() -> None:
    """The client key in the body must be ours even if the signature is valid."""
    assert "application_wrong" == refusal(delivery_of("authorization.removed", {"reason": 1}, client_key="ck_other"))
    assert "application_wrong" == refusal(delivery_of("authorization.removed", {"reason": 1}, client_key=None))


@pytest.mark.parametrize("missing", ["client_secret", "client_key"])
def test_without_a_secret_nothing_can_be_proved(missing: str) -> None:
    """Without a configured secret every delivery is refused."""
    with pytest.raises(Misconfigured) as refused:
        read(BODY, signature("", SENT, BODY), now=NOW, **{missing: ""})
    assert f"{missing}_missing" == refused.value.code


@pytest.mark.parametrize(
    ("event", "content", "kind"),
    [
        ("authorization.removed", {"reason": 1}, WebhookKind.GRANT_REMOVED),
        ("post.publish.failed", {"publish_id": "p", "reason": "internal"}, WebhookKind.PUBLISH_FAILED),
        ("post.publish.complete", {"publish_id": "p"}, WebhookKind.PUBLISHED),
        # Of the API for Business.
        ("post.publish.complete", {"share_id": "p"}, WebhookKind.PUBLISHED),
        ("post.publish.failed", {"share_id": "p", "reason": "internal"}, WebhookKind.PUBLISH_FAILED),
        ("post.publish.inbox_delivered", {"publish_id": "p"}, WebhookKind.AWAITING_CREATOR),
        ("post.publish.publicly_available", {"publish_id": "p", "post_id": "1"}, WebhookKind.PUBLICLY_AVAILABLE),
        ("post.publish.no_longer_publicaly_available", {"publish_id": "p"}, WebhookKind.NO_LONGER_AVAILABLE),
        ("post.publish.no_longer_publicly_available", {"publish_id": "p"}, WebhookKind.NO_LONGER_AVAILABLE),
        ("video.upload.failed", {"share_id": "s"}, WebhookKind.UNKNOWN),
        ("video.publish.completed", {"share_id": "s"}, WebhookKind.UNKNOWN),
        ("portability.download.ready", {"request_id": 9007199254740993}, WebhookKind.UNKNOWN),
        ("post.publish.of.the.future", {"a": 1}, WebhookKind.UNKNOWN),
    ],
)
def test_every_event_has_its_kind(event: str, content: dict[str, Any], kind: WebhookKind) -> None:
    """All documented events are known, in both spellings; an unknown one keeps its own name."""
    webhook = read(delivery_of(event, content))
    assert (kind, event, content) == (webhook.kind, webhook.event, webhook.raw)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("frame_rate_check_failed", FailureKind.MEDIA),
        ("internal", FailureKind.RETRYABLE),
        ("auth_removed", FailureKind.GRANT),
        ("never_heard_of", FailureKind.UNKNOWN),
        ("", FailureKind.UNKNOWN),
    ],
)
def test_a_failure_keeps_its_reason(reason: str, kind: FailureKind) -> None:
    """A failed publish has the vendor's reason and our failure kind."""
    webhook = read(delivery_of("post.publish.failed", {"publish_id": "p", "reason": reason}))
    assert (reason, kind) == (webhook.reason, webhook.fail_kind)


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (0, "TikTok did not say why the application lost its access."),
        (1, "The user disconnected the application."),
        (2, "The user's TikTok account was deleted."),
        (3, "The age of the TikTok account's user changed."),
        (4, "The user's TikTok account was banned."),
        (5, "The application's own developer revoked its access."),
        ("4", "The user's TikTok account was banned."),
        (77, "TikTok ended the application's access for a reason it does not document (77)."),
        (None, "TikTok did not say why the application lost its access."),
    ],
)
def test_a_removed_grant_says_why(reason: object, sentence: str) -> None:
    """Each documented reason becomes a sentence; an undocumented one contains its number."""
    assert sentence == read(delivery_of("authorization.removed", {"reason": reason})).reason


@pytest.mark.parametrize("sent", ['"7602997517160123666"', "7602997517160123666"])
def test_ids_are_exact_whether_strings_or_numbers(sent: str) -> None:
    """Ids of nineteen digits stay exact, also if content is an object instead of a string of JSON."""
    content = '{"publish_id":"p","post_id":' + sent + "}"
    as_string = delivery_of("post.publish.publicly_available", content=content)
    as_object = delivery_of("post.publish.publicly_available", content=json.loads(content))
    assert ["7602997517160123666"] * 2 == [read(as_string).post_id, read(as_object).post_id]
    assert read(as_string).dedupe_key == read(as_object).dedupe_key


def test_an_id_that_lost_its_digits_is_no_id() -> None:
    """An id sent as a float is not accepted."""
    content = '{"publish_id":"p","post_id":7.602997517160124e18}'
    assert "" == read(delivery_of("post.publish.publicly_available", content=content)).post_id


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"client_key":"ck_test","n":' + b"9" * 5000 + b"}",
        b'{"client_key":"ck_test","n":NaN}',
    ],
)
def test_a_body_that_is_no_json_object_cannot_be_read(body: bytes) -> None:
    """A body that cannot be parsed is refused, even if it is signed."""
    assert UNREADABLE == refusal(body)


@pytest.mark.parametrize(
    "changes",
    [
        {"event": ""},
        {"event": None},
        {"event": 5},
        {"event": "x" * 257},
        {"content": "{"},
        {"content": "[]"},
        {"content": '"text"'},
        {"content": None},
        {"content": 7},
        {"content": "{}"},
        {"content": '{"publish_id":""}'},
        {"content": '{"publish_id":["p"]}'},
        {"content": json.dumps({"publish_id": "p" * 257})},
        {"user_openid": ""},
        {"user_openid": None},
        {"user_openid": {"a": 1}},
        {"user_openid": "u" * 257},
    ],
)
def test_an_event_of_a_publish_must_name_its_user_and_id(changes: dict[str, Any]) -> None:
    """An event that has an effect is refused if a required part is missing or malformed."""
    assert UNREADABLE == refusal(delivery_of("post.publish.complete", {"publish_id": "p"}, **changes))


@pytest.mark.parametrize(
    ("content", "kept"), [("{", {"content": "{"}), ("[1]", {"content": [1]}), (None, {}), ("", {}), (7, {"content": 7})]
)
def test_an_unknown_event_is_kept_whatever_it_holds(content: object, kept: dict[str, Any]) -> None:
    """An unknown event is kept whatever its content, even without a user."""
    webhook = read(delivery_of("portability.download.ready", content=content, user_openid=None))
    assert (WebhookKind.UNKNOWN, "", kept) == (webhook.kind, webhook.subject, webhook.raw)


def test_a_body_beyond_64_kib_cannot_be_read() -> None:
    """The largest body is 64 KiB."""
    largest = delivery_of("new.event", {"a": ""})
    largest = largest.replace(b'a\\":\\"', b'a\\":\\"' + b"x" * (64 * 1024 - len(largest)))
    assert 64 * 1024 == len(largest)
    assert WebhookKind.UNKNOWN is read(largest).kind
    assert UNREADABLE == refusal(largest + b" ")


def test_what_cannot_be_stored_is_replaced() -> None:
    """NUL and lone surrogates, both legal in JSON, are replaced."""
    webhook = read(delivery_of("new\u0000event", content='{"a":"\\ud800\\u0000"}'))
    assert ("new\ufffdevent", {"a": "\ufffd\ufffd"}) == (webhook.event, webhook.raw)


def test_an_odd_time_is_no_time() -> None:
    """A time that is missing, negative, out of range or not a number is None."""
    for odd in (None, -5, 0, 10**18, "soon", 1.5, True):
        assert read(delivery_of("authorization.removed", {"reason": 1}, create_time=odd)).occur_time is None


def test_two_deliveries_are_the_same_by_event_user_ids_and_time() -> None:
    """The dedupe key depends on five fields, not on spaces, order or the publish type."""
    content = {"publish_id": "p", "post_id": "1"}
    event = "post.publish.publicly_available"
    first = read(delivery_of(event, content)).dedupe_key
    same = [
        delivery_of(event, {**content, "publish_type": "INBOX_SHARE"}),
        json.dumps(json.loads(delivery_of(event, content)), indent=3).encode(),
    ]
    other = [
        delivery_of("post.publish.complete", content),
        delivery_of(event, content, user_openid="-000abd"),
        delivery_of(event, {**content, "publish_id": "q"}),
        delivery_of(event, {**content, "post_id": "2"}),
        delivery_of(event, content, create_time=1770210874),
    ]
    assert {first} == {read(body).dedupe_key for body in same}
    assert 6 == len({first, *(read(body).dedupe_key for body in other)})


def test_unknown_events_differ_by_their_content() -> None:
    """Two unknown events in one second with different contents are two events."""
    keys = {read(delivery_of("portability.download.ready", {"request_id": number})).dedupe_key for number in (1, 2)}
    assert 2 == len(keys)


def test_a_proved_delivery_is_parsed_again_without_its_signature() -> None:
    """A stored delivery is parsed to the same event later."""
    provider, _ = tiktok()
    assert read(BODY) == checked(provider).webhooks.parse(BODY)


def test_nothing_of_the_content_is_shown_by_accident() -> None:
    """The repr, which appears in tracebacks, does not contain the content."""
    assert "canary" not in repr(read(delivery_of("new.event", {"a": "canary"})))

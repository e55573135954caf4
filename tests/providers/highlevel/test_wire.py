"""Parsing HighLevel's JSON defensively, and formatting what is sent to it.

Owns single values and envelopes. Their meaning is covered by the other files.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from providers.highlevel import wire
from providers.http import strict_json

ENVELOPES: list[tuple[str, tuple[str, ...], str, str]] = [
    ('{"success":true,"message":"Fetched","traceId":"t"}', ("Fetched",), "", "t"),
    ('{"statusCode":422,"message":["a","b"],"error":"Unprocessable Entity"}', ("a", "b"), "", ""),
    ('{"statusCode":401,"message":"Invalid JWT","error":"Unauthorized"}', ("Invalid JWT",), "", ""),
    ('{"error":{"code":"RESOURCE_NOT_FOUND","message":"no app"}}', ("no app",), "RESOURCE_NOT_FOUND", ""),
    ('{"error":"invalid_grant","error_description":"dead"}', ("dead",), "invalid_grant", ""),
    ('{"error":"denied","error_description":"no"}', ("no",), "denied", ""),
    ('{"error":"invalid_client"}', (), "invalid_client", ""),
    ('{"message":"m","code":"CSV_EMPTY_FILE"}', ("m",), "CSV_EMPTY_FILE", ""),
    ('{"message":{"a":1},"traceId":7}', (), "", ""),
    ('{"message":["",1,null,"c"]}', ("c",), "", ""),
    ("{}", (), "", ""),
]


@pytest.mark.parametrize(("body", "messages", "code", "log_id"), ENVELOPES)
def test_envelopes(body: str, messages: tuple[str, ...], code: str, log_id: str) -> None:
    """Messages are a string or a list; a code is in one of three places or missing."""
    envelope = wire.envelope(body.encode())

    assert (messages, code, log_id) == (envelope.messages, envelope.code, envelope.log_id)


def test_several_messages_are_one_line() -> None:
    """A list of messages is joined to one line."""
    assert "a; b" == wire.envelope(b'{"message":["a","b"]}').message


@pytest.mark.parametrize(("success", "read"), [("true", True), ("false", False), ('"true"', None), ("null", None)])
def test_success_is_literal(success: str, read: bool | None) -> None:
    """Any value but a boolean is None."""
    assert read is wire.envelope(f'{{"success":{success}}}'.encode()).success


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"<html>", b"\xff", b'{"a":NaN}', b'{"a":1e999}', b"[" * 100_000]
)
def test_a_body_that_is_not_an_object_is_malformed(body: bytes) -> None:
    """HTML, lists, invalid text, infinities and deep nesting all raise Malformed."""
    with pytest.raises(strict_json.Malformed):
        wire.envelope(body)


def test_unstorable_characters_are_replaced() -> None:
    """NUL and lone surrogates are legal JSON but break databases."""
    envelope = wire.envelope(b'{"message":"a\\u0000b\\ud800c","results":{"k\\u0000":["\\u0000"]}}')

    assert ("a\ufffdb\ufffdc", {"k\ufffd": ["\ufffd"]}) == (envelope.message, envelope.results)


@pytest.mark.parametrize(
    ("value", "read"), [(1, 1), ("86399", 86_399), (7.0, 7), (7.5, None), (True, None), ("x", None), (2**63, None)]
)
def test_integers(value: object, read: int | None) -> None:
    """Numbers, strings of digits and whole floats of 64 bits are read; anything else is None."""
    assert read == wire.integer(value)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("2026-11-20T12:00:00.000Z", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("2026-11-20T13:00:00+01:00", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("2026-11-20T12:00:00", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        (1763640000, None),
    ],
)
def test_times_are_aware(value: object, read: datetime | None) -> None:
    """ISO 8601 is read in any zone, as UTC without one; an unreadable time is None."""
    assert read == wire.instant({"at": value}, "at")


@pytest.mark.parametrize(("value", "read"), [(" a ", "a"), ("", ""), ("x" * 257, ""), (7, ""), (None, "")])
def test_ids_are_strings(value: object, read: str) -> None:
    """They are stripped and bounded; other types are ignored."""
    assert read == wire.identifier({"id": value}, "other", "id")


def test_only_allowed_fields_are_sent() -> None:
    """Other fields and None are left out; false and empty values are sent."""
    values: dict[str, Any] = {"a": 1, "b": None, "c": False, "d": [], "x": "not named"}

    assert {"a": 1, "c": False, "d": []} == wire.allowed(("a", "b", "c", "d"), values)


def test_parameters_are_strings() -> None:
    """Numbers and booleans become strings, and None is left out."""
    values: dict[str, Any] = {"skip": 0, "limit": 20, "isInstalled": True, "page": "p", "none": None}

    assert {"skip": "0", "limit": "20", "isInstalled": "true", "page": "p"} == wire.strings(values)


@pytest.mark.parametrize(
    ("value", "sent"), [("a_b-c", "a_b-c"), ("a/b?c#d", "a%2Fb%3Fc%23d"), ("ü\ud800", "%C3%BC%3F")]
)
def test_an_id_is_escaped_as_a_path_segment(value: str, sent: str) -> None:
    """It cannot start another segment, a query or a fragment."""
    assert sent == wire.segment(value)


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_an_empty_id_and_dots_are_refused(value: str) -> None:
    """They would change the path."""
    with pytest.raises(ValueError, match=r"^\.*$"):
        wire.segment(value)


@pytest.mark.parametrize(("value", "can"), [("pit-1", True), ("a b", False), ("", False), ("é", False), (7, False)])
def test_a_token_must_fit_in_a_header(value: object, can: bool) -> None:
    """It contains visible ASCII characters only."""
    assert can is strict_json.is_token(value)

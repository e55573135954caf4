"""Log lines: their shape, and the secrets that are not in them.

Owns the proofs of `gateway/log.py`.
"""

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from gateway import log
from tests.fixtures import logs

SECRETS = [
    "act.canary4QEyzVsiVn3kZ2cBzqkU3Xxpn5Qm!4721.va",
    "rft.canary!1234.va",
    "clt.canary1234567",
    "sg_canaryABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-",
    "eyJhbGciOiJub25lIn0.eyJjYW5hcnkiOjF9.canary-signature",
]


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Yield what is written; debugging lines included."""
    with logs.capture() as stream:
        yield stream


def the_line(lines: io.StringIO) -> dict[str, Any]:
    """Return the one line that was written."""
    (line,) = lines.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_is_one_json_object(lines: io.StringIO) -> None:
    """A line has its event, level, logger, time and values, and the id of the call at hand."""
    token = log.request_id.set("r1")
    log.get("gateway.test").info("something happened", post="p1", bytes=5)
    log.request_id.reset(token)
    line = the_line(lines)
    assert "Z" == line.pop("timestamp")[-1]
    assert {
        "event": "something happened",
        "level": "info",
        "logger": "gateway.test",
        "post": "p1",
        "bytes": 5,
        "request_id": "r1",
    } == line


def test_lines_of_libraries_come_in_the_same_shape(lines: io.StringIO) -> None:
    """What a library logs through the standard library is a line like ours, its extras too, and redacted."""
    logging.getLogger("some.library").warning("called %s", f"https://x/?code={SECRETS[0]}", extra={"token": "canary"})
    line = the_line(lines)
    assert ("called https://x/?code=[redacted]", "warning", "some.library", "[redacted]") == (
        line["event"],
        line["level"],
        line["logger"],
        line["token"],
    )


def test_lines_tell_which_of_several_processes_they_are_from(lines: io.StringIO) -> None:
    """Ours and those of libraries; a process that is alone has no number."""
    log.configure(stream=lines, process=1)
    log.get("gateway.test").info("ours")
    logging.getLogger("some.library").warning("theirs")
    log.configure(stream=lines)
    log.get("gateway.test").info("alone")
    numbers = [json.loads(line).get("process") for line in lines.getvalue().splitlines()]
    assert [1, 1, None] == numbers


@pytest.mark.parametrize(
    "name",
    ["token", "access_token", "X-Api-Key", "client_secret", "Authorization", "password", "database_url", "upload_url"],
)
def test_values_of_secret_names_are_taken_out(lines: io.StringIO, name: str) -> None:
    """A value whose name says that it is secret is not written, at any depth."""
    log.get("gateway.test").info("x", **{name: "canary", "inside": [{name: "canary"}]})
    assert "canary" not in lines.getvalue()


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", ["{}", "Bearer {}", "a='{}', b", "https://x/?a=1&access_token={}&b=2", "\n{}\n"])
def test_what_looks_like_a_secret_is_taken_out(lines: io.StringIO, secret: str, form: str) -> None:
    """Tokens of the vendor and keys of ours are recognised inside any text, key and exception."""
    text = form.format(secret)
    log.get("gateway.test").info(text, value=text, deep={"x": (text, [text])}, other=ValueError(text))
    assert "canary" not in lines.getvalue()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("authorization: Bearer canary-any-key", "authorization: Bearer [redacted]"),
        ("postgresql://user:canary@db:5432/x", "postgresql://[redacted]@db:5432/x"),
        (
            "https://up.example/v?upload_id=1&upload_token=canary",
            "https://up.example/v?upload_id=1&upload_token=[redacted]",
        ),
        ("/oauth/tiktok/callback?code=canary&state=canary", "/oauth/tiktok/callback?code=[redacted]&state=[redacted]"),
        ("host=db password=canary user=u", "host=db password=[redacted] user=u"),
        ("plain text, code=spam_risk, state=FAILED", "plain text, code=spam_risk, state=FAILED"),
    ],
)
def test_only_the_secret_itself_is_taken_out(text: str, expected: str) -> None:
    """Text around a secret stays readable, and text without one is unchanged."""
    assert expected == log.clean_text(text)


def test_tracebacks_are_cleaned_too(lines: io.StringIO) -> None:
    """An exception's text, its cause and its notes go through the same sieve."""
    try:
        try:
            raise KeyError(SECRETS[0])
        except KeyError as cause:
            error = ValueError(f"Bearer {SECRETS[1]}")
            error.add_note(SECRETS[3])
            raise error from cause
    except ValueError as caught:
        log.get("gateway.test").error("failed", exc_info=caught)
    line = the_line(lines)
    assert "canary" not in lines.getvalue()
    assert "Traceback" in line["exception"]
    assert "ValueError" in line["exception"]


def test_a_line_survives_what_it_is_given(lines: io.StringIO) -> None:
    """Objects, bytes, deep and looping values end in one readable line."""
    loop: list[Any] = []
    loop.append(loop)
    log.get("gateway.test").info("odd", loop=loop, raw=b"\xff", thing=object(), text="a\nb\u2028")
    assert "odd" == the_line(lines)["event"]


def test_a_line_of_our_own_values_has_the_same_shape(lines: io.StringIO) -> None:
    """A line that goes around the chain is a line like the others, at its level and as text too."""
    log.write_own("info", "gateway.test", "call", {"request_id": "r1", "ms": 0.5})
    line = the_line(lines)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
    expected = {"event": "call", "level": "info", "logger": "gateway.test", "request_id": "r1", "ms": 0.5}
    assert expected == line
    for form in ("json", "text"):
        with logs.capture(level="info", form=form) as stream:
            log.write_own("debug", "gateway.test", "quiet", {})
            log.write_own("info", "gateway.test", "loud", {})
        assert 1 == len(stream.getvalue().splitlines())
        assert "loud" in stream.getvalue()


def test_levels_keep_lines_back() -> None:
    """Below the level nothing is written; libraries that write whole URLs are held to their warnings."""
    with logs.capture(level="warning", form="text") as stream:
        log.get("gateway.test").info("quiet")
        logging.getLogger("httpx").info("HTTP Request: GET https://x/?code=y")
        log.get("gateway.test").warning("loud", value=1)
    assert 1 == len(stream.getvalue().splitlines())
    assert "loud" in stream.getvalue()


def test_a_line_that_cannot_be_written_is_dropped() -> None:
    """A log on a full disk raises nothing, from our lines and from other libraries'."""
    with logs.on_a_full_disk():
        for _ in range(1000):
            log.get("gateway.test").error("x" * 100)
        logging.getLogger("some.library").warning("y")

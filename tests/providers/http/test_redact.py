"""What is redacted from a vendor's text.

Owns the examples. Knows no vendor's errors.
"""

import logging

import httpx
import pytest

from providers.http.client import make_clients
from providers.http.redact import redact
from providers.models.secret import Secret


@pytest.mark.parametrize(
    "text",
    [
        "the code canary*1! is dead",
        "the code canary%2A1%21 is dead",
        "token=canary-unknown",
        "access_token: canary-unknown",
        '{"refresh_token":"canary-unknown"}',
        "Authorization: Bearer canary-unknown",
        "act.canary-unknown was refused",
        "rft.canary!123*x",
        "https://x.example/?upload_id=1&upload_token=canary-unknown",
    ],
)
def test_secrets_are_hidden(text: str) -> None:
    """A secret of the request, in any encoding, and what looks like a token, are redacted."""
    assert "canary" not in redact(text, [Secret("canary*1!")])


@pytest.mark.parametrize(
    "text",
    [
        "The access token is invalid or not found in the request.",
        "Redirect_uri is not matched with the uri when requesting code.",
        "total chunk count is invalid",
    ],
)
def test_plain_sentences_are_kept(text: str) -> None:
    """Text without a secret is unchanged."""
    assert text == redact(text, [Secret("")])


def test_long_texts_are_cut() -> None:
    """Long text is cut at 500 characters."""
    assert 500 == len(redact("x" * 100_000))


async def test_the_client_logs_no_query(caplog: pytest.LogCaptureFixture) -> None:
    """httpx logs each request with its URL; the query, which may contain an upload token, is removed."""
    caplog.set_level(logging.DEBUG)
    clients = make_clients(httpx.MockTransport(lambda _: httpx.Response(201)))

    await clients.uploads.put("https://open-upload.tiktokapis.com/video/?upload_token=canary", content=b"")

    assert "open-upload.tiktokapis.com/video/" in caplog.text
    assert "canary" not in caplog.text

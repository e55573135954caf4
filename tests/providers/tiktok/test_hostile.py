"""Arbitrary answers from TikTok: only our own errors are raised, and no secret leaks.

Owns the random answers and the canaries. Valid answers are tested in the other files.
"""

import json
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import ProviderError, WebhookRefused
from providers.models.accounts import ProfilePart
from providers.models.publishing import VideoFile
from providers.models.secret import Secret
from providers.models.webhooks import Webhook
from providers.simulators.tiktok.webhooks import signature
from providers.tiktok import TikTok
from providers.tiktok.webhooks import HEADER, KINDS
from tests.providers.tiktok.support import NOW, UPLOAD_URL, VERIFIER, FakeAccess, publish_request, tiktok
from tests.providers.tiktok.test_photos_and_pulls import photos, pull

pytestmark = pytest.mark.chaos

Call = Callable[[TikTok], Awaitable[Any]]


class Stream(httpx.AsyncByteStream):
    """A body that is read lazily, as from a socket."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content


async def body() -> AsyncIterator[bytes]:
    """Yield ten bytes."""
    yield bytes(10)


CALLS: dict[str, Call] = {
    "exchange": lambda t: t.authorization.exchange("canary-code", verifier=VERIFIER, redirect_uri="https://r.example/"),
    "refresh": lambda t: t.authorization.refresh(Secret("rft.canary-refresh")),
    "revoke": lambda t: t.authorization.revoke(Secret("act.canary-access")),
    "profile": lambda t: t.accounts.profile(FakeAccess(), frozenset(ProfilePart)),
    "creator_info": lambda t: t.accounts.creator_info(FakeAccess()),
    "list_videos": lambda t: t.videos.list_videos(FakeAccess()),
    "query_videos": lambda t: t.videos.query_videos(FakeAccess(), ["7602997517160123666", "2"]),
    "begin_video": lambda t: t.publishing.begin(FakeAccess(), publish_request()),
    "begin_pull": lambda t: t.publishing.begin(FakeAccess(), pull()),
    "begin_photos": lambda t: t.publishing.begin(FakeAccess(), photos()),
    "cancel": lambda t: t.publishing.cancel(FakeAccess(), "p"),
    "status": lambda t: t.publishing.status(FakeAccess(), "p"),
    "send_chunk": lambda t: t.publishing.send_chunk(
        Secret(UPLOAD_URL), VideoFile(10, "video/mp4"), first=0, end=10, body=body
    ),
}
# The vendor's own keys and values, so that random answers resemble valid ones.
WORDS = (
    "ok data error code message log_id user videos id cursor has_more status FAILED fail_reason publish_id upload_url "
    "access_token refresh_token expires_in refresh_expires_in scope open_id error_code privacy_level_options duration "
    "max_video_post_duration_sec create_time width publicaly_available_post_id uploaded_bytes is_verified spam_risk "
    f"follower_count invalid_grant {UPLOAD_URL}"
).split()
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(WORDS), st.just(10**400)
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=4)), inner)
    ),
    max_leaves=6,
)
PAYLOAD = st.dictionaries(st.sampled_from(WORDS), JSON, max_size=6)
SANE = st.builds(lambda data: {"data": data, "error": {"code": "ok"}}, PAYLOAD)
NESTED = st.builds(
    lambda item: {"data": {**item, "user": item, "videos": [item]}, "error": {"code": "ok"}},
    PAYLOAD,
)
# Most resemble one of TikTok's envelopes.
BODIES = st.one_of(JSON, SANE, NESTED, PAYLOAD).map(json.dumps)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-range": st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
        "retry-after": st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
        "x-tt-logid": st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
        "content-encoding": st.sampled_from(["gzip", "br", "identity"]),
    },
)


@pytest.mark.parametrize("name", CALLS)
@given(status=st.integers(200, 599), text=BODIES, headers=HEADERS)
@settings(max_examples=60, deadline=None)
async def test_random_json_raises_nothing_but_our_errors(
    name: str, status: int, text: str, headers: dict[str, str]
) -> None:
    """For any JSON, status and headers, each call returns or raises a ProviderError."""
    provider, _ = tiktok(lambda _: httpx.Response(status, headers=headers, stream=Stream(text.encode())))

    with suppress(ProviderError):
        await CALLS[name](provider)


@pytest.mark.parametrize("name", CALLS)
@given(raw=st.binary(max_size=200))
@settings(max_examples=25, deadline=None)
async def test_random_bytes_raise_nothing_but_our_errors(name: str, raw: bytes) -> None:
    """For any bytes, each call returns or raises a ProviderError."""
    provider, _ = tiktok(lambda _: httpx.Response(200, stream=Stream(raw)))

    with suppress(ProviderError):
        await CALLS[name](provider)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 50_000,
        "9" * 10_000,
        "1e999",
        "NaN",
        "\ufeff{}",
        '"\\ud800"',
        '{"data":' + "1" * 5000 + "}",
    ],
    ids=lambda text: text[:8],
)
async def test_poisonous_json_raises_nothing_but_our_errors(name: str, text: str) -> None:
    """Deep nesting, endless digits, infinities and lone surrogates raise a ProviderError."""
    provider, _ = tiktok(lambda _: httpx.Response(200, content=text.encode("utf-8", "surrogatepass")))

    with suppress(ProviderError):
        await CALLS[name](provider)


def echoing(request: httpx.Request) -> httpx.Response:
    """Return a refusal that echoes everything that was sent, as a careless vendor might."""
    echo = f"{request.url} {request.headers} {request.content.decode(errors='replace')[:2000]}"
    envelope = {"code": f"invalid {echo}", "message": echo, "log_id": echo}
    flat = {"error": f"bad {echo}", "error_description": echo, "log_id": echo}
    return httpx.Response(
        400,
        json=flat if "/oauth/" in request.url.path else {"data": {}, "error": envelope},
        headers={"x-tt-logid": "act.canary-in-header"},
    )


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "answer",
    [
        echoing,
        httpx.ReadError(f"PUT {UPLOAD_URL} act.canary"),
        httpx.ConnectError(f"PUT {UPLOAD_URL} act.canary"),
        httpx.Response(500, text=f"{UPLOAD_URL} act.canary"),
    ],
    ids=["echo", "dropped", "refused", "500"],
)
async def test_no_error_shows_a_secret(name: str, answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Neither message, fields, traceback nor log contain a token, a code, a key or an upload URL."""
    caplog.set_level(logging.DEBUG)
    provider, _ = tiktok(answer)

    with pytest.raises(ProviderError) as raised:
        await CALLS[name](provider)

    shown = "".join(traceback.format_exception(raised.value))
    dump = repr((raised.value.args, vars(raised.value)))
    assert "canary" not in dump
    assert "canary" not in without_source(shown)
    assert "canary" not in caplog.text
    assert VERIFIER.reveal() not in dump


def without_source(trace: str) -> str:
    """Remove the source lines from a traceback: this file contains the canaries."""
    lines = trace.splitlines()
    return "\n".join(line for line in lines if not line.startswith("    "))


NAMED = {"client_key": "ck_test", "user_openid": "-000abc"}
DELIVERIES = st.one_of(
    st.binary(max_size=200),
    BODIES.map(str.encode),
    st.builds(
        lambda event, content, more: json.dumps({**NAMED, "event": event, "content": content, **more}).encode(),
        st.one_of(st.sampled_from(sorted(KINDS)), LEAVES),
        st.one_of(
            # As TikTok sends it, JSON within JSON, and as an object.
            st.dictionaries(st.sampled_from(["publish_id", "post_id", "publish_type", "reason"]), JSON).map(json.dumps),
            JSON,
        ),
        st.dictionaries(st.sampled_from(["create_time", "user_openid"]), JSON, max_size=1),
    ),
)


@given(delivery=DELIVERIES)
@settings(max_examples=100, deadline=None)
def test_a_signed_delivery_is_a_webhook_or_refused(delivery: bytes) -> None:
    """Any correctly signed body is either refused, or parsed and parsed again from storage."""
    provider, _ = tiktok()
    headers = {HEADER: signature("canary-client-secret", int(NOW.timestamp()), delivery)}

    with suppress(WebhookRefused):
        webhook = provider.webhooks.read(headers, delivery, now=NOW)
        assert isinstance(webhook, Webhook)
        assert webhook == provider.webhooks.parse(delivery)


async def test_nothing_that_is_kept_shows_a_secret_in_its_representation() -> None:
    """Configuration, grants and the answers to inits hide their secrets."""
    provider, _ = tiktok(
        httpx.Response(
            200, json={"access_token": "act.canary", "refresh_token": "rft.canary", "expires_in": 1, "open_id": "o"}
        )
    )

    grant = await provider.authorization.refresh(Secret("rft.canary"))

    assert "canary" not in repr(provider)
    assert "canary" not in repr(provider.client.config)
    assert "canary" not in repr(grant)

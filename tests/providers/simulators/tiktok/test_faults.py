"""Fault injection, in process and on a socket.

Owns: each kind of fault as a client sees it. Knows nothing of the vendor's own errors.
"""

import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from providers.simulators.faults import fault_from_json
from providers.simulators.serving import serve
from providers.simulators.tiktok import ConnectionDropped, Fault, SimulatorConfig, create_app
from tests.fixtures.clock import Clock
from tests.providers.simulators.tiktok.world import (
    CLIENT,
    PUBLISH,
    World,
    code_and_message,
    code_of,
    error_of,
    file_source,
)

INIT = f"{PUBLISH}/video/init/"
FILE = file_source(1_000)


@pytest.fixture(params=["in-process", "on-a-socket"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """Yield the same vendor, in process and over a real connection."""
    app = create_app(SimulatorConfig(processing_seconds=0, rate_limits=False), clock=Clock())
    if request.param == "in-process":
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="https://open.tiktokapis.com"
        ) as http:
            yield _world(app, http)
        return
    async with serve(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        yield _world(app, http)


def _world(app: Any, http: httpx.AsyncClient) -> World:
    made = World(app.state.vendor, http, Clock())
    made.token = made.grant()
    return made


async def test_a_status_with_headers_and_body(either: World) -> None:
    """Kind "status" sends the given response and prevents the effect."""
    either.vendor.faults.add(
        Fault(match="video.init", kind="status", status=429, headers={"Retry-After": "7"}, body="slow down")
    )

    answer = await either.direct(FILE)

    assert (429, "7", "slow down") == (answer.status_code, answer.headers["retry-after"], answer.text)
    assert [] == either.vendor.inits


async def test_a_status_is_503_by_default(either: World) -> None:
    """A status fault without a status is 503, as from an overloaded vendor."""
    either.vendor.faults.add(Fault(match="video.init", kind="status"))

    assert 503 == (await either.direct(FILE)).status_code


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("access_token_invalid", 401),
        ("scope_not_authorized", 401),
        ("scope_permission_missed", 400),
        ("invalid_params", 400),
        ("invalid_param", 400),
        ("invalid_file_upload", 400),
        ("rate_limit_exceeded", 429),
        ("internal_error", 500),
        ("spam_risk_too_many_posts", 403),
        ("spam_risk_user_banned_from_posting", 403),
        ("reached_active_user_cap", 403),
        ("unaudited_client_can_only_post_to_private_accounts", 403),
        ("url_ownership_unverified", 403),
        ("privacy_level_option_mismatch", 403),
        ("spam_risk_too_many_pending_share", 403),
        ("app_version_check_failed", 400),
        ("invalid_publish_id", 400),
        ("token_not_authorized_for_specified_publish_id", 400),
        ("publish_not_cancellable", 400),
    ],
)
async def test_every_documented_code_has_its_status(tiktok: World, code: str, status: int) -> None:
    """Each code of §3 and §4 is sent in the coded envelope with its documented status."""
    tiktok.vendor.faults.add(Fault(match="video.init", kind="error", code=code, message="because"))

    assert (status, code, "because") == code_and_message(await tiktok.direct(FILE))


async def test_an_unknown_code_with_a_chosen_status(tiktok: World) -> None:
    """An undocumented code can be injected with any status."""
    tiktok.vendor.faults.add(Fault(match="video.init", kind="error", code="moon_phase_wrong", status=418))

    assert (418, "moon_phase_wrong") == code_of(await tiktok.direct(FILE))


@pytest.mark.parametrize(
    ("kind", "extra", "content_type", "text"),
    [
        ("html", {}, "text/html; charset=utf-8", "<!DOCTYPE html>"),
        ("body", {"body": '{"data":null}'}, "application/json", '{"data":null}'),
        ("corrupt_json", {}, "application/json", '{"data":{"publish_id":"'),
    ],
)
async def test_unusable_bodies(either: World, kind: str, extra: dict[str, Any], content_type: str, text: str) -> None:
    """HTML, arbitrary JSON and truncated JSON are sent with status 200."""
    either.vendor.faults.add(Fault(match="video.init", kind=kind, **extra))

    answer = await either.direct(FILE)

    assert (200, content_type) == (answer.status_code, answer.headers["content-type"])
    assert answer.text.startswith(text)


async def test_drop_before_has_no_effect(either: World, caplog: pytest.LogCaptureFixture) -> None:
    """The client gets a transport error, no init happens, and nothing is logged."""
    either.vendor.faults.add(Fault(match="video.init", kind="drop_before"))

    with pytest.raises(httpx.TransportError):
        await either.direct(FILE)

    assert [] == either.vendor.inits
    assert [("video.init", 0)] == [(call.operation, call.status) for call in either.vendor.requests]
    assert [] == [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert (200, "ok") == code_of(await either.direct(FILE))


async def test_drop_after_has_its_effect(either: World, caplog: pytest.LogCaptureFixture) -> None:
    """The client gets the same transport error, but the init happened."""
    either.vendor.faults.add(Fault(match="video.init", kind="drop_after"))

    with pytest.raises(httpx.TransportError):
        await either.direct(FILE)

    assert 1 == len(either.vendor.inits)
    assert [] == [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_the_final_response_can_be_lost(either: World) -> None:
    """The last chunk is stored and posted although the client gets a broken connection."""
    begun = (await either.direct(FILE)).json()["data"]
    either.vendor.faults.add(Fault(match="upload", kind="drop_after"))

    with pytest.raises(httpx.TransportError):
        await either.put(begun["upload_url"], bytes(1_000), 0, 1_000)

    assert [begun["publish_id"]] == [post.publish_id for post in either.vendor.posts]


async def test_a_connection_can_break_in_the_middle_of_a_chunk(either: World) -> None:
    """Some bytes are read, none is stored, and the whole chunk is accepted afterwards."""
    begun = (await either.direct(file_source(4_000_000))).json()["data"]
    either.vendor.faults.add(Fault(match="upload", kind="drop_before", bytes=1_000_000))

    with pytest.raises(httpx.TransportError):
        await either.put(begun["upload_url"], bytes(4_000_000), 0, 4_000_000)

    assert 0 == (await either.status(begun["publish_id"]))["uploaded_bytes"]
    assert 201 == (await either.put(begun["upload_url"], bytes(4_000_000), 0, 4_000_000)).status_code


async def test_slow_waits_before_the_response() -> None:
    """Kind "slow" sleeps for its seconds before the usual response."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    app = create_app(clock=Clock(), sleep=sleep)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://open.tiktokapis.com") as http:
        tiktok = _world(app, http)
        tiktok.vendor.faults.add(Fault(match="video.init", kind="slow", seconds=30))
        answer = await tiktok.direct(FILE)

    assert [30] == pauses
    assert (200, "ok") == code_of(answer)


@pytest.mark.parametrize("kind", ["status", "error", "html", "body", "corrupt_json"])
async def test_an_effect_can_have_an_unusable_response(either: World, kind: str) -> None:
    """With `effect` the init happens although the response is unusable."""
    either.vendor.faults.add(Fault(match="video.init", kind=kind, effect=True))
    await either.direct(FILE)

    assert 1 == len(either.vendor.inits)


async def test_a_rotation_whose_response_is_lost_invalidates_the_old_token(either: World) -> None:
    """The old refresh token is invalid although the client never received the new one."""
    pair = either.vendor.grant()
    either.vendor.faults.add(Fault(match="oauth.token", kind="drop_after"))
    form = {**CLIENT, "grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}

    with pytest.raises(httpx.TransportError):
        await either.http.post("/v2/oauth/token/", data=form)

    assert (200, "invalid_grant") == error_of(await either.http.post("/v2/oauth/token/", data=form))


async def test_after_and_times_choose_the_calls(tiktok: World) -> None:
    """With after=2 and times=2 two calls pass, two are hit, and the rest pass."""
    tiktok.vendor.faults.add(Fault(match="video.init", kind="status", after=2, times=2))

    assert [200, 200, 503, 503, 200] == [(await tiktok.direct(FILE)).status_code for _ in range(5)]
    assert {"video.init status": 2} == tiktok.vendor.faults.hits


async def test_a_fault_can_hit_every_call_until_it_is_cleared(tiktok: World) -> None:
    """times=None and match="*" hit every call until the faults are cleared."""
    tiktok.vendor.faults.add(Fault(match="*", kind="status", times=None))

    assert 503 == (await tiktok.direct(FILE)).status_code
    assert 503 == (await tiktok.get("/v2/user/info/?fields=open_id")).status_code
    tiktok.vendor.faults.clear()
    assert 200 == (await tiktok.direct(FILE)).status_code


@pytest.mark.parametrize(
    ("match", "method", "path"),
    [
        ("oauth.token", "POST", "/v2/oauth/token/"),
        ("oauth.revoke", "POST", "/v2/oauth/revoke/"),
        ("user.info", "GET", "/v2/user/info/"),
        ("video.list", "POST", "/v2/video/list/"),
        ("video.query", "POST", "/v2/video/query/"),
        ("creator_info", "POST", "/v2/post/publish/creator_info/query/"),
        ("video.init", "POST", "/v2/post/publish/video/init/"),
        ("inbox.init", "POST", "/v2/post/publish/inbox/video/init/"),
        ("content.init", "POST", "/v2/post/publish/content/init/"),
        ("status", "POST", "/v2/post/publish/status/fetch/"),
        ("cancel", "POST", "/v2/post/publish/cancel/"),
        ("upload", "PUT", "/video/"),
        ("upload", "PUT", "/upload/"),
    ],
)
async def test_every_endpoint_has_a_name_to_match(tiktok: World, match: str, method: str, path: str) -> None:
    """A fault hits the endpoint of its name, and the ledger has the same name."""
    tiktok.vendor.faults.add(Fault(match=match, kind="status", status=599))

    answer = await tiktok.http.request(method, path)

    assert 599 == answer.status_code
    assert [(match, method, path, 599)] == [
        (call.operation, call.method, call.path, call.status) for call in tiktok.vendor.requests
    ]


def test_dropped_connections_are_transport_errors_of_httpx() -> None:
    """In process the client cannot distinguish an injected drop from a broken connection."""
    assert issubclass(ConnectionDropped, httpx.TransportError)


@pytest.mark.parametrize(
    "value",
    [{}, [], {"match": "upload", "kind": "explode"}, {"match": "upload", "kind": "slow", "speed": 1}],
    ids=["empty", "list", "unknown-kind", "unknown-name"],
)
def test_malformed_faults_are_refused(value: object) -> None:
    """Invalid faults raise ValueError with an explanation."""
    with pytest.raises(ValueError, match="fault"):
        fault_from_json(value)


async def test_a_client_that_disconnects_within_a_chunk_stores_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Half a chunk from a closed socket is not stored, and nothing is logged."""
    app = create_app(SimulatorConfig(processing_seconds=0), clock=Clock())
    async with serve(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        tiktok = _world(app, http)
        begun = (await tiktok.direct(file_source(4_000_000))).json()["data"]
        _send_half(begun["upload_url"], 4_000_000)
        while not any(call.operation == "upload" for call in tiktok.vendor.requests):
            await tiktok.status(begun["publish_id"])

        assert 0 == (await tiktok.status(begun["publish_id"]))["uploaded_bytes"]
        assert 201 == (await tiktok.put(begun["upload_url"], bytes(4_000_000), 0, 4_000_000)).status_code
    assert [] == [record for record in caplog.records if record.levelno >= logging.WARNING]


def _send_half(upload_url: str, size: int) -> None:
    url = httpx.URL(upload_url)
    head = (
        f"PUT {url.raw_path.decode()} HTTP/1.1\r\nHost: {url.host}:{url.port}\r\nContent-Type: video/mp4\r\n"
        f"Content-Length: {size}\r\nContent-Range: bytes 0-{size - 1}/{size}\r\n\r\n"
    )
    with socket.create_connection((url.host, url.port or 80)) as connection:
        connection.sendall(head.encode() + bytes(100_000))

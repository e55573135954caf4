"""The control endpoints under /_sim/, and the simulator on a socket.

Owns: what another process may read and change. The controls' effects have their own tests.
"""

import asyncio
import hashlib
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from providers.simulators.serving import listen, serve
from providers.simulators.tiktok import create_app
from tests.fixtures.clock import Clock
from tests.providers.simulators.tiktok.test_webhooks import Receiver, listening
from tests.providers.simulators.tiktok.world import API, World, code_of, file_source


async def _ledger(tiktok: World) -> dict[str, Any]:
    ledger: dict[str, Any] = (await tiktok.http.get("/_sim/ledger")).json()
    return ledger


async def test_the_ledger_has_the_hash_of_what_was_posted(tiktok: World) -> None:
    """The ledger has posts, inits, exchanges, calls and counts as JSON."""
    publish_id = await tiktok.upload(b"video", {"privacy_level": "SELF_ONLY", "title": "A caption"})
    tiktok.clock.advance(1)

    ledger = await _ledger(tiktok)

    [post] = ledger["posts"]
    assert (publish_id, hashlib.sha256(b"video").hexdigest(), 5, "A caption") == (
        post["publish_id"],
        post["sha256"],
        post["size"],
        post["title"],
    )
    assert {"video.init 200": 1, "upload 201": 1} == ledger["counts"]
    assert [publish_id] == [init["publish_id"] for init in ledger["inits"]]


async def test_the_ledger_has_no_secret(tiktok: World) -> None:
    """The ledger contains neither tokens nor upload URLs."""
    url = (await tiktok.direct(file_source(5))).json()["data"]["upload_url"]
    await tiktok.put(url, b"video", 0, 5)
    await tiktok.exchange(grant_type="refresh_token", refresh_token="rft.canary")

    text = (await tiktok.http.get("/_sim/ledger")).text

    for secret in (tiktok.token, url.split("upload_token=")[1], "rft.canary", "sim-client-secret"):
        assert secret not in text


async def test_uploads_in_progress_have_a_size_and_a_hash(tiktok: World) -> None:
    """The received bytes of an incomplete file are counted and hashed."""
    begun = (await tiktok.direct(file_source(20_000_005, 10_000_000, 2))).json()["data"]
    await tiktok.put(begun["upload_url"], bytes(10_000_000), 0, 20_000_005)

    row = (await tiktok.http.get("/_sim/publications")).json()[begun["publish_id"]]

    assert (10_000_000, 20_000_005, "PROCESSING_UPLOAD") == (row["received"], row["size"], row["status"])
    assert hashlib.sha256(bytes(10_000_000)).hexdigest() == row["sha256"]


async def test_faults_are_added_and_cleared(tiktok: World) -> None:
    """POST accepts one fault or several; DELETE removes all."""
    await tiktok.http.post("/_sim/faults", json={"match": "user.info", "kind": "status", "status": 500})
    await tiktok.http.post(
        "/_sim/faults", json={"faults": [{"match": "user.info", "kind": "body", "body": {"data": None}, "times": None}]}
    )
    answers = [await tiktok.get("/v2/user/info/?fields=open_id") for _ in range(2)]
    await tiktok.http.delete("/_sim/faults")
    answers.append(await tiktok.get("/v2/user/info/?fields=open_id"))

    assert [500, 200, 200] == [answer.status_code for answer in answers]
    assert '{"data": null}' == answers[1].text
    assert (200, "ok") == code_of(answers[2])


async def test_tokens_expire_and_grants_end_by_hand(tiktok: World) -> None:
    """POST expire ends access tokens, POST revoke ends a grant."""
    expired = await tiktok.http.post("/_sim/expire")
    pair = (await tiktok.http.post("/_sim/grant", json={"scopes": ["user.info.basic"]})).json()
    revoked = await tiktok.http.post("/_sim/revoke", json={"open_id": tiktok.open_id})

    assert {"expired": 1} == expired.json()
    assert "user.info.basic" == pair["scope"]
    assert {"revoked": True} == revoked.json()
    assert {"revoked": False} == (await tiktok.http.post("/_sim/revoke", json={"open_id": tiktok.open_id})).json()
    assert (401, "access_token_invalid") == code_of(
        await tiktok.get("/v2/user/info/?fields=open_id", token=pair["access_token"])
    )


async def test_creators_are_changed_and_added(tiktok: World) -> None:
    """POST creator changes a known account and adds an unknown one."""
    await tiktok.http.post("/_sim/creator", json={"open_id": tiktok.open_id, "private": True})
    await tiktok.http.post("/_sim/creator", json={"open_id": "new", "username": "new", "display_name": "New"})

    users = (await tiktok.http.get("/_sim/users")).json()

    assert users[tiktok.open_id]["private"] is True
    assert "New" == users["new"]["display_name"]


async def test_time_runs_ahead(tiktok: World) -> None:
    """POST clock advances the vendor's time and applies everything that is due."""
    publish_id = await tiktok.upload(b"video")

    answer = await tiktok.http.post("/_sim/clock?advance=60")

    assert "2026-11-20T12:01:00+00:00" == answer.json()["now"]
    assert 1 == len((await tiktok.status(publish_id))["publicaly_available_post_id"])


async def test_publications_are_ended_failed_and_posted_by_hand(tiktok: World) -> None:
    """POST advance and fail act for the vendor, POST draft acts for the user."""
    draft = await tiktok.upload(b"one", draft=True)
    await tiktok.http.post("/_sim/advance", json={"publish_id": draft})
    await tiktok.http.post("/_sim/fail", json={"reason": "internal"})
    failed = await tiktok.upload(b"two")
    tiktok.clock.advance(0.5)
    posted = await tiktok.http.post("/_sim/draft", json={"publish_id": draft})

    assert "PUBLISH_COMPLETE" == (await tiktok.status(draft))["status"]
    assert "internal" == (await tiktok.status(failed))["fail_reason"]
    assert tiktok.vendor.posts[0].post_id == posted.json()["post_id"]


async def test_a_reset_discards_everything(tiktok: World) -> None:
    """POST reset discards grants, posts, changes and advanced time."""
    await tiktok.upload(b"video")
    await tiktok.http.post("/_sim/clock?advance=60")
    await tiktok.http.post("/_sim/reset")

    ledger = await _ledger(tiktok)

    assert ([], [], []) == (ledger["posts"], ledger["inits"], ledger["requests"])
    assert (401, "access_token_invalid") == code_of(await tiktok.get("/v2/user/info/?fields=open_id"))
    assert tiktok.clock() == tiktok.vendor.now()


async def test_the_index_lists_every_control(tiktok: World) -> None:
    """GET /_sim/ describes every control in one line."""
    index = (await tiktok.http.get("/_sim/")).json()

    assert 15 == len(index)
    assert all(index.values())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"kind": "slow"}),
        ("revoke", {}),
        ("clock", {"advance": "soon"}),
        ("creator", {"open_id": "-000SimPatisserieQ6fwOTWKQzsQ", "shoe_size": 7}),
        ("advance", {"publish_id": "unknown"}),
        ("reset", []),
    ],
)
async def test_invalid_values_are_refused_with_an_explanation(tiktok: World, path: str, body: object) -> None:
    """Values that a control does not accept are 400 with the reason."""
    answer = await tiktok.http.post(f"/_sim/{path}", json=body)

    assert 400 == answer.status_code
    assert answer.json()["error"]


async def test_the_control_endpoints_are_for_loopback() -> None:
    """Callers from elsewhere are refused, but not by the consent page."""
    app = create_app(clock=Clock())
    transport = httpx.ASGITransport(app, client=("203.0.113.7", 4711))
    async with httpx.AsyncClient(transport=transport, base_url=API) as http:
        assert 403 == (await http.get("/_sim/ledger")).status_code
        assert 400 == (await http.post("/_sim/consent")).status_code


async def test_a_webhook_is_sent_by_hand() -> None:
    """POST webhook sends any event with any content."""
    receiver = Receiver()
    async with listening(receiver) as tiktok:
        body = {"event": "video.publish.completed", "open_id": "someone", "content": {"share_id": "s"}}
        await tiktok.http.post("/_sim/webhook", json=body)
        await tiktok.vendor.idle()

    assert [("video.publish.completed", "someone", {"share_id": "s"})] == [
        (event["event"], event["user_openid"], event["content"]) for event in receiver.events
    ]


def test_sockets_are_tcp_by_name() -> None:
    """Sockets have IPPROTO_TCP; without it asyncio leaves Nagle's algorithm on."""
    with listen() as bound:
        assert socket.IPPROTO_TCP == bound.proto


async def test_served_on_a_socket_uploads_go_to_the_same_address() -> None:
    """The upload URL has the address of the init call."""
    app = create_app()
    async with serve(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        token = app.state.vendor.grant()["access_token"]
        tiktok = World(app.state.vendor, http, Clock(), token)
        answer = await tiktok.direct(file_source(5))

    assert answer.json()["data"]["upload_url"].startswith(f"{url}/video/?upload_id=")


async def test_run_ends_with_sigterm() -> None:
    """A simulator in its own process answers and stops cleanly on SIGTERM."""
    program = (
        "from functools import partial\n"
        "from providers.simulators.serving import run\n"
        "from providers.simulators.tiktok import create_app\n"
        "run(create_app(), on_ready=partial(print, flush=True))\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[4]
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            users = (await http.get("/_sim/users")).json()
    finally:
        process.send_signal(signal.SIGTERM)
        code = await process.wait()

    assert 2 == len(users)
    assert 0 == code

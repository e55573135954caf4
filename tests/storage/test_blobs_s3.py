"""Blobs in an object store: read back exactly, and every way in which the store fails is named."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import obstore
import pytest
from obstore.store import ObjectStore

from storage.blobs import BlobStore, StoreUnavailable
from storage.errors import NotFound
from tests.fixtures.s3 import S3

MIB = 1 << 20
LATER = datetime(2100, 1, 1, tzinfo=UTC)
PROBE = "uploads/probe-1"


def opened(s3: S3, monkeypatch: pytest.MonkeyPatch, *actions: str, **variables: str) -> BlobStore:
    """Open the store as a user who may do `actions` (everything, if none are named)."""
    for name, value in {**s3.environment(*actions), **variables}.items():
        monkeypatch.setenv(name, value)
    return BlobStore.open(s3.url)


async def failure(blobs: BlobStore) -> StoreUnavailable:
    """Prove a store that does not work, and return the error."""
    with pytest.raises(StoreUnavailable) as caught:
        await blobs.prove(PROBE, seconds=10)
    assert caught.value.advice
    return caught.value


async def test_bytes_come_back_from_s3(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is stored in one request, read in ranges, listed and deleted."""
    blobs = opened(s3, monkeypatch)
    data = os.urandom(8 * MIB)
    await blobs.put("uploads/l1/u1/0-x", memoryview(data))
    pieces = [piece async for piece in blobs.stream("uploads/l1/u1/0-x", 5, len(data))]
    with pytest.raises(OSError, match="ends before"):
        _ = [piece async for piece in blobs.stream("uploads/l1/u1/0-x", 0, len(data) + 1)]
    listed = [key async for keys in blobs.older("uploads", LATER) for key in keys]
    await blobs.delete(["uploads/l1/u1/0-x", "uploads/l1/u1/none"])

    assert data[5:] == b"".join(pieces)
    assert ["uploads/l1/u1/0-x"] == listed
    assert [] == s3.names()


async def test_a_proof_leaves_nothing(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that works takes, returns and deletes a small blob."""
    await opened(s3, monkeypatch).prove(PROBE)
    assert [] == s3.names()


async def test_a_store_without_ranges_is_found_out(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that answers a part with other bytes than were written there would send vendors the wrong chunk."""

    async def whole(store: ObjectStore, key: str, **_: int) -> bytes:
        return bytes(await (await obstore.get_async(store, key)).bytes_async())

    monkeypatch.setattr("storage.blobs.obstore.get_range_async", whole)
    with pytest.raises(StoreUnavailable, match="other bytes"):
        await opened(s3, monkeypatch).prove(PROBE)
    assert [] == s3.names()


async def test_a_missing_bucket_is_named(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its bucket a store says so, until there is one."""
    blobs = opened(s3, monkeypatch)
    s3.remove_bucket()
    error = await failure(blobs)
    s3.make_bucket()
    await blobs.prove(PROBE)

    assert ("there is no such bucket", True) == (str(error), error.lasting)


async def test_a_missing_bucket_is_no_missing_blob(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blob is lost only if its bucket is there: a wrong bucket must not fail the posts that need the blob."""
    blobs = opened(s3, monkeypatch)
    with pytest.raises(NotFound):
        _ = [piece async for piece in blobs.stream("uploads/a", 0, 5)]
    s3.remove_bucket()
    attempts: list[Callable[[], object]] = [
        lambda: anext(blobs.stream("uploads/a", 0, 5)),
        lambda: blobs.put("uploads/a", b"x"),
        lambda: blobs.delete(["uploads/a"]),
        lambda: anext(blobs.older("uploads", LATER)),
    ]
    for attempt in attempts:
        with pytest.raises(StoreUnavailable, match="no such bucket"):
            await attempt()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("variables", "actions", "text", "advice"),
    [
        ({"AWS_ACCESS_KEY_ID": "canary-unknown"}, (), "does not know the access key", "AWS_ACCESS_KEY_ID"),
        ({"AWS_SECRET_ACCESS_KEY": "canary-wrong"}, (), "secret does not belong", "AWS_SECRET_ACCESS_KEY"),
        ({}, ("s3:GetObject",), "refuses the key", "s3:PutObject"),
        ({}, ("s3:PutObject",), "refuses the key", "s3:GetObject"),
        ({}, ("s3:PutObject", "s3:GetObject"), "refuses the key", "s3:DeleteObject"),
        ({"AWS_ALLOW_HTTP": "false"}, (), "http, which is not allowed", "AWS_ALLOW_HTTP"),
    ],
    ids=["unknown key", "wrong secret", "no write", "no read", "no delete", "http"],
)
async def test_what_is_refused_says_what_to_do(
    variables: dict[str, str],
    actions: tuple[str, ...],
    text: str,
    advice: str,
    s3: S3,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What only an operator can change is lasting and names the variable or the permission, never a value."""
    error = await failure(opened(s3, monkeypatch, *actions, **variables))
    said = f"{error} {error.advice}"
    assert (True, True, True) == (text in str(error), advice in error.advice, error.lasting), said
    assert "canary" not in said
    assert "127.0.0.1" not in said


async def test_a_server_that_is_away_is_not_lasting(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that refuses connections may come back, and works then."""
    blobs = opened(s3, monkeypatch)
    s3.leave()
    error = await failure(blobs)
    s3.come_back()
    await blobs.prove(PROBE)

    assert ("the store does not answer", False) == (str(error), error.lasting)


async def test_a_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that accepts connections and says nothing is given up when the time is over."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for name, value in {"ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "ALLOW_HTTP": "true"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(StoreUnavailable, match="does not answer within") as caught:
            await BlobStore.open("s3://bucket").prove(PROBE, seconds=0.1)
    assert not caught.value.lasting


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("AWS_ENDPOINT_URL", "127.0.0.1:9000", "AWS_ENDPOINT_URL must begin"),
        ("AWS_ALLOW_HTTP", "perhaps", "boolean"),
        ("AWS_SECRET_ACCESS_KEY", None, "SecretAccessKey"),
    ],
)
def test_variables_that_cannot_be_right_are_refused(
    variable: str, value: str | None, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store whose variables contradict themselves is not opened; nobody is asked."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match="blob URL") as caught:
        BlobStore.open("s3://bucket")
    assert says in str(caught.value)


WRITER = """
import asyncio, sys
from storage.blobs import BlobStore
asyncio.run(BlobStore.open(sys.argv[1]).put("uploads/l1/u1/0-x", bytes(32 << 20)))
"""


def pass_on(listening: socket.socket, port: int, size: int, passed: threading.Event) -> None:
    """Relay connections to a port until `size` bytes went there; then hold everything back."""

    def relay(source: socket.socket, sink: socket.socket, count: bool) -> None:
        nonlocal size
        with suppress(OSError):
            while size > 0 and (data := source.recv(65536)):
                sink.sendall(data)
                size -= len(data) if count else 0
        if size <= 0:
            passed.set()

    with suppress(OSError):
        while True:
            client, _ = listening.accept()
            server = socket.create_connection(("127.0.0.1", port))
            for ends in ((client, server, True), (server, client, False)):
                threading.Thread(target=relay, args=ends, daemon=True).start()


def test_a_put_that_is_killed_leaves_nothing_in_s3(s3: S3) -> None:
    """A process killed in the middle of a put leaves neither an object nor an incomplete multipart upload."""
    passed = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        relay = (listening, s3.port, 16 * MIB, passed)
        threading.Thread(target=pass_on, args=relay, daemon=True).start()
        endpoint = f"http://127.0.0.1:{listening.getsockname()[1]}"
        environment = {**os.environ, **s3.environment(), "AWS_ENDPOINT_URL": endpoint}
        with subprocess.Popen([sys.executable, "-c", WRITER, s3.url], env=environment) as writer:
            assert passed.wait(60)
            writer.kill()

    assert ([], []) == (s3.names(), s3.unfinished())

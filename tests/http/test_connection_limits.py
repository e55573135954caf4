"""Deadlines for what a peer must do: send a head, send a body, read the response, ask again.

Owns the proofs of `gateway/http/connection_limits.py`, on real sockets and with a time that the tests move. Who makes
room for whom is proved in `tests/http/test_places.py`.
"""

import asyncio
from typing import Any

import pytest

from gateway.http.connection_limits import Limits, Waiting
from gateway.http.pace import Pace
from gateway.http.serving import HttpServer
from tests.fixtures.timers import Timers
from tests.fixtures.waiting import until
from tests.http.sockets import GET, POST, ask, closed, connect, serving, status

HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


async def page(scope: Any, receive: Any, send: Any) -> None:
    """Answer at once."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


class Reading:
    """A page that reads the whole body first."""

    def __init__(self) -> None:
        self.received, self.given_up, self.asked = 0, 0, asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Read, and answer."""
        self.asked.set()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.given_up += 1
                return
            self.received += len(message["body"])
            more = message["more_body"]
        await page(scope, receive, send)


def connections(server: HttpServer) -> list[Any]:
    """Return the server's connections."""
    return list(server._server.server_state.connections)


def heard(server: HttpServer) -> int:
    """Return how many bytes have arrived of what the server's connections wait for."""
    return sum(each._received for each in connections(server))


def open_connections(server: HttpServer) -> int:
    """Return how many connections the server has."""
    return len(connections(server))


def waits(server: HttpServer, what: Waiting) -> bool:
    """Return whether a connection waits for this."""
    return any(each._waiting is what for each in connections(server))


async def test_a_peer_that_sends_no_head_is_disconnected() -> None:
    """A connection without a complete head is closed after ten seconds."""
    timers = Timers()
    async with serving(page, timers=timers) as server:
        for first in (b"", HEAD):
            reader, writer = await connect(server, first)
            await until(lambda first=first: (open_connections(server), heard(server)) == (1, len(first)))
            timers.advance(9.9)
            assert 1 == open_connections(server)
            timers.advance(0.2)
            assert await closed(reader)
            writer.close()


@pytest.mark.parametrize(("size", "seconds"), [(100, 12), (2048, 20)], ids=["too slow", "too long"])
async def test_a_head_that_drips_is_not_waited_for(size: int, seconds: int) -> None:
    """Bytes extend the time for a head by what they are worth at the minimum pace, and by ten seconds at most."""
    timers = Timers()
    async with serving(page, timers=timers) as server:
        reader, writer = await connect(server, HEAD)
        sent = len(HEAD)
        for second in range(seconds):
            await until(lambda sent=sent: heard(server) == sent)
            assert 1 == open_connections(server), second
            writer.write(b"x-filler: " + b"y" * (size - 12) + b"\r\n")
            sent += size
            await until(lambda sent=sent: heard(server) == sent)
            timers.advance(1)
        assert await closed(reader)
        writer.close()


async def test_a_body_that_never_comes_is_given_up() -> None:
    """An announced body of which nothing arrives ends after fifteen seconds, and the page learns it."""
    timers, reading = Timers(), Reading()
    async with serving(reading, timers=timers) as server:
        reader, writer = await connect(server, POST)
        await reading.asked.wait()
        timers.advance(14.9)
        assert 1 == open_connections(server)
        timers.advance(0.2)
        assert await closed(reader)
        await until(lambda: reading.given_up == 1)
        writer.close()


async def test_a_body_below_the_pace_is_given_up() -> None:
    """A hundred bytes a second are too slow: after some sixteen seconds the connection is closed."""
    timers, reading = Timers(), Reading()
    async with serving(reading, timers=timers) as server:
        reader, writer = await connect(server, POST)
        for second in range(16):
            assert (1, 100 * second) == (open_connections(server), reading.received)
            writer.write(b"x" * 100)
            await until(lambda second=second: reading.received == 100 * (second + 1))
            timers.advance(1)
        timers.advance(1)
        assert await closed(reader)
        writer.close()


async def test_a_slow_body_above_the_pace_is_answered() -> None:
    """A peer that takes 55 seconds, at a little more than a kilobyte a second, is a peer like any other."""
    timers, reading = Timers(), Reading()
    async with serving(reading, timers=timers) as server:
        reader, writer = await connect(server, POST.replace(b"100000", b"60500"))
        for second in range(55):
            writer.write(b"x" * 1100)
            await until(lambda second=second: reading.received == 1100 * (second + 1))
            timers.advance(1)
        assert 200 == await status(reader)
        writer.close()


async def test_a_body_without_end_is_given_up() -> None:
    """However fast it comes, a body ends the connection after 65 seconds."""
    timers, reading = Timers(), Reading()
    async with serving(reading, timers=timers) as server:
        reader, writer = await connect(server, CHUNKED)
        for second in range(13):
            assert 1 == open_connections(server)
            writer.write(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
            await until(lambda second=second: reading.received == 10_000 * (second + 1))
            timers.advance(5)
        assert await closed(reader)
        writer.close()


async def test_a_page_may_be_slower_than_the_pace() -> None:
    """While the page does not take what has arrived, the peer cannot send, and is not held to any pace."""
    timers, told, reading = Timers(), asyncio.Event(), Reading()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await told.wait()
        await reading(scope, receive, send)

    async with serving(slow, timers=timers) as server:
        reader, writer = await connect(server, POST + b"x" * 70_000)
        await until(lambda: any(each.flow.read_paused for each in connections(server)))
        timers.advance(300)
        assert 1 == open_connections(server)
        told.set()
        writer.write(b"x" * 30_000)
        assert 200 == await status(reader)
        writer.close()


@pytest.mark.parametrize("rest", [b"", b"x" * 50_000, b"x" * 100_000 + HEAD], ids=["silent", "body", "head"])
async def test_a_connection_is_not_kept_idle(rest: bytes) -> None:
    """After a response the next head must come; bytes of a body that nobody reads do not extend the time."""
    timers = Timers()
    async with serving(page, timers=timers) as server:
        reader, writer = await connect(server, POST)
        assert 200 == await status(reader)
        timers.advance(9)
        writer.write(rest)
        await writer.drain()
        if rest.endswith(HEAD):
            await until(lambda: waits(server, Waiting.HEAD))
            timers.advance(9.9)
        else:
            await until(lambda: heard(server) == len(rest))
            timers.advance(20.9)
        assert 1 == open_connections(server)
        timers.advance(0.2)
        assert await closed(reader)
        writer.close()


async def test_who_asks_in_time_stays() -> None:
    """Several requests go over one connection, one after the other and two at once, for as long as one likes."""
    timers = Timers()
    async with serving(page, timers=timers) as server:
        reader, writer = await connect(server)
        for count in (1, 2, 1, 3):
            writer.write(GET * count)
            assert [200] * count == [await status(reader) for _ in range(count)]
            timers.advance(29)
        writer.close()


async def test_an_answer_may_take_its_time() -> None:
    """A complete request is answered, however long that takes."""
    timers, inside, told = Timers(), asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        inside.set()
        await told.wait()
        await page(scope, receive, send)

    async with serving(slow, timers=timers) as server:
        asking = asyncio.create_task(ask(server))
        await inside.wait()
        timers.advance(3600)
        told.set()
        assert 200 == await asking


async def test_a_response_that_nobody_reads_is_given_up() -> None:
    """A peer that reads nothing for a minute is disconnected; one that reads a little now and then is not."""
    timers, ended = Timers(), asyncio.Event()

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while connections(server):
            await asyncio.sleep(0)
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        ended.set()

    async with serving(endless, timers=timers) as server:
        reader, writer = await connect(server, GET)

        for _ in range(3):
            await until(lambda: waits(server, Waiting.READER))
            timers.advance(50)
            assert 1 == open_connections(server)
            # The buffers of both sockets must have room again before the server can write.
            while waits(server, Waiting.READER):
                assert await reader.read(1_000_000)
        await until(lambda: waits(server, Waiting.READER))
        timers.advance(60.1)
        assert await closed(reader)
        await ended.wait()
        writer.close()


async def test_a_connection_that_is_being_closed_has_a_deadline() -> None:
    """A page that fails in the middle ends the connection, also when the peer does not read what was sent before."""
    timers, ended = Timers(), asyncio.Event()

    async def failing(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        [connection] = connections(server)
        # Until the buffers of the sockets are full, but not so much that the page has to wait for the peer.
        while not connection.transport.get_write_buffer_size():
            await asyncio.sleep(0)
            await send({"type": "http.response.body", "body": b"x" * 30_000, "more_body": True})
        ended.set()
        raise RuntimeError("the bytes are lost")

    async with serving(failing, timers=timers) as server:
        _, writer = await connect(server, GET)
        await ended.wait()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert 1 == open_connections(server)
        timers.advance(60.1)
        await until(lambda: open_connections(server) == 0)
        writer.close()


async def test_the_deadlines_are_kept_in_real_time() -> None:
    """The same with the event loop's own time: silent heads, bodies and idle connections are closed by themselves."""
    soon = Pace(first_seconds=0.1, bytes_per_second=1e6, total_seconds=0.2)
    async with serving(Reading(), limits=Limits(head=soon, body=soon, keep_alive_seconds=0.1)) as server:
        for first in (b"", HEAD, POST, GET):
            reader, writer = await connect(server, first)
            assert await closed(reader)
            writer.close()

"""HTTP/2 by hand, for what no client library does: to open a call and never take what comes back.

Owns the few frames that this needs (RFC 9113, RFC 7541 without compression). Asserts nothing.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

HEADERS, SETTINGS = 1, 4
_END_HEADERS, _ACK = 4, 1
_INITIAL_WINDOW = 4
_EMPTY_MESSAGE = b"\0\0\0\0\0"


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _header(name: str, value: str) -> bytes:
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def _opening(path: str) -> bytes:
    """Write a connection's first bytes: no answer fits through its windows; one call, with an empty message."""
    headers = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "x"}
    headers |= {"content-type": "application/grpc", "te": "trailers"}
    block = b"".join(_header(name, value) for name, value in headers.items())
    closed = _frame(SETTINGS, 0, 0, struct.pack(">HI", _INITIAL_WINDOW, 0))
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    return preface + closed + _frame(HEADERS, _END_HEADERS, 1, block) + _frame(0, 1, 1, _EMPTY_MESSAGE)


@asynccontextmanager
async def silent_call(port: int, path: str) -> AsyncIterator[None]:
    """Call a method and take nothing of its answer but the headers, for the length of a block."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_opening(path))
    kind = None
    while kind != HEADERS:
        head = await reader.readexactly(9)
        kind = head[3]
        await reader.readexactly(int.from_bytes(head[:3], "big"))
        if kind == SETTINGS and not head[4] & _ACK:
            writer.write(_frame(SETTINGS, _ACK, 0))
    try:
        yield
    finally:
        writer.close()

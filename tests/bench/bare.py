"""The servers that the gateway is measured against, each a program: `python -m tests.bench.bare echo|sink|raw`.

Owns the least that such a server must do. Each prints its port and serves until its standard input ends.
"""

import asyncio
import hashlib
import socket
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import grpc
import uvloop

from socialgateway.v1 import post_service_pb2, upload_pb2, upload_service_pb2

# The same as the gateway's, whose messages may be larger than gRPC's default.
OPTIONS = [("grpc.max_receive_message_length", 32 << 20), ("grpc.so_reuseport", 0)]
METHOD = "/bare.Bare/Call"


async def echo(request: Any, context: Any) -> Any:
    """Send the request back."""
    return request


async def sink(requests: AsyncIterator[Any], context: Any) -> Any:
    """Hash what comes, keep nothing."""
    digest, size = hashlib.sha256(), 0
    async for request in requests:
        data = request.data
        digest.update(data)
        size += len(data)
    return upload_pb2.Upload(sha256=digest.hexdigest(), committed_size=size)


def echo_handler() -> Any:
    """Return the echo as a unary method of a real message."""
    message = post_service_pb2.GetPostRequest
    return grpc.unary_unary_rpc_method_handler(echo, message.FromString, message.SerializeToString)


def sink_handler() -> Any:
    """Return the sink as a client-streaming method of real messages."""
    return grpc.stream_unary_rpc_method_handler(
        sink, upload_service_pb2.WriteUploadRequest.FromString, upload_pb2.Upload.SerializeToString
    )


async def serve_grpc(handler: Any) -> None:
    """Serve one method, with nothing around it."""
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bare.Bare", {"Call": handler}),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(0)


def serve_raw() -> None:
    """Take PUTs on a socket, drop the bytes, answer 201: the least a vendor can do."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=_accept, args=(listener,), daemon=True).start()
    sys.stdin.read()


def _accept(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_drain, args=(connection,), daemon=True).start()


def _drain(connection: socket.socket) -> None:
    room = bytearray(1 << 20)
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = b""
        while True:
            while b"\r\n\r\n" not in head:
                received = connection.recv(65536)
                if not received:
                    return
                head += received
            lines, _, body = head.partition(b"\r\n\r\n")
            if b"100-continue" in lines.lower():
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            left = _length(lines) - len(body)
            while left > 0:
                received_bytes = connection.recv_into(room, min(left, len(room)))
                if not received_bytes:
                    return
                left -= received_bytes
            connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
            head = b""


def _length(lines: bytes) -> int:
    for line in lines.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def main(kind: str) -> None:
    """Serve one kind."""
    if kind == "raw":
        serve_raw()
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve_grpc(echo_handler() if kind == "echo" else sink_handler()))


if __name__ == "__main__":
    main(sys.argv[1])

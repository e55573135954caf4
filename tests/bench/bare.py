"""The servers that the gateway is measured against, each a program: `python -m tests.bench.bare echo|sink|raw`.

Owns the least that such a server must do. Each prints its port and serves until its standard input ends.
"""

import asyncio
import hashlib
import sys
import threading
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import uvloop

from socialgateway.v1 import post_service_pb2, upload_pb2, upload_service_pb2

# The same as the gateway's, whose messages may be larger than gRPC's default.
OPTIONS = [("grpc.max_receive_message_length", 32 << 20), ("grpc.so_reuseport", 0)]
METHOD = "/bare.Bare/Call"
ROOM_BYTES = 1 << 20


async def echo(request: Any, context: Any) -> Any:
    """Send the request back."""
    return request


async def sink(requests: AsyncIterator[Any], context: Any) -> Any:
    """Hash the messages and drop them."""
    digest, size = hashlib.sha256(), 0
    async for request in requests:
        data = request.data
        digest.update(data)
        size += len(data)
    return upload_pb2.Upload(sha256=digest.hexdigest(), committed_size=size)


HANDLERS = {
    "echo": grpc.unary_unary_rpc_method_handler(
        echo, post_service_pb2.GetPostRequest.FromString, post_service_pb2.GetPostRequest.SerializeToString
    ),
    "sink": grpc.stream_unary_rpc_method_handler(
        sink, upload_service_pb2.WriteUploadRequest.FromString, upload_pb2.Upload.SerializeToString
    ),
}


async def serve_grpc(handler: Any) -> None:
    """Serve one method, with nothing around it."""
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bare.Bare", {"Call": handler}),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(0)


class Raw(BaseHTTPRequestHandler):
    """Reads PUTs, drops the bytes, answers 201: the least a vendor can do."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_PUT(self) -> None:
        """Read the body into one buffer."""
        left, room = int(self.headers["Content-Length"]), memoryview(bytearray(ROOM_BYTES))
        while left and (received := self.rfile.readinto(room[: min(left, ROOM_BYTES)])):
            left -= received
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *message: Any) -> None:
        """Write nothing."""


def serve_raw() -> None:
    """Serve PUTs on a socket, a thread for each connection."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Raw)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


def main(kind: str) -> None:
    """Serve one kind."""
    if kind == "raw":
        serve_raw()
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve_grpc(HANDLERS[kind]))


if __name__ == "__main__":
    main(sys.argv[1])

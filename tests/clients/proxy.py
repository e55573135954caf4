"""A TCP proxy before the gateway that breaks connections: as a network does, in the middle of what is being sent.

Owns the bytes' way and when it is cut. Knows nothing of gRPC.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread

BLOCK = 64 * 1024


class Proxy:
    """Forwards to `target`; the connections of the moment break once `limit` bytes have come from clients."""

    def __init__(self, target: tuple[str, int], limit: int) -> None:
        self._target, self._left = target, limit
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self.cuts = 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self.server.getsockname())

    def accept(self) -> None:
        """Forward every connection, until the server is closed."""
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            with self._lock:
                self._open |= {near, far}
            Thread(target=self._forward, args=(near, far, True), daemon=True).start()
            Thread(target=self._forward, args=(far, near, False), daemon=True).start()

    def cut(self) -> None:
        """Break every connection that is open now."""
        with self._lock:
            broken, self._open = self._open, set()
        self.cuts += 1
        for each in broken:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _forward(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(BLOCK):
                sink.sendall(data)
                if counted and self._used_up(len(data)):
                    self.cut()
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _used_up(self, size: int) -> bool:
        with self._lock:
            before, self._left = self._left, self._left - size
        return before > 0 >= self._left


@contextmanager
def running(target: str, limit: int) -> Iterator[Proxy]:
    """Yield a proxy before `host:port`."""
    host, _, port = target.rpartition(":")
    proxy = Proxy((host, int(port)), limit)
    thread = Thread(target=proxy.accept, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown(socket.SHUT_RDWR)
        proxy.server.close()
        proxy.cut()
        thread.join()

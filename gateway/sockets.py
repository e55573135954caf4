"""The sockets that gRPC opened for one address, found among this process's descriptors.

Owns closing the listeners alone, and closing connections one by one. gRPC can only close everything at once, and ends
the calls that arrive in that moment as CANCELLED (https://github.com/grpc/grpc/issues/41785; 1.85.1, 2026-11-30). The
calls on a connection that is closed end as UNAVAILABLE in every client. Does not know what runs on a connection.
"""

import contextlib
import fcntl
import os
import socket
import stat
import struct
import termios
from collections.abc import Container, Iterator
from dataclasses import dataclass

_FOLDER = "/dev/fd"


@dataclass(frozen=True, slots=True)
class ServerSockets:
    """The sockets bound to `port`, or to the name of a Unix socket."""

    local: int | str | bytes

    def stop_listening(self) -> None:
        """Close the listeners: whoever connects now is refused.

        A socket that listens to nothing takes over the descriptor, so that gRPC never calls `accept` on a closed one,
        which it would log as an error.
        """
        for descriptor, copy in self._found():
            if copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                with socket.socket(copy.family, copy.type) as nothing:
                    os.dup2(nothing.fileno(), descriptor, inheritable=False)

    def close_idle(self, busy: Container[str], *, flush: bool = True) -> int:
        """Close the connections whose `peer_key` is not in `busy`, and return how many others there are.

        With `flush`, connections with bytes that the client has not received yet are left open too.
        """
        left = 0
        for _, copy in self._found():
            try:
                key = _key(copy.getpeername())
                if key in busy or (flush and _unsent(copy)):
                    left += 1
                else:
                    copy.shutdown(socket.SHUT_RDWR)
            except OSError:
                # A listener, or a connection that is closed already.
                continue
        return left

    def _found(self) -> Iterator[tuple[int, socket.socket]]:
        """Yield each descriptor with a duplicate, which cannot turn into another file between the check and its use."""
        for descriptor in _descriptors():
            copy = _duplicate(descriptor)
            if copy is not None:
                with copy:
                    if self._is_ours(copy):
                        yield descriptor, copy

    def _is_ours(self, found: socket.socket) -> bool:
        try:
            name = found.getsockname()
        except OSError:
            return False
        if found.type != socket.SOCK_STREAM:
            return False
        return bool(self.local == (name[1] if isinstance(name, tuple) else name))


def of_address(address: str, port: int) -> ServerSockets:
    """Return the sockets of an address as gRPC writes it; `port` is the one that was bound."""
    scheme, _, rest = address.partition(":")
    if scheme == "unix":
        return ServerSockets(rest.removeprefix("//"))
    if scheme == "unix-abstract":
        return ServerSockets(b"\0" + rest.encode())
    return ServerSockets(int(rest.rpartition(":")[2]) if scheme == "vsock" else port)


def peer_key(peer: str) -> str:
    """Return what tells connections apart in gRPC's name of a peer: its port; "" where peers have none.

    Two peers with one port count as one, so a connection may stay open for longer, and never for less.
    """
    port = peer.rpartition(":")[2]
    return port if port.isdecimal() else ""


def _key(name: object) -> str:
    return str(name[1]) if isinstance(name, tuple) else ""


def _descriptors() -> list[int]:
    """Return the descriptors of all open sockets; none where the system does not list them."""
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir(_FOLDER):
            with contextlib.suppress(OSError):
                if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                    found.append(int(name))
    return found


def _duplicate(descriptor: int) -> socket.socket | None:
    try:
        copy = os.dup(descriptor)
    except OSError:
        return None
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None


def _unsent(connection: socket.socket) -> int:
    """Return how many bytes the peer has not acknowledged; 0 where the system does not tell."""
    try:
        return int(struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0" * 4))[0])
    except OSError:
        return 0

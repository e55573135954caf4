"""The addresses that a server listens on: everything that its `host:port` stands for, or nothing.

Owns resolving and binding. A name can stand for several addresses (`localhost` for 127.0.0.1 and ::1); a server that
has only one of them would look healthy while another process answers on the other. Does not know what is served.
"""

import errno
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""What binding answers where this machine does not have the address, such as ::1 without IPv6."""

_Target = tuple[socket.AddressFamily, Any]


def bind(address: str, setting: str, *, shared: bool = False) -> list[socket.socket]:
    """Bind every address that `host:port` stands for, all to the same port (0 picks a free one); an IPv6 host is in
    brackets, and none means every IPv4 address.

    With `shared`, other processes of this user may bind the same ones if they say so too (SO_REUSEPORT). Raises OSError
    with the setting and the address that cannot be bound; nothing stays bound then. An address that this machine does
    not have is left out if it has another.
    """
    try:
        targets = _resolve(address)
    except (OSError, ValueError) as error:
        raise OSError(f"{setting} {address}: {error}") from error
    bound: list[socket.socket] = []
    absent: OSError | None = None
    with ExitStack() as stack:
        for family, (host, port, *rest) in targets:
            if bound and not port:
                port = bound[0].getsockname()[1]
            try:
                bound.append(stack.enter_context(_bind(family, (host, port, *rest), shared)))
            except (OSError, OverflowError) as error:
                if isinstance(error, OSError) and error.errno in _ABSENT:
                    absent = error
                    continue
                raise OSError(f"{setting} {address}: {_text(host, port)}: {error}") from error
        if not bound:
            raise OSError(f"{setting} {address}: {absent}") from absent
        stack.pop_all()
    return bound


def free(address: str, setting: str, *, shared: bool = False) -> list[str]:
    """Return every `ip:port` that `host:port` stands for, all of which can be bound now; raises OSError as `bind`."""
    port = address.rpartition(":")[2]
    bound = bind(address, setting, shared=shared)
    found = [_text(each.getsockname()[0], int(port)) for each in bound]
    for each in bound:
        each.close()
    return found


def _resolve(address: str) -> Sequence[_Target]:
    """Return the socket addresses that `host:port` stands for, each once."""
    host, _, port = address.rpartition(":")
    number = int(port)
    if not 0 <= number <= 0xFFFF:
        raise ValueError("port must be 0-65535")
    name = host.strip("[]") or "0.0.0.0"  # noqa: S104
    # Both, whatever the hosts file says (RFC 6761, 6.3): clients with a resolver of their own try both.
    names = ("127.0.0.1", "::1") if name.lower() == "localhost" else (name,)
    found = [each for name in names for each in socket.getaddrinfo(name, number, type=socket.SOCK_STREAM)]
    return list(dict.fromkeys((family, target) for family, _, _, _, target in found))


def _bind(family: socket.AddressFamily, target: Any, shared: bool) -> socket.socket:
    """Return a bound socket, which is created with IPPROTO_TCP: without it asyncio leaves Nagle's algorithm on, which
    costs 44 ms per call.
    """
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(target)
    except BaseException:
        bound.close()
        raise
    return bound


def _text(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""Connections to strangers: a name is resolved once, judged, and exactly what was judged is connected to.

Owns the resolver and the connector for addresses that callers give. Which IP addresses are public is `public.py`'s;
what is sent and read is `fetch.py`'s.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client import ClientTimeout
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from providers.http import trust
from providers.http.public import HTTPS_PORT, is_plain, may_connect

LOOKUPS_AT_ONCE = 4

Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""Gives the IP addresses of a name; raises OSError."""


class Refused(Exception):
    """A name, or a connection, leads somewhere else than to the public internet."""


class SystemLookup:
    """The system's resolver, in threads of its own: a stranger's slow name server holds up nobody else's lookups."""

    def __init__(self) -> None:
        """Start no thread before the first lookup."""
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="lookup")

    async def __call__(self, host: str) -> Sequence[str]:
        """Return the addresses of a name, each once; raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, socket.getaddrinfo, host, None, 0, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG
        )
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def close(self) -> None:
        """Take no more lookups."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class GuardedResolver(AbstractResolver):
    """Gives the addresses of a name only when every one of them may be connected to.

    One bad address refuses the whole name: who mixes public and private ones hopes for the second try.
    """

    def __init__(self, lookup: Lookup, *, allow_loopback: bool) -> None:
        """Ask `lookup`, once for each connection: there is no second answer that could differ from the judged one."""
        self._lookup = lookup
        self._allow_loopback = allow_loopback

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve and judge; raises Refused, and OSError when there is no address."""
        found = await self._lookup(host)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        plain = port != HTTPS_PORT
        if not all(may_connect(each, plain=plain, allow_loopback=self._allow_loopback) for each in found):
            raise Refused
        return [_result(host, each, port) for each in found]

    async def close(self) -> None:
        """Nothing is held here."""


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=flags)


class GuardedConnector(aiohttp.TCPConnector):
    """Connects through a guarded resolver, and looks once more at who is there before a byte of a request leaves.

    The connector resolves no IP literals, so this look is also what holds for them. No connection is used twice.
    """

    def __init__(self, resolver: GuardedResolver, *, allow_loopback: bool) -> None:
        """Verify certificates as every client of ours does: those of SSL_CERT_FILE, else of certifi."""
        super().__init__(
            resolver=resolver,
            use_dns_cache=False,
            force_close=True,
            limit=0,
            ssl=trust.context(),
        )
        self._allow_loopback = allow_loopback

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        """Connect; raises Refused when the other end is not one that may be connected to."""
        connection = await super().connect(req, traces, timeout)
        peer = connection.transport.get_extra_info("peername") if connection.transport else None
        if peer and may_connect(str(peer[0]), plain=is_plain(req.url), allow_loopback=self._allow_loopback):
            return connection
        connection.close()
        if peer is None:
            raise ConnectionResetError
        raise Refused

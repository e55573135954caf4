"""Connections to untrusted hosts: a name is resolved once, checked, and the checked address is connected to.

Owns the resolver, the connector and the session for callers' URLs. Which IP addresses are public is decided in
`public.py`; what is sent and read is in `fetch.py` and `post.py`.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client import ClientTimeout
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from providers.http import trust
from providers.http.client import user_agent
from providers.http.public import HTTPS_PORT, is_plain, may_connect

LOOKUPS_AT_ONCE = 4
READ_AHEAD = 256 * 1024

Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""Returns the IP addresses of a name; raises OSError."""


class Refused(Exception):
    """A name or a connection does not lead to the public internet."""


class SystemLookup:
    """The system's resolver in a separate thread pool, so that slow name servers do not block other work."""

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
        """Accept no more lookups, and cancel the waiting ones."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class GuardedResolver(AbstractResolver):
    """A resolver that returns the addresses of a name only if connecting to every one of them is allowed.

    One forbidden address refuses the whole name: a mix of public and private addresses is a sign of an attack.
    """

    def __init__(self, lookup: Lookup, *, allow_loopback: bool) -> None:
        """Use `lookup`, once for each connection, so that no second answer can differ from the checked one."""
        self._lookup = lookup
        self._allow_loopback = allow_loopback

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve and check a name; raises Refused, and OSError if there is no address."""
        found = await self._lookup(host)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        plain = port != HTTPS_PORT
        if not all(may_connect(each, plain=plain, allow_loopback=self._allow_loopback) for each in found):
            raise Refused
        return [_result(host, each, port) for each in found]

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=flags)


class GuardedConnector(aiohttp.TCPConnector):
    """A connector with a guarded resolver that checks the peer's address again before any byte is sent.

    IP literals are not resolved, so for them this is the only check. No connection is reused.
    """

    def __init__(self, resolver: GuardedResolver, *, allow_loopback: bool) -> None:
        """Verify certificates like all our clients: with SSL_CERT_FILE, else with certifi."""
        super().__init__(
            resolver=resolver,
            use_dns_cache=False,
            force_close=True,
            limit=0,
            ssl=trust.context(),
        )
        self._allow_loopback = allow_loopback

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        """Connect; raises Refused if the peer's address is not allowed."""
        connection = await super().connect(req, traces, timeout)
        peer = connection.transport.get_extra_info("peername") if connection.transport else None
        if peer and may_connect(str(peer[0]), plain=is_plain(req.url), allow_loopback=self._allow_loopback):
            return connection
        connection.close()
        if peer is None:
            raise ConnectionResetError
        raise Refused


def guarded_session(
    lookup: Lookup, *, allow_loopback: bool, connect: float, headers: Mapping[str, str] | None = None
) -> aiohttp.ClientSession:
    """Open a session that connects within `connect` seconds, and sends `headers` with every request.

    It has no cookies, no proxies and no credentials from the environment, and does not decompress.
    """
    resolver = GuardedResolver(lookup, allow_loopback=allow_loopback)
    return aiohttp.ClientSession(
        connector=GuardedConnector(resolver, allow_loopback=allow_loopback),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        read_bufsize=READ_AHEAD,
        headers={"User-Agent": user_agent(), **(headers or {})},
        # `connect` of aiohttp includes the name lookup. The caller has a timeout for what comes after it.
        timeout=aiohttp.ClientTimeout(total=None, connect=2 * connect, sock_connect=connect),
    )

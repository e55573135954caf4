"""`social-gateway serve --processes N`: what the processes share, and the command of each.

Owns the two ports and the share in a private PostgreSQL. The lives of the processes are `gateway/supervisor.py`'s.
"""

import asyncio
import os
import socket
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial

from gateway import addresses, log, settings, siblings
from gateway.cli.running import signals
from gateway.settings import Settings, SettingsError
from gateway.supervisor import Supervisor
from storage.embedded import start_embedded
from storage.embedded_cluster import MAX_CONNECTIONS

_log = log.get("gateway.supervisor")

SPARE_CONNECTIONS = 10
"""For commands and for people; PostgreSQL itself keeps three for its superuser."""

_GRPC = "GATEWAY_GRPC_ADDRESS"
_OWN_SCHEMES = ("unix:", "unix-abstract:", "vsock:")


async def serve_processes(count: int, *, jobs: bool) -> int:
    """Run `count` processes from the environment until a signal arrives, and return the exit code.

    Raises SettingsError, OSError (an address in use) and EmbeddedUnavailable; what else keeps a gateway from starting,
    the first process says.
    """
    chosen = settings.load()
    _check_connections(chosen, count)
    log.configure(level=chosen.log_level, form=chosen.log_format)
    first, second = signals()
    with _ports(chosen) as ports:
        supervisor = Supervisor(
            count,
            partial(_spawn, ports, count, jobs),
            on_started=lambda: _log.info("all processes serve", processes=count, grpc=ports.grpc, http=ports.http),
            on_stop=ports.close_http,
        )
        async with _private_database(chosen):
            return await supervisor.run(first, second)


def _check_connections(chosen: Settings, count: int) -> None:
    wanted, allowed = count * chosen.database_pool_size, MAX_CONNECTIONS - SPARE_CONNECTIONS
    if chosen.database_url is None and wanted > allowed:
        raise SettingsError(
            f"GATEWAY_DATABASE_POOL_SIZE: {count} processes with {chosen.database_pool_size} connections each are too "
            f"many for the private PostgreSQL, which has {allowed}: run fewer, or set GATEWAY_DATABASE_URL"
        )


@asynccontextmanager
async def _private_database(chosen: Settings) -> AsyncIterator[None]:
    """Keep a private PostgreSQL for the length of a block, if there is no other: no process starts or ends it alone."""
    server = None if chosen.database_url else await start_embedded(chosen.data_dir.expanduser())
    try:
        yield
    finally:
        if server is not None:
            await server.release()


@dataclass(frozen=True, slots=True)
class _Ports:
    """The two addresses with the ports that were chosen, and the HTTP edge's sockets, which the processes inherit."""

    grpc: str
    http: str
    sockets: list[socket.socket]

    def close_http(self) -> None:
        """Let the processes alone have the sockets: when the last one closes them, connections are refused."""
        for each in self.sockets:
            each.close()


@contextmanager
def _ports(chosen: Settings) -> Iterator[_Ports]:
    """Choose the ports and keep them for the length of a block; raises OSError if somebody else has one.

    Each process listens on gRPC's port by itself, so it must be bound for sharing, which anybody of the same user could
    join: another gateway is kept away by a try without sharing, and by a name that only one process can have.
    """
    if chosen.grpc_address.startswith(_OWN_SCHEMES):
        raise SettingsError("GATEWAY_GRPC_ADDRESS: only a host and port can be shared by several processes")
    if chosen.admin_address.startswith(_OWN_SCHEMES) or chosen.admin_address.endswith(":0"):
        raise SettingsError("GATEWAY_ADMIN_ADDRESS: only a host and a port of your choice can be shared by processes")
    with ExitStack() as stack:
        http = _keep(stack, addresses.bind(chosen.http_address, "GATEWAY_HTTP_ADDRESS"))
        with ExitStack() as tried:
            free = _keep(tried, addresses.bind(chosen.grpc_address, _GRPC))
            grpc = _with_port(chosen.grpc_address, free)
            _keep(stack, [_named(grpc, *each.getsockname()[:2]) for each in free])
        _keep(stack, addresses.bind(grpc, _GRPC, shared=True))
        yield _Ports(grpc, _with_port(chosen.http_address, http), http)


def _keep(stack: ExitStack, sockets: list[socket.socket]) -> list[socket.socket]:
    for each in sockets:
        stack.callback(each.close)
    return sockets


def _with_port(address: str, bound: list[socket.socket]) -> str:
    return f"{address.rpartition(':')[0]}:{bound[0].getsockname()[1]}"


def _named(address: str, host: str, port: int) -> socket.socket:
    """Take the name of an address, which lasts as long as the socket; raises OSError if another process has it."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0social-gateway {host} {port}")
    except OSError as error:
        name.close()
        raise OSError(f"{_GRPC} {address}: {error}") from error
    return name


async def _spawn(ports: _Ports, count: int, jobs: bool, number: int, link: socket.socket) -> Process:
    """Start one process: the same command with what it shares, and no terminal, whose Ctrl-C would reach it twice."""
    given = siblings.argument(number, count, ports.sockets, link)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "serve", "--jobs" if jobs else "--no-jobs", "--sibling", given),
        env={**os.environ, _GRPC: ports.grpc, "GATEWAY_HTTP_ADDRESS": ports.http},
        stdin=subprocess.DEVNULL,
        pass_fds=(link.fileno(), *(each.fileno() for each in ports.sockets)),
        start_new_session=True,
    )

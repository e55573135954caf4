"""A private PostgreSQL for laptops, demos and tests, shared by all processes that use one data folder.

Owns the cluster's folder, its locks and password, starting, attaching, stopping.
Does not know what is kept in it.

    <data folder>/postgres/       holders.lock  start.lock  password  port  server.log  data/
    <data folder>/postgres.at     instead, when PostgreSQL's user cannot enter the data folder: where that folder is

A share is a shared lock on `holders.lock`: the kernel drops it however the process ends, so the last clean release knows that it
is the last. A server whose last holder was killed keeps running, and the next start attaches to it.
"""

import asyncio
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from storage import embedded_binaries
from storage.embedded_binaries import Account, EmbeddedUnavailable, account_for, ended

__all__ = ["EmbeddedServer", "EmbeddedUnavailable", "start_embedded"]

OUTSIDE = Path("/var/lib/social-gateway")
LOCK_SECONDS = 120.0
READY_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.01
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # No socket file: its path may have 107 bytes, and a port works everywhere.
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "jit": "off",
}
# For tests: a crash of the machine may destroy the cluster, and its files stay few.
UNSAFE_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "128MB",
    "min_wal_size": "32MB",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster's folder and the user it runs as."""

    home: Path
    account: Account
    fsync: bool
    binaries: "Callable[[Cluster, int | None], Path]" = field(repr=False)

    @property
    def data(self) -> Path:
        """The folder that PostgreSQL owns."""
        return self.home / "data"

    def url(self, port: int) -> str:
        """Where the server is, with the password."""
        return f"postgresql://postgres:{(self.home / 'password').read_text()}@127.0.0.1:{port}/postgres"


class EmbeddedServer:
    """A share in a running server. `url` holds its password; `release` gives the share back."""

    def __init__(self, cluster: Cluster, holders: int, port: int) -> None:
        """Use `start_embedded`. `holders` is the descriptor that holds the shared lock."""
        self.url = cluster.url(port)
        self.port = port
        self._cluster = cluster
        self._holders: int | None = holders

    def __repr__(self) -> str:
        return f"EmbeddedServer(port={self.port}, home={str(self._cluster.home)!r})"

    async def revive(self) -> None:
        """Start the server again, at the same address, if it died. Raises `EmbeddedUnavailable`."""
        await asyncio.to_thread(self._revive)

    async def release(self) -> None:
        """Give the share back; the last one stops the server. Doing it twice is fine."""
        await asyncio.to_thread(self._release)

    def _revive(self) -> None:
        with _locked(self._cluster.home / "start.lock"):
            _attach(self._cluster) or _launch(self._cluster)

    def _release(self) -> None:
        holders, self._holders = self._holders, None
        if holders is None:
            return
        try:
            with _locked(self._cluster.home / "start.lock"):
                if _try_lock(holders, fcntl.LOCK_EX):
                    _stop(self._cluster)
        finally:
            os.close(holders)


async def start_embedded(
    data_dir: Path, *, fsync: bool = True, folders: list[Path] | None = None, outside: Path = OUTSIDE
) -> EmbeddedServer:
    """Give a share in the server of `data_dir`: made, started, or found running.

    `fsync=False` is for tests only. `folders`: where to look for PostgreSQL's programs instead of everywhere. `outside`: where the
    cluster lies when PostgreSQL's user cannot enter `data_dir` (only as root). Raises `EmbeddedUnavailable` with what to do.
    """
    return await asyncio.to_thread(_start, Path(os.path.abspath(data_dir)), fsync, folders, outside)


def _start(data_dir: Path, fsync: bool, folders: list[Path] | None, outside: Path) -> EmbeddedServer:
    def binaries(cluster: Cluster, version: int | None) -> Path:
        return embedded_binaries.find(cluster.account, cluster.home / "programs", version, folders).folder

    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(data_dir / "postgres.lock"):
            home = _home(data_dir, outside)
        cluster = Cluster(home, account_for(home / "data"), fsync, binaries)
        with _locked(home / "start.lock"):
            return _share(cluster)
    except OSError as error:
        raise EmbeddedUnavailable(
            f"no private PostgreSQL in {data_dir}: {error}. Set GATEWAY_DATA_DIR to a folder of yours, or GATEWAY_DATABASE_URL"
        ) from error


def _share(cluster: Cluster) -> EmbeddedServer:
    holders = _open_private(cluster.home / "holders.lock")
    try:
        fcntl.flock(holders, fcntl.LOCK_SH)
        _initialise(cluster)
        port = _attach(cluster)
        if port is None:
            _refuse_foreign(cluster, holders)
            port = _launch(cluster)
        return EmbeddedServer(cluster, holders, port)
    except BaseException:
        os.close(holders)
        raise


def _home(data_dir: Path, outside: Path) -> Path:
    """Find or choose the cluster's folder: below the data folder when PostgreSQL's user can get there."""
    pointer = data_dir / "postgres.at"
    if pointer.exists():
        home = Path(pointer.read_text().strip())
        if not home.is_dir():
            raise EmbeddedUnavailable(f"the database of {data_dir} lay in {home} and is gone: remove {pointer} to begin anew")
        return home
    home = data_dir / "postgres"
    account = account_for(home / "data")
    if home.is_dir() or account.uid is None or _reachable(data_dir, account):
        home.mkdir(mode=0o711 if account.uid is not None else 0o700, exist_ok=True)
        return home
    home = outside / f"postgres-{secrets.token_hex(4)}"
    home.mkdir(mode=0o711, parents=True)
    if not account.can_enter(home):
        raise EmbeddedUnavailable(
            f"as root, PostgreSQL runs as nobody, who can enter neither {data_dir} nor {outside}: "
            "set GATEWAY_DATA_DIR to a folder whose parents everybody may enter, or GATEWAY_DATABASE_URL"
        )
    _write_private(pointer, str(home))
    return home


def _reachable(data_dir: Path, account: Account) -> bool:
    """Tell whether the account can enter; our own data folder may be passed through (not listed), its parents are not ours."""
    if account.can_enter(data_dir):
        return True
    if not account.can_enter(data_dir.parent) or data_dir.stat().st_uid != os.geteuid():
        return False
    data_dir.chmod(data_dir.stat().st_mode | 0o011)
    return account.can_enter(data_dir)


def _initialise(cluster: Cluster) -> None:
    """Make the cluster unless it is there; one that was killed half-way leaves nothing that counts."""
    password = cluster.home / "password"
    if (cluster.data / "PG_VERSION").exists():
        if not password.exists():
            raise EmbeddedUnavailable(f"{password} is gone: put it back, or remove {cluster.home} to begin with an empty database")
        return
    for leftover in cluster.home.glob("new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    _write_private(password, secrets.token_urlsafe(24))
    fresh = cluster.home / f"new-{secrets.token_hex(4)}"
    fresh.mkdir(mode=0o700)
    for_initdb = fresh.with_suffix(".password")
    try:
        _write_private(for_initdb, password.read_text())
        cluster.account.own(fresh)
        cluster.account.own(for_initdb)
        _initdb(cluster, fresh, for_initdb)
    finally:
        for_initdb.unlink()
    fresh.rename(cluster.data)


def _initdb(cluster: Cluster, folder: Path, password: Path) -> None:
    command: list[str | Path] = [cluster.binaries(cluster, None) / "initdb", "-D", folder, "-U", "postgres"]
    command += ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--pwfile={password}", "--no-instructions"]
    done = cluster.account.run(command if cluster.fsync else [*command, "--no-sync"])
    if done.returncode != 0:
        raise EmbeddedUnavailable(f"initdb failed in {folder}: {(done.stderr or done.stdout).strip()[-600:]}")


def _attach(cluster: Cluster) -> int | None:
    """Give the port of the server that runs already, once it answers; None when there is none."""
    server = _postmaster(cluster)
    return None if server is None else _wait_ready(cluster, server)


def _launch(cluster: Cluster) -> int:
    """Start the server and give its port: the last one if it is free, so that whoever knew the server finds it again."""
    version = int((cluster.data / "PG_VERSION").read_text())
    program = cluster.binaries(cluster, version) / "postgres"
    log = cluster.home / "server.log"
    remembered = cluster.home / "port"
    port = int(remembered.read_text()) if remembered.exists() else _free_port()
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        _disown_pid_file(cluster)
        ready = _wait_ready(cluster, cluster.account.spawn(_command(cluster, program, port), log))
        if ready is not None:
            _write_private(remembered, str(ready))
            return ready
        said = log.read_text(errors="replace")
        if "could not bind" in said:
            port = _free_port()
        elif "pre-existing shared memory" in said or "is still in use" in said:
            # Backends of a server that was killed: they notice within moments.
            time.sleep(0.1)
        else:
            raise EmbeddedUnavailable(f"PostgreSQL did not start in {cluster.data}: {said.strip()[-600:]}")
    raise EmbeddedUnavailable(f"PostgreSQL did not start within {READY_SECONDS:.0f} s; see {log}")


def _refuse_foreign(cluster: Cluster, holders: int) -> None:
    """Refuse a folder that somebody in another container, or on another machine, uses now.

    Their server is not among our processes, and a second one on the same files would destroy them. The locks do reach here.
    """
    mark = cluster.home / "namespace"
    others = not _try_lock(holders, fcntl.LOCK_EX)
    fcntl.flock(holders, fcntl.LOCK_SH)
    if others and mark.exists() and mark.read_text() != _namespace():
        raise EmbeddedUnavailable(
            f"{cluster.home} is in use from another container or machine: stop that one first, or set GATEWAY_DATABASE_URL"
        )
    _write_private(mark, _namespace())


def _namespace() -> str:
    """Name the set of processes that we can see."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{boot.read_text().strip()} {os.readlink('/proc/self/ns/pid')}" if boot.exists() else ""


def _command(cluster: Cluster, program: Path, port: int) -> list[str | Path]:
    settings = {**SETTINGS, **({} if cluster.fsync else UNSAFE_SETTINGS)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [program, "-D", cluster.data, "-p", str(port), *options]


def _wait_ready(cluster: Cluster, pid: int) -> int | None:
    """Give the port once the server answers our password; None when it ended instead."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if not _serves(pid, cluster.data):
            return None
        lines = _pid_file(cluster)
        # The eighth line is its own word that it is ready; a server that is being stopped has another one.
        if len(lines) > 7 and lines[7].strip() == "ready" and lines[0] == str(pid) and _answers(cluster, int(lines[3])):
            return int(lines[3])
        time.sleep(POLL_SECONDS)
    raise EmbeddedUnavailable(f"PostgreSQL (process {pid}) does not answer; see {cluster.home / 'server.log'}")


def _answers(cluster: Cluster, port: int) -> bool:
    try:
        psycopg.connect(cluster.url(port), connect_timeout=5).close()
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise EmbeddedUnavailable(f"the server refuses the password in {cluster.home / 'password'}") from None
        return False
    return True


def _stop(cluster: Cluster) -> None:
    """Stop the server: politely to clients first, without them if that takes too long."""
    pid = _postmaster(cluster)
    for how, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5.0)):
        if pid is None or not _serves(pid, cluster.data):
            return
        os.kill(pid, how)
        deadline = time.monotonic() + seconds
        while _serves(pid, cluster.data) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)


def _pid_file(cluster: Cluster) -> list[str]:
    try:
        return (cluster.data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _postmaster(cluster: Cluster) -> int | None:
    """Give the pid of the living server of this cluster; the pid file alone proves nothing."""
    lines = _pid_file(cluster)
    pid = int(lines[0]) if lines and lines[0].isdigit() else None
    return pid if pid is not None and _serves(pid, cluster.data) else None


def _serves(pid: int, data: Path) -> bool:
    """Tell whether process `pid` is alive and a server of `data`: pids are used again, and a zombie has one too."""
    if ended(pid):
        return False
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cwd").samefile(data) or _is_starting(pid, data)
        except OSError:
            return False
    done = subprocess.run(["ps", "-o", "state=,args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return str(data) in done.stdout and not done.stdout.lstrip().startswith("Z")


def _is_starting(pid: int, data: Path) -> bool:
    """A server enters its folder only after some milliseconds; before, its command line tells."""
    return os.fsencode(data) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


def _disown_pid_file(cluster: Cluster) -> None:
    """Let PostgreSQL see a stale pid file as stale although some other process has that pid now, or the file is cut.

    Only the pid is replaced (by one that no system gives): the rest lets PostgreSQL find backends that still live.
    """
    path = cluster.data / "postmaster.pid"
    lines = _pid_file(cluster)
    if lines and lines[0].isdigit():
        if _exists(int(lines[0])):
            path.write_text("\n".join(["2147483646", *lines[1:], ""]))
    else:
        path.unlink(missing_ok=True)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_private(path: Path, text: str) -> None:
    """Write a file that only we can read; never half of it."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(_open_private(new), "w") as file:
        file.write(text)
    new.rename(path)


def _open_private(path: Path) -> int:
    """Open a file of ours for writing; others can neither read nor lock it."""
    return os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive file lock; wait for it, but not for ever."""
    file = _open_private(path)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _try_lock(file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise EmbeddedUnavailable(f"another process has held {path} for {LOCK_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(file)


def _try_lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

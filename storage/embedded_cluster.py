"""One private PostgreSQL cluster: create it, start it, find it running, stop it.

Owns the cluster's folder and distinguishes a running server from the leftovers of a dead one.
Does not know who shares it; the caller holds the start lock.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from storage.embedded_binaries import Account, ended, find
from storage.embedded_files import POLL_SECONDS, EmbeddedUnavailable, write_private

READY_SECONDS = 60.0
STOP_SECONDS = 30.0
MAX_CONNECTIONS = 200
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # No socket file: its path is limited to 107 bytes, and a port works everywhere.
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "jit": "off",
    # A process keeps up to 16 (GATEWAY_DATABASE_POOL_SIZE), and several may share the folder.
    "max_connections": str(MAX_CONNECTIONS),
}
# For tests: a machine crash may destroy the cluster, and it stays small.
UNSAFE_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "128MB",
    "min_wal_size": "32MB",
    # In the data folder, so that a server that was killed leaves nothing in /dev/shm.
    "dynamic_shared_memory_type": "mmap",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster's folder, the user it runs as, and where to look for programs (None: in the usual places)."""

    home: Path
    account: Account
    fsync: bool
    folders: Sequence[Path] | None = None

    @property
    def data(self) -> Path:
        """The folder that PostgreSQL owns."""
        return self.home / "data"

    def programs(self, version: int | None = None) -> Path:
        """Return the folder of the programs that can run it. Raises `EmbeddedUnavailable`."""
        return find(self.account, self.home / "programs", version, self.folders).folder

    def url(self, port: int) -> str:
        """Return the server's URL, including the password."""
        return f"postgresql://postgres:{(self.home / 'password').read_text()}@127.0.0.1:{port}/postgres"


def initialise(cluster: Cluster) -> None:
    """Create the cluster unless it exists; an interrupted attempt leaves nothing that is used."""
    password = cluster.home / "password"
    if (cluster.data / "PG_VERSION").exists():
        if not password.exists():
            raise EmbeddedUnavailable(
                f"{password} is gone: put it back, or remove {cluster.home} to begin with an empty database"
            )
        return
    for leftover in cluster.home.glob("new-*"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    write_private(password, secrets.token_urlsafe(24))
    fresh = cluster.home / f"new-{secrets.token_hex(4)}"
    fresh.mkdir(mode=0o700)
    for_initdb = fresh.with_suffix(".password")
    try:
        write_private(for_initdb, password.read_text())
        cluster.account.own(fresh)
        cluster.account.own(for_initdb)
        _initdb(cluster, fresh, for_initdb)
    finally:
        for_initdb.unlink()
    fresh.rename(cluster.data)


def _initdb(cluster: Cluster, folder: Path, password: Path) -> None:
    command: list[str | Path] = [cluster.programs() / "initdb", "-D", folder, "-U", "postgres"]
    command += ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--pwfile={password}", "--no-instructions"]
    done = cluster.account.run(command if cluster.fsync else [*command, "--no-sync"])
    if done.returncode != 0:
        raise EmbeddedUnavailable(f"initdb failed in {folder}: {(done.stderr or done.stdout).strip()[-600:]}")


def attach(cluster: Cluster) -> int | None:
    """Return the port of the running server once it answers; None when none is running."""
    server = _postmaster(cluster)
    return None if server is None else _wait_ready(cluster, server)


def launch(cluster: Cluster) -> int:
    """Start the server and return its port: the previous one if it is free, so that earlier URLs stay valid."""
    version = int((cluster.data / "PG_VERSION").read_text())
    program = cluster.programs(version) / "postgres"
    log = cluster.home / "server.log"
    remembered = cluster.home / "port"
    port = int(remembered.read_text()) if remembered.exists() else _free_port()
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        _disown_pid_file(cluster)
        ready = _wait_ready(cluster, cluster.account.spawn(_command(cluster, program, port), log), ours=True)
        if ready is not None:
            write_private(remembered, str(ready))
            return ready
        said = log.read_text(errors="replace")
        if "could not bind" in said:
            port = _free_port()
        elif "pre-existing shared memory" in said or "is still in use" in said:
            # Backends of a killed server: they exit within moments.
            time.sleep(0.1)
        else:
            raise EmbeddedUnavailable(f"PostgreSQL did not start in {cluster.data}: {said.strip()[-600:]}")
    raise EmbeddedUnavailable(f"PostgreSQL did not start within {READY_SECONDS:.0f} s; see {log}")


def _command(cluster: Cluster, program: Path, port: int) -> list[str | Path]:
    settings = {**SETTINGS, **({} if cluster.fsync else UNSAFE_SETTINGS)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [program, "-D", cluster.data, "-p", str(port), *options]


def _wait_ready(cluster: Cluster, pid: int, *, ours: bool = False) -> int | None:
    """Return the port once the server accepts our password; None when it ended instead.

    A child process (`ours`) that has not ended is taken to be the server: until it has executed PostgreSQL, neither its
    working directory nor its command line shows what it is.
    """
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if ended(pid) if ours else not _serves(pid, cluster.data):
            return None
        lines = _pid_file(cluster)
        # The eighth line says `ready`; a server that is stopping has another word there.
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


def stop(cluster: Cluster) -> None:
    """Stop the server with SIGINT (fast shutdown), then with SIGQUIT if that takes too long."""
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
    """Return the pid of this cluster's running server; the pid file alone proves nothing."""
    lines = _pid_file(cluster)
    pid = int(lines[0]) if lines and lines[0].isdigit() else None
    return pid if pid is not None and _serves(pid, cluster.data) else None


def _serves(pid: int, data: Path) -> bool:
    """Return whether process `pid` is a running server of `data`: pids are reused, and a zombie has one too."""
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
    """Return whether the command line is of a server of `data`: it enters its folder only after some milliseconds."""
    return os.fsencode(data) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


def _disown_pid_file(cluster: Cluster) -> None:
    """Make a stale pid file look stale to PostgreSQL although another process has that pid now, or it is truncated.

    Only the pid is replaced, by one that no system assigns: PostgreSQL needs the rest to find backends that still run.
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

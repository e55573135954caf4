"""A private PostgreSQL for laptops, demos and tests, shared by all processes that use one data folder.

Owns the cluster's folder, its locks and password, starting, attaching, stopping.
Does not know what is stored in it.

    <data folder>/postgres/       holders.lock  start.lock  password  port  server.log  data/
    <data folder>/postgres.at     if PostgreSQL's user cannot enter the data folder: the path of the folder used

A share is a shared lock on `holders.lock`: the kernel drops it however the process ends, so a clean release can tell
whether it is the last. A server whose last holder was killed keeps running, and the next start attaches to it.
"""

import asyncio
import fcntl
import os
import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from storage.embedded_binaries import Account, account_for
from storage.embedded_cluster import Cluster, attach, initialise, launch, stop
from storage.embedded_files import EmbeddedUnavailable, locked, open_private, try_lock, write_private

__all__ = ["EmbeddedServer", "EmbeddedUnavailable", "start_embedded"]

OUTSIDE = Path("/var/lib/social-gateway")
_DELETED = "deleted-"


class EmbeddedServer:
    """A share in a running server. `url` contains its password; `release` ends the share."""

    def __init__(self, cluster: Cluster, holders: int, port: int) -> None:
        """Use `start_embedded`. `holders` is the file descriptor with the shared lock."""
        self.url = cluster.url(port)
        self.port = port
        self._cluster = cluster
        self._holders: int | None = holders

    def __repr__(self) -> str:
        return f"EmbeddedServer(port={self.port}, home={str(self._cluster.home)!r})"

    async def revive(self) -> None:
        """Restart the server at the same address if it died. Raises `EmbeddedUnavailable`."""
        await asyncio.to_thread(self._revive)

    async def release(self) -> None:
        """End this share; the last one stops the server. Calling it again does nothing."""
        await asyncio.to_thread(self._release)

    def _revive(self) -> None:
        with locked(self._cluster.home / "start.lock"):
            attach(self._cluster) or launch(self._cluster)

    def _release(self) -> None:
        holders, self._holders = self._holders, None
        if holders is None:
            return
        try:
            with locked(self._cluster.home / "start.lock"):
                if try_lock(holders, fcntl.LOCK_EX):
                    stop(self._cluster)
        finally:
            os.close(holders)


async def start_embedded(
    data_dir: Path, *, fsync: bool = True, folders: list[Path] | None = None, outside: Path = OUTSIDE
) -> EmbeddedServer:
    """Return a share in the server of `data_dir`, which is created or started if necessary.

    `fsync=False` is for tests only. `folders` are searched for PostgreSQL's programs instead of the usual places. As
    root, the cluster is created in `outside` when PostgreSQL's user cannot enter `data_dir`.
    Raises `EmbeddedUnavailable`, whose text says what to do.
    """
    starting = asyncio.ensure_future(asyncio.to_thread(_start, data_dir, fsync, folders, outside))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # The thread continues: without this its share would have no owner, and the server would outlive the process.
        with suppress(EmbeddedUnavailable):
            await (await starting).release()
        raise


def _start(data_dir: Path, fsync: bool, folders: list[Path] | None, outside: Path) -> EmbeddedServer:
    data_dir = data_dir.absolute()
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(data_dir / "postgres.lock"):
            home = _home(data_dir, outside)
        cluster = Cluster(home, account_for(home / "data"), fsync, folders)
        with locked(home / "start.lock"):
            return _share(cluster)
    except OSError as error:
        raise EmbeddedUnavailable(
            f"no private PostgreSQL in {data_dir}: {error}. "
            "Set GATEWAY_DATA_DIR to a folder of yours, or GATEWAY_DATABASE_URL"
        ) from error


def _share(cluster: Cluster) -> EmbeddedServer:
    holders = open_private(cluster.home / "holders.lock")
    try:
        fcntl.flock(holders, fcntl.LOCK_SH)
        initialise(cluster)
        port = attach(cluster)
        if port is None:
            _refuse_foreign(cluster, holders)
            port = launch(cluster)
        return EmbeddedServer(cluster, holders, port)
    except BaseException:
        os.close(holders)
        raise


def _home(data_dir: Path, outside: Path) -> Path:
    """Find or choose the cluster's folder: inside the data folder if PostgreSQL's user can enter it."""
    pointer = data_dir / "postgres.at"
    if pointer.exists():
        home = Path(pointer.read_text().strip())
        if not home.is_dir():
            raise EmbeddedUnavailable(
                f"the database of {data_dir} lay in {home} and is gone: remove {pointer} to begin anew"
            )
        return home
    home = data_dir / "postgres"
    account = account_for(home / "data")
    if home.is_dir() or account.uid is None or _reachable(data_dir, account):
        _make_passable(home, account)
        return home
    home = outside / f"postgres-{secrets.token_hex(4)}"
    _make_passable(outside, account)
    _forget_temporary(outside)
    _make_passable(home, account)
    if not account.can_enter(home):
        raise EmbeddedUnavailable(
            f"as root, PostgreSQL runs as nobody, who can enter neither {data_dir} nor {outside}: "
            "set GATEWAY_DATA_DIR to a folder whose parents everybody may enter, or GATEWAY_DATABASE_URL"
        )
    write_private(home / "owner", str(data_dir))
    write_private(pointer, str(home))
    return home


def _forget_temporary(outside: Path) -> None:
    """Delete clusters whose temporary data folder is gone; any other missing folder may just be unmounted.

    Several processes may do so at the same time: what another one has taken is left to it.
    """
    for owner in outside.glob("postgres-*/owner"):
        with suppress(FileNotFoundError):
            data_dir = Path(owner.read_text())
            if data_dir.is_relative_to(tempfile.gettempdir()) and not data_dir.exists():
                with locked(owner.parent / "start.lock"):
                    _forget(owner.parent)
    # Renamed by a process that died before they were deleted.
    for left in outside.glob(f"{_DELETED}*"):
        shutil.rmtree(left, ignore_errors=True)


def _forget(home: Path) -> None:
    """Delete a cluster that nobody uses; renamed first, so that nobody makes files in it meanwhile."""
    holders = open_private(home / "holders.lock")
    try:
        if try_lock(holders, fcntl.LOCK_EX):
            stop(Cluster(home, Account(), fsync=False))
            gone = home.rename(home.with_name(f"{_DELETED}{home.name}"))
            shutil.rmtree(gone, ignore_errors=True)
    finally:
        os.close(holders)


def _make_passable(folder: Path, account: Account) -> None:
    """Create a folder that the account can traverse, whatever the umask; private if the account is our own user."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True)
        folder.chmod(0o700 if account.uid is None else 0o711)


def _reachable(data_dir: Path, account: Account) -> bool:
    """Return whether the account can enter the data folder, after making it traversable (not listable) if it is ours;
    its parents are left unchanged.
    """
    if account.can_enter(data_dir):
        return True
    if not account.can_enter(data_dir.parent) or data_dir.stat().st_uid != os.geteuid():
        return False
    data_dir.chmod(data_dir.stat().st_mode | 0o011)
    return account.can_enter(data_dir)


def _refuse_foreign(cluster: Cluster, holders: int) -> None:
    """Refuse a folder that a process in another container, or on another machine, is using.

    Its server is not visible among our processes, and a second server on the same files would destroy them; the file
    locks are visible here.
    """
    mark = cluster.home / "namespace"
    others = not try_lock(holders, fcntl.LOCK_EX)
    fcntl.flock(holders, fcntl.LOCK_SH)
    if others and mark.exists() and mark.read_text() != _namespace():
        raise EmbeddedUnavailable(
            f"{cluster.home} is in use from another container or machine: "
            "stop that one first, or set GATEWAY_DATABASE_URL"
        )
    write_private(mark, _namespace())


def _namespace() -> str:
    """Return a name of the PID namespace that this process sees."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{boot.read_text().strip()} {os.readlink('/proc/self/ns/pid')}" if boot.exists() else ""

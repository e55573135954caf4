"""The private PostgreSQL: creating, sharing, releasing, attaching, and recovering from crashes."""

# ruff: noqa: ASYNC240 - these tests are about files, and nothing else runs in their loop

import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from storage import embedded, embedded_binaries, embedded_files
from storage.embedded import EmbeddedServer, EmbeddedUnavailable, start_embedded
from tests.fixtures import reaper
from tests.fixtures.database import place
from tests.fixtures.waiting import until

ROOT = Path(__file__).parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run PostgreSQL as somebody else")

# A gateway in its own process: takes a share, prints its URL, and keeps it until its standard input ends.
GATEWAY = """
import asyncio, sys
from pathlib import Path
from storage.embedded import start_embedded
async def main():
    server = await start_embedded(Path(sys.argv[1]), fsync=False)
    print(server.url, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.release()
asyncio.run(main())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a data folder that PostgreSQL's user can enter, and kill what still runs in it afterwards."""
    parent = Path(tempfile.mkdtemp(prefix="embedded-", dir=place()))
    parent.chmod(0o711)
    yield parent / "data"
    reaper.reap(parent / "data")
    shutil.rmtree(parent)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """Yield a data folder with a stopped cluster, to be copied."""
    parent = Path(tempfile.mkdtemp(prefix="embedded-", dir=place()))
    parent.chmod(0o711)

    async def make() -> None:
        await (await start_embedded(parent / "data", fsync=False)).release()

    asyncio.run(make())
    yield parent / "data"
    shutil.rmtree(parent)


@pytest.fixture
def made(folder: Path, cluster: Path) -> Path:
    """Return a data folder like `folder` with a copied cluster: creating one takes most of a second."""
    subprocess.run(["cp", "-a", str(cluster), str(folder)], check=True)
    (folder / "postgres" / "port").unlink()
    return folder


@pytest.fixture
async def server(made: Path) -> AsyncIterator[EmbeddedServer]:
    """Yield a share in a new server."""
    server = await start_embedded(made, fsync=False)
    yield server
    await server.release()


def ask(server: EmbeddedServer, query: str) -> str:
    """Return the single value of a query as text."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        return str(row[0]) if row else ""


def write(server: EmbeddedServer, value: int) -> None:
    """Commit a value."""
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS t (v int)")
        connection.execute("INSERT INTO t VALUES (%s)", (value,))


def pid(folder: Path) -> int:
    """Return the server's process."""
    return int((folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def runs(folder: Path) -> bool:
    """Return whether a server runs in the folder."""
    return reaper.server_of(folder / "postgres" / "data") is not None


def gateway(folder: Path) -> "subprocess.Popen[str]":
    """Start a gateway in its own process and wait until it has its share."""
    process = subprocess.Popen(
        [sys.executable, "-c", GATEWAY, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process


def said(process: "subprocess.Popen[str]") -> str:
    """Return the URL that a gateway printed."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: "subprocess.Popen[str]", *, kill: bool = False) -> None:
    """Stop a gateway, or kill it."""
    if kill:
        process.kill()
    process.communicate()


async def test_from_nothing_to_an_answer_and_back(folder: Path) -> None:
    """An empty folder becomes a running server; releasing the only share stops it and keeps the data."""
    server = await start_embedded(folder, fsync=False)
    write(server, 1)
    await server.release()
    await server.release()
    assert not runs(folder)
    server = await start_embedded(folder, fsync=False)
    assert "1" == ask(server, "SELECT v FROM t")
    assert "UTF8 C" == ask(server, "SELECT current_setting('server_encoding') || ' ' || datcollate FROM pg_database")
    await server.release()


@pytest.mark.chaos
async def test_an_interrupted_start_leaves_no_server(made: Path) -> None:
    """A start that is cancelled half-way releases its share."""
    start = asyncio.create_task(start_embedded(made, fsync=False))
    await until(lambda: runs(made) or start.done())
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert not runs(made)


async def test_it_is_closed_to_others(server: EmbeddedServer, made: Path) -> None:
    """Only their owner can read password and data; the server listens on loopback only and requires the password."""
    home = made / "postgres"
    assert 0o600 == stat.S_IMODE((home / "password").stat().st_mode)
    assert 0o700 == stat.S_IMODE((home / "data").stat().st_mode)
    assert "127.0.0.1" == ask(server, "SHOW listen_addresses")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.url.replace((home / "password").read_text(), "wrong"))
    assert (home / "password").read_text() not in repr(server)


async def test_commits_are_durable_unless_asked_otherwise(made: Path) -> None:
    """Outside tests every commit reaches the disk."""
    server = await start_embedded(made)
    assert ["on"] * 3 == [ask(server, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")]
    await server.release()


@pytest.mark.chaos
async def test_the_last_of_two_stops_the_server(server: EmbeddedServer, made: Path) -> None:
    """Two gateways on one folder share one server, whichever releases first."""
    second = gateway(made)
    assert server.url == said(second)
    end(second)
    assert "1" == ask(server, "SELECT 1")
    third = gateway(made)
    said(third)
    await server.release()
    assert runs(made)
    end(third)
    assert not runs(made)


@pytest.mark.chaos
async def test_gateways_that_start_together_share_one_server(folder: Path) -> None:
    """Four concurrent processes on an empty folder create one cluster and one server."""
    processes = [gateway(folder) for _ in range(4)]
    urls = await asyncio.gather(*(asyncio.to_thread(said, process) for process in processes))
    assert 1 == len(set(urls))
    assert urls[0].startswith("postgresql://")
    for process in processes:
        end(process)
    assert not runs(folder)


async def test_the_server_of_a_killed_gateway_is_found_again(made: Path) -> None:
    """A killed gateway leaves its server running; the next one attaches to it and stops it as the last holder."""
    first = gateway(made)
    url = said(first)
    left = pid(made)
    end(first, kill=True)
    assert runs(made)
    server = await start_embedded(made, fsync=False)
    assert (url, left) == (server.url, pid(made))
    await server.release()
    assert not runs(made)


@pytest.mark.chaos
async def test_a_killed_server_is_started_again_by_whoever_comes(made: Path) -> None:
    """After kill -9 of the server, a new gateway finds the committed data, at the same address as before."""
    first = await start_embedded(made)
    write(first, 1)
    os.kill(pid(made), signal.SIGKILL)
    second = await start_embedded(made)
    assert first.url == second.url
    assert "1" == ask(first, "SELECT v FROM t")
    await second.release()
    assert "1" == ask(first, "SELECT v FROM t")
    await first.release()
    assert not runs(made)


async def test_a_holder_can_revive_its_server(server: EmbeddedServer, made: Path) -> None:
    """`revive` restarts a server that died, and does nothing while it runs."""
    url, before = server.url, pid(made)
    await server.revive()
    assert before == pid(made)
    os.kill(before, signal.SIGKILL)
    await until(lambda: not runs(made))
    await server.revive()
    assert "1" == ask(server, "SELECT 1")
    assert url == server.url


@pytest.mark.chaos
@pytest.mark.parametrize("whose", ["ours", "the server's user"])
async def test_a_stale_pid_file_with_a_living_pid_is_seen_through(made: Path, whose: str) -> None:
    """When another process now has the pid of the dead server, it is left alone and the server starts."""
    server = await start_embedded(made, fsync=False)
    os.kill(pid(made), signal.SIGKILL)
    await until(lambda: not runs(made))
    account = embedded_binaries.account_for(made / "postgres" / "data")
    log = made / "other.log"
    other = (account if whose != "ours" else embedded_binaries.Account()).spawn(["/bin/sleep", "60"], log)
    file = made / "postgres" / "data" / "postmaster.pid"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([str(other), *lines[1:], ""]))
    second = await start_embedded(made, fsync=False)
    assert "1" == ask(second, "SELECT 1")
    await server.release()
    await second.release()
    os.kill(other, signal.SIGTERM)  # it is still there to be ended
    await until(lambda: embedded_binaries.ended(other))


@pytest.mark.chaos
@pytest.mark.parametrize("content", ["", "nonsense\n", "1\n"])
async def test_a_broken_pid_file_is_no_server(made: Path, content: str) -> None:
    """A pid file that is truncated, or names another program, does not keep the server from starting."""
    (made / "postgres" / "data" / "postmaster.pid").write_text(content)
    server = await start_embedded(made, fsync=False)
    assert "1" == ask(server, "SELECT 1")
    await server.release()


@pytest.mark.chaos
async def test_a_taken_port_is_given_up(made: Path) -> None:
    """When the server's previous port is in use, it gets another one."""
    first = await start_embedded(made, fsync=False)
    await first.release()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", first.port))
        other.listen()
        second = await start_embedded(made, fsync=False)
    assert first.port != second.port
    assert "1" == ask(second, "SELECT 1")
    await second.release()


@pytest.mark.chaos
async def test_a_cluster_that_was_half_made_is_made_anew(folder: Path) -> None:
    """The leftovers of a killed initdb are ignored and deleted."""
    left = folder / "postgres" / "new-0123"
    left.mkdir(parents=True)
    (left / "PG_VERSION").write_text("18\n")
    server = await start_embedded(folder, fsync=False)
    assert "1" == ask(server, "SELECT 1")
    await server.release()
    assert not left.exists()


async def test_a_lost_password_says_what_to_do(made: Path) -> None:
    """A missing password file is an error that names the file and the alternative."""
    await (await start_embedded(made, fsync=False)).release()
    (made / "postgres" / "password").unlink()
    with pytest.raises(EmbeddedUnavailable, match="password is gone: put it back, or remove"):
        await start_embedded(made, fsync=False)


async def test_no_programs_says_what_to_do(folder: Path) -> None:
    """Without PostgreSQL the error names the extra, the distribution and the setting."""
    with pytest.raises(EmbeddedUnavailable, match=r"social-gateway\[embedded\].*GATEWAY_DATABASE_URL"):
        await start_embedded(folder, folders=[folder])


async def test_data_of_another_version_is_not_touched(made: Path) -> None:
    """The error for a cluster of a version that is not installed names that version."""
    await (await start_embedded(made, fsync=False)).release()
    (made / "postgres" / "data" / "PG_VERSION").write_text("99\n")
    with pytest.raises(EmbeddedUnavailable, match="made by PostgreSQL 99"):
        await start_embedded(made, fsync=False)


async def test_a_folder_in_use_elsewhere_is_refused(server: EmbeddedServer, made: Path) -> None:
    """A folder in use by another container is refused: its server is invisible here, but its lock is not."""
    (made / "postgres" / "namespace").write_text("another machine")
    os.kill(pid(made), signal.SIGKILL)
    await until(lambda: not runs(made))
    with pytest.raises(EmbeddedUnavailable, match="another container or machine"):
        await start_embedded(made, fsync=False)


@pytest.mark.chaos
@pytest.mark.parametrize("found", sorted({str(path) for path in embedded_binaries.candidates()}))
async def test_every_installation_on_this_machine_works(folder: Path, found: str) -> None:
    """Both the wheel's programs and the distribution's work."""
    server = await start_embedded(folder, fsync=False, folders=[Path(found)])
    assert "1" == ask(server, "SELECT 1")
    await server.release()


@as_root
async def test_below_a_closed_home_the_cluster_lies_outside(folder: Path) -> None:
    """As root under a 0700 folder the data is stored outside, readable for PostgreSQL's user only, and found again."""
    folder.parent.chmod(0o700)
    mask = os.umask(0o077)
    outside = folder.parent.with_name(f"{folder.parent.name}-outside")
    try:
        server = await start_embedded(folder, fsync=False, outside=outside)
        write(server, 1)
        home = Path((folder / "postgres.at").read_text())
        assert outside == home.parent
        assert 0o700 == stat.S_IMODE((home / "data").stat().st_mode)
        assert 0o600 == stat.S_IMODE((home / "password").stat().st_mode)
        await server.release()
        server = await start_embedded(folder, fsync=False, outside=outside)
        assert "1" == ask(server, "SELECT v FROM t")
        await server.release()
        shutil.rmtree(home)
        with pytest.raises(EmbeddedUnavailable, match=r"is gone: remove .*postgres\.at to begin anew"):
            await start_embedded(folder, fsync=False, outside=outside)
    finally:
        os.umask(mask)
        shutil.rmtree(outside)


@pytest.mark.chaos
@as_root
async def test_what_a_removed_temporary_folder_left_outside_is_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outside cluster is deleted once its temporary data folder is gone, and kept until then."""
    folder.parent.chmod(0o700)
    outside = folder.parent.with_name(f"{folder.parent.name}-outside")
    monkeypatch.setattr(tempfile, "tempdir", str(place()))
    try:
        kept, gone = [await start_embedded(folder / name, fsync=False, outside=outside) for name in ("kept", "gone")]
        await kept.release()
        await gone.release()
        assert 2 == len(list(outside.glob("postgres-*/data")))
        shutil.rmtree(folder / "gone")
        await (await start_embedded(folder / "third", fsync=False, outside=outside)).release()
        homes = {(home / "owner").read_text() for home in outside.iterdir()}
        assert {str(folder / "kept"), str(folder / "third")} == homes
    finally:
        shutil.rmtree(outside)


def test_two_that_delete_an_abandoned_cluster_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second, in the middle of the deletion, finds nothing and makes nothing in it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    home, delete, seen = tmp_path / "outside" / "postgres-1", shutil.rmtree, list[bool]()
    home.mkdir(parents=True)
    (home / "owner").write_text(str(tmp_path / "gone"))

    def meanwhile(folder: Path, *, ignore_errors: bool = False) -> None:
        if not seen:
            seen.append(home.exists())
            embedded._forget_temporary(home.parent)
        delete(folder, ignore_errors=ignore_errors)

    monkeypatch.setattr("storage.embedded.shutil.rmtree", meanwhile)
    embedded._forget_temporary(home.parent)

    assert ([False], []) == (seen, list(home.parent.iterdir()))


async def test_two_that_copy_the_programs_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second process does not write programs again that the first one may have started already."""
    install = tmp_path / "package" / "pginstall"
    for part in ("bin", "lib", "share"):
        (install / part).mkdir(parents=True)
    for program in ("postgres", "initdb"):
        (install / "bin" / program).touch()
    copied, copy = list[str](), shutil.copy2

    def counted(source: Path, target: Path) -> None:
        copied.append(source.name)
        copy(source, target)

    monkeypatch.setattr("storage.embedded_binaries.shutil.copy2", counted)
    copies = tmp_path / "copies"
    found = await asyncio.gather(
        *(asyncio.to_thread(embedded_binaries._copy, install / "bin", copies) for _ in range(4))
    )

    assert ({copies / "package" / "pginstall" / "bin"}, ["postgres", "initdb"]) == (set(found), copied)


@as_root
async def test_a_closed_data_folder_of_our_own_is_opened_to_pass(folder: Path) -> None:
    """When only the data folder itself is closed, it is made traversable (not listable); its parents stay unchanged."""
    folder.mkdir(mode=0o700)
    server = await start_embedded(folder, fsync=False)
    await server.release()
    assert 0o711 == stat.S_IMODE(folder.stat().st_mode)
    assert not (folder / "postgres.at").exists()


@pytest.mark.chaos
@as_root
async def test_programs_below_a_closed_home_are_copied(folder: Path) -> None:
    """As root with the wheel under a 0700 folder, PostgreSQL runs from a copy, libraries included."""
    found = next(embedded_binaries.candidates())
    package = found.parent.parent
    if package.name != embedded_binaries.WHEEL:
        pytest.skip("the wheel is not installed")
    closed = folder.parent / "closed"
    closed.mkdir(mode=0o700)
    for part in (f"{package.name}/{found.parent.name}", f"{package.name}.libs"):
        shutil.copytree(package.parent / part, closed / part)
    server = await start_embedded(folder, fsync=False, folders=[closed / package.name / found.parent.name / "bin"])
    assert "1" == ask(server, "SELECT 1")
    command = Path(f"/proc/{pid(folder)}/exe").resolve()
    assert command.is_relative_to(folder / "postgres" / "programs")
    await server.release()


async def test_a_folder_that_cannot_be_made_says_so(folder: Path) -> None:
    """The error for a data folder below a file says what to set instead."""
    folder.parent.joinpath("file").touch()
    with pytest.raises(EmbeddedUnavailable, match="Set GATEWAY_DATA_DIR"):
        await start_embedded(folder.parent / "file" / "data")


async def test_a_lock_that_is_never_given_back_ends_the_wait(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for another start is bounded."""
    monkeypatch.setattr(embedded_files, "LOCK_SECONDS", 0.05)
    folder.mkdir()
    with (
        embedded_files.locked(folder / "postgres.lock"),
        pytest.raises(EmbeddedUnavailable, match="another process has held"),
    ):
        await start_embedded(folder)

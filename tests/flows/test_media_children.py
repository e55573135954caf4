"""The processes that look into files: a clean template, and for each file a child that shares nothing with the others.

Owns the proofs of `gateway/media/children.py` and `gateway/media/template.py`. What a child may not do, and what its
end says of a file, is `test_media_probe.py`.
"""

import asyncio
import ctypes
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from gateway.media import children
from gateway.media.facts import MediaFacts
from gateway.media.probe import ProbeFailed, Prober
from tests.fixtures import media
from tests.fixtures.probing import look, reading, standing_in, templates, workers
from tests.fixtures.waiting import until

CLIP = media.clip()
ANSWER = """
answer = json.dumps({"trouble": str(found)}).encode()
os.write(1, worker.MESSAGE.pack(b"D", 0, len(answer)) + answer)
"""
"""The end of a worker's code that answers what it has `found`."""

ASKED = "os.read(0, 8)\n"
"""The beginning of a worker's code: one that ended before it was asked could not be asked."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows what a process has read, and its memory")


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """After every test no worker and no template is left, neither running nor dead."""
    yield
    assert [] == workers() + templates()


class Held:
    """A file whose bytes are given when the gate is open."""

    def __init__(self, data: bytes = CLIP) -> None:
        self.data, self.asked, self.gate = data, asyncio.Event(), asyncio.Event()

    async def read(self, first: int, end: int) -> bytes:
        """Return bytes once they may be had."""
        self.asked.set()
        await self.gate.wait()
        return self.data[first:end]

    def start(self, prober: Prober) -> "asyncio.Task[MediaFacts]":
        """Begin to look into it."""
        return asyncio.create_task(prober.look(len(self.data), self.read))


async def codec(prober: Prober) -> str:
    """Look into a video and return its codec."""
    return (await prober.look(len(CLIP), reading(CLIP))).codec


def only_template() -> psutil.Process:
    """Return the one template there is."""
    (template,) = templates()
    return template


# --- one child for each file ------------------------------------------------------------------------------------------


async def test_files_have_one_template_and_each_its_own_child() -> None:
    """Looks in a row are forked from one process; what one child remembers is unknown to the next."""
    code = f"{ASKED}found = [os.getppid(), worker.__dict__.setdefault('seen', os.getpid()) == os.getpid()]\n" + ANSWER
    async with Prober(command=standing_in(code)) as prober:
        found = [(await prober.look(10, reading(b""))).trouble for _ in range(5)]
        assert [f"[{only_template().pid}, True]"] * 5 == found


async def test_a_child_has_only_its_own_socket() -> None:
    """While others look, a child has three open descriptors: its socket twice, and /dev/null."""
    code = """
found = []
for number in range(1024):
    try:
        found.append((number, os.fstat(number).st_ino))
    except OSError:
        pass
own = found[0][1]
found = [(number, inode == own) for number, inode in found]
if os.read(0, 8) == (20).to_bytes(8, 'big'):
    os.write(1, worker.MESSAGE.pack(b'R', 0, 1))
    os.read(0, 1)
"""
    other = Held(bytes(20))
    async with Prober(max_concurrent=3, command=standing_in(code + ANSWER)) as prober:
        held = other.start(prober)
        await other.asked.wait()
        facts = await prober.look(10, reading(b""))
        other.gate.set()
        assert facts == await held
    assert "[(0, True), (1, True), (2, False)]" == facts.trouble


async def test_a_childs_processor_time_begins_at_nothing() -> None:
    """What the template has used up does not count for the child, whose limit is its own."""
    code = f"{ASKED}found = time.process_time() < 0.5\n{ANSWER}"
    before = "while time.process_time() < 1: pass"
    assert "True" == (await look(bytes(10), command=standing_in(code, before))).trouble


@linux
async def test_the_template_has_one_thread_and_reads_nothing() -> None:
    """The process that is forked has no second thread, which a fork would lose, and reads no byte of any file."""
    file = Held()
    async with Prober() as prober:
        assert "h264" == await codec(prober)
        template = Path(f"/proc/{only_template().pid}")
        before = bytes_read(template)
        held = file.start(prober)
        await file.asked.wait()
        # While the child lives: what it reads is added to its parent's count at its end.
        assert before == bytes_read(template)
        assert "Threads:\t1\n" in (template / "status").read_text()
        file.gate.set()
        assert "h264" == (await held).codec
        assert before < bytes_read(template)


def bytes_read(process: Path) -> int:
    """Return how many bytes a process and its children that have ended have read."""
    return int((process / "io").read_text().split()[1])


@linux
async def test_no_byte_of_a_file_stays_in_the_template() -> None:
    """What a file contains is in the memory of the child that reads it, and never in that of the template."""
    canary = random.Random(7).randbytes(32)
    data = media.box(b"free", canary) + media.box(b"free", bytes(600_000)) + CLIP
    file = Held(data)

    async def read(first: int, end: int) -> bytes:
        return data[:end] if first == 0 else await file.read(first, end)

    async with Prober() as prober:
        held = asyncio.create_task(prober.look(len(data), read))
        await file.asked.wait()
        (worker,) = workers()
        assert (True, False) == (canary in memory(worker.pid), canary in memory(only_template().pid))
        file.gate.set()
        assert "h264" == (await held).codec
        assert canary not in memory(only_template().pid)


def memory(process: int) -> bytes:
    """Return what a process could write to."""
    found = []
    maps = Path(f"/proc/{process}/maps").read_text()
    with open(f"/proc/{process}/mem", "rb") as file:
        for first, end in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", maps, re.MULTILINE):
            file.seek(int(first, 16))
            found.append(file.read(int(end, 16) - int(first, 16)))
    return b"".join(found)


# --- the end of a template --------------------------------------------------------------------------------------------


async def test_a_template_that_was_killed_is_made_again() -> None:
    """Between two looks nobody notices that the template is gone."""
    async with Prober() as prober:
        assert "h264" == await codec(prober)
        killed = only_template()
        killed.kill()
        assert "h264" == await codec(prober)
        assert killed != only_template()


async def test_a_look_whose_template_is_killed_is_made_again() -> None:
    """During a look the file is not blamed: another child looks, and the first one is gone."""
    file = Held()
    async with Prober() as prober:
        held = file.start(prober)
        await file.asked.wait()
        template, (worker,) = only_template(), workers()
        template.kill()
        file.gate.set()
        assert "h264" == (await held).codec
        await until(lambda: not template.is_running() and not worker.is_running())


@linux
async def test_the_first_process_of_a_container_reaps_what_a_template_leaves() -> None:
    """The child of a template that was killed is inherited by the first process; if that is ours, it is no zombie."""
    inherit_orphans, file = partial(ctypes.CDLL(None).prctl, 36), Held()
    assert 0 == inherit_orphans(1, 0, 0, 0)
    try:
        async with Prober() as prober:
            held = file.start(prober)
            await file.asked.wait()
            template, (worker,) = only_template(), workers()
            template.kill()
            file.gate.set()
            assert "h264" == (await held).codec
            assert [False, False] == [template.is_running(), worker.is_running()]
    finally:
        inherit_orphans(0, 0, 0, 0)


async def test_a_file_whose_looks_lose_every_template_is_unknown() -> None:
    """A worker that was taken over and kills its template twice has told nothing about its file."""
    with pytest.raises(ProbeFailed):
        await look(bytes(10), command=standing_in("os.kill(os.getppid(), 9)"))


async def test_a_template_that_hangs_is_killed_with_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """A template that does not answer is not waited for; the next look has another one."""
    monkeypatch.setattr(children, "KILL_SECONDS", 0.2)
    file = Held()
    async with Prober() as prober:
        held = file.start(prober)
        await file.asked.wait()
        template, (worker,) = only_template(), workers()
        template.suspend()
        held.cancel()
        await asyncio.wait([held])
        await until(lambda: not template.is_running() and not worker.is_running())
        assert "h264" == await codec(prober)


async def test_a_template_that_forked_enough_is_replaced() -> None:
    """After so many looks a new template forks; the old one stays as long as a child of it looks."""
    file = Held()
    async with Prober(max_looks=2) as prober:
        held = file.start(prober)
        await file.asked.wait()
        old = only_template()
        assert "h264" == await codec(prober)
        assert [old] == templates()
        assert "h264" == await codec(prober)
        assert 2 == len(templates())
        file.gate.set()
        assert "h264" == (await held).codec
        assert old != only_template()


async def test_an_old_template_is_replaced() -> None:
    """A template that is older than it may be forks no more."""
    async with Prober(max_age_seconds=0) as prober:
        assert "h264" == await codec(prober)
        assert [] == templates()
        assert "h264" == await codec(prober)


async def test_a_template_that_nobody_needs_ends() -> None:
    """A process that looks into no files for a while keeps no template; the next file has a new one."""
    async with Prober(idle_seconds=0.2) as prober:
        assert "h264" == await codec(prober)
        await until(lambda: not templates())
        assert "h264" == await codec(prober)


async def test_after_a_crash_the_addresses_are_others() -> None:
    """A file that crashes its reader ends the template: who guesses at addresses has one guess at them."""
    async with Prober(
        command=standing_in("os.abort() if os.read(0, 8)[7] == 1 else None\nfound = os.getppid()\n" + ANSWER)
    ) as prober:
        first = (await prober.look(2, reading(b""))).trouble
        assert first == (await prober.look(2, reading(b""))).trouble
        assert "cannot be read: its reader gave up" == (await prober.look(1, reading(b""))).trouble
        assert first != (await prober.look(2, reading(b""))).trouble


async def test_a_closed_prober_looks_no_more() -> None:
    """Closing ends the looks that are running, and later ones do not begin."""
    file = Held()
    async with Prober() as prober:
        held = file.start(prober)
        await file.asked.wait()
        await prober.close()
        file.gate.set()
        with pytest.raises(ProbeFailed):
            await held
        with pytest.raises(ProbeFailed):
            await codec(prober)


LOOKING = """
import asyncio, sys, uvloop
from gateway.media.probe import Prober

async def main():
    async def read(first, end):
        print("asked", flush=True)
        await asyncio.Event().wait()
    await Prober().look(1000, read)

uvloop.run(main())
"""


async def test_a_killed_gateway_leaves_no_template() -> None:
    """When the process that looks is killed, its template and the child end by themselves."""
    gateway = await asyncio.create_subprocess_exec(sys.executable, "-c", LOOKING, stdout=subprocess.PIPE)
    assert gateway.stdout is not None
    assert b"asked\n" == await gateway.stdout.readline()
    left = psutil.Process(gateway.pid).children(recursive=True)
    assert 2 == len(left)
    gateway.kill()
    await gateway.wait()
    await until(lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in left))


@pytest.mark.chaos
async def test_a_thousand_files_leave_nothing() -> None:
    """Looks in a row, some of which are cancelled or crash, leave no process, no descriptor and no memory behind."""
    files = [CLIP, media.jpeg(), media.HOSTILE["noise"], media.many_samples(50_000_000)]
    us = psutil.Process()

    async def rounds(prober: Prober, count: int) -> None:
        for number in range(count):
            data = files[number % 20 if number % 20 < len(files) else 0]
            looking = asyncio.create_task(prober.look(len(data), reading(data)))
            if number % 10 == 9:
                await asyncio.sleep(0)
                looking.cancel()
            await asyncio.wait([looking])

    async with Prober(max_looks=400) as prober:
        await rounds(prober, 100)
        before, used = us.num_fds(), us.memory_info().rss
        template = only_template().memory_info().rss
        await rounds(prober, 1000)
        assert [] == workers()
        assert before == us.num_fds()
        assert us.memory_info().rss - used < 8 * 1024**2
        assert only_template().memory_info().rss - template < 8 * 1024**2

"""The demo, as a newcomer runs it: a process of its own, a real video, and nothing left behind."""

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from gateway.demo import commands, consent, video
from gateway.demo.processes import STOP_SECONDS

SECONDS = 90.0
DEMO = [sys.executable, "-m", "gateway", "demo"]
PUBLISHED = "Published once, and identical byte for byte."


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a folder for temporary files that is empty, and must be empty again at the end."""
    # Not pytest's own: as root, PostgreSQL's user must be able to enter.
    with tempfile.TemporaryDirectory(prefix="demo-test-") as name:
        Path(name).chmod(0o755)
        monkeypatch.setenv("TMPDIR", name)
        yield Path(name)
        assert [] == [path.name for path in Path(name).iterdir()]
        # A simulator ends when it sees that its parent has, which on a busy machine takes a moment.
        deadline = time.monotonic() + STOP_SECONDS
        while left_running(name) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert [] == left_running(name)


def left_running(folder: str) -> list[str]:
    """Return the processes that know the folder: by their arguments, their environment, or where they are."""
    found = []
    for process in psutil.process_iter():
        try:
            known = (*process.cmdline(), process.cwd(), process.environ().get("TMPDIR", ""))
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(folder in each for each in known):
            found.append(shlex.join(process.cmdline()))
    return found


def small(folder: Path) -> Path:
    """Make a video that is real, and quickly sent."""
    path = folder / "small.mp4"
    video.make(path, min_bytes=1_000_000)
    return path


@pytest.mark.chaos
def test_the_demo_publishes_a_video(temporary: Path) -> None:
    """It ends with 0 after 20 MB of real video arrived, and shows profile, states, id and URL on the way."""
    done = subprocess.run(DEMO, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    facts = {name.strip(): value for name, value in re.findall(r"^  (\S.{13})(\S.*)$", done.stdout, re.MULTILINE)}
    assert "Connected" == facts["the page says"]
    assert facts["connection"].endswith("is VALID")
    assert facts["profile"].startswith("@")
    assert int(facts["size"].split()[0].replace(",", "")) >= 20 * 1024 * 1024
    assert facts["post"].startswith("locations/demo/posts/")
    assert facts["public URL"].startswith("https://")
    assert facts["TikTok's id"] in facts["public URL"]
    assert facts["sent"] == facts["received"]
    states = [state.partition(",")[0] for state in re.findall(r"^  state +(\S.*)$", done.stdout, re.MULTILINE)]
    assert ["QUEUED", "PUBLISHED"] == [states[0], states[-1]]
    assert PUBLISHED in done.stdout
    assert ("SUCCEEDED: 1 video, 2 comments", True) == (
        facts["sync"],
        facts["answered"].startswith("Yes, from seven to noon."),
    )
    assert re.search(r"[▁▂▃▄▅▆▇█]{2}", facts["views"])
    campaign = re.findall(r"^  campaign +(\w+)", done.stdout, re.MULTILINE)
    assert ["PAUSED", "DELIVERING", "NOT_DELIVERING"] == campaign
    assert facts["refused"].startswith("SPEND_CONFIRMATION_REQUIRED")
    days = re.findall(r"^  \d{4}-\d\d-\d\d +(\d+\.\d\d) USD .*[▁▂▃▄▅▆▇█]{24}", done.stdout, re.MULTILINE)
    assert (True, 60) == (len(days) >= 2, sum(map(float, days)))
    assert [] == [command for command in commands.after() if command not in done.stdout]


@pytest.mark.chaos
def test_the_commands_for_afterwards_work(temporary: Path, tmp_path: Path) -> None:
    """Each of them is a demo of its own; what they run in it finds the post, and its own code is the end."""
    inner = [parts[3] for command in commands.after() if (parts := shlex.split(command))[2] == "--then"]
    assert 2 == len(inner)
    file, output = small(tmp_path), tmp_path / "output"
    together = " && ".join([*(f"{each} >> {output}" for each in inner), "exit 7"])
    command = [*DEMO, "--file", str(file), "--then", together]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert 7 == done.returncode, done.stdout + done.stderr
    assert {"PUBLISHED", '"inits"'} == set(re.findall(r'PUBLISHED|"inits"', output.read_text()))


@pytest.mark.chaos
def test_a_kept_demo_can_be_called_until_it_is_ended(temporary: Path, tmp_path: Path) -> None:
    """While it is kept, the printed commands work from another terminal; Ctrl-C ends it with 0."""
    with started("--file", str(small(tmp_path)), "--keep") as process:
        lines = read_until(process, "Press Ctrl-C to stop.")
        printed = [line.strip() for line in lines if " http://" in line and line.startswith("  ")][-3:]
        answers = [
            subprocess.run(shlex.split(each), capture_output=True, text=True, timeout=30, check=False)
            for each in printed
        ]
        process.send_signal(signal.SIGINT)
        assert (0, [0, 0, 0]) == (process.wait(STOP_SECONDS * 2), [answer.returncode for answer in answers])
    assert '"PUBLISHED"' in answers[0].stdout
    assert '"ready"' in answers[1].stdout
    assert '"posts"' in answers[2].stdout


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("how", "when"),
    [
        (signal.SIGINT, "Connecting an account"),
        (signal.SIGTERM, "Starting a simulated TikTok"),
        (signal.SIGHUP, "Starting a simulated TikTok"),
    ],
    ids=["ctrl-c", "term", "hangup"],
)
def test_an_interrupted_demo_leaves_nothing(temporary: Path, how: signal.Signals, when: str) -> None:
    """Whenever it is interrupted, its processes end with it, PostgreSQL among them, and its folder goes."""
    with started() as process:
        read_until(process, when)
        process.send_signal(how)
        assert 130 == process.wait(STOP_SECONDS * 2)


@pytest.mark.chaos
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's word to children of a killed process is Linux's")
def test_a_killed_demo_leaves_no_process(tmp_path: Path) -> None:
    """After kill -9 nothing removes the folder, but every process notices it and ends."""
    with tempfile.TemporaryDirectory(prefix="demo-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        with started(TMPDIR=name) as process:
            read_until(process, "Connecting an account")
            process.kill()
        deadline = time.monotonic() + STOP_SECONDS
        while left_running(name) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert [] == left_running(name)


def test_a_missing_file_is_reported_at_once(temporary: Path) -> None:
    """The error comes before anything is started."""
    done = subprocess.run([*DEMO, "--file", "/nowhere.mp4"], capture_output=True, text=True, timeout=30, check=False)
    assert (1, "social-gateway: there is no file /nowhere.mp4") == (done.returncode, done.stderr.strip())


def test_the_video_is_valid(tmp_path: Path) -> None:
    """H.264, upright, long enough for the vendor, at a frame rate that it accepts."""
    import av

    path = small(tmp_path)
    with av.open(str(path)) as opened:
        stream = opened.streams.video[0]
        assert ("h264", 720, 1280, 30) == (
            stream.codec_context.name, stream.width, stream.height, int(stream.average_rate or 0)
        )  # fmt: skip
        assert 5 <= (opened.duration or 0) / 1_000_000 <= 60
    assert path.stat().st_size >= 1_000_000


def test_a_form_is_read_as_a_browser_sends_it() -> None:
    """Hidden fields, ticked boxes and the first option are sent; unticked and disabled ones are not."""
    form = consent.read_form(
        "<h1>Title</h1><form action='/go'><input type=hidden name=a value=1>"
        "<input type=checkbox name=b value=2 checked><input type=checkbox name=c value=3>"
        "<input type=checkbox name=d value=4 checked disabled>"
        "<select name=e><option value=5>five<option value=6>six</select></form><form action='/other'></form>"
    )
    assert ("Title", "/go", [("a", "1"), ("b", "2"), ("e", "5")]) == (form.title, form.action, form.fields)


@contextmanager
def started(*arguments: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """Start a demo whose output can be read as it comes."""
    with subprocess.Popen(
        [*DEMO, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        # A shell that runs tests in the background may have told its children to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def read_until(process: "subprocess.Popen[str]", words: str) -> list[str]:
    """Read lines until one holds these words."""
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError("".join(lines))

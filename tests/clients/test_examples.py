"""The examples: real programs of other languages do the main job, over connections that break."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.demo import consent, video
from gateway.demo.sandbox import Sandbox, running_sandbox
from tests.clients import proxy
from tests.clients.languages import DEBIAN_GOCODE, LANGUAGES, NODE_MODULES, ROOT, need, need_files
from tests.clients.test_stubs import make_stubs

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300), pytest.mark.xdist_group("examples")]

CUT_AT = 2 * 1024 * 1024
VIDEO_BYTES = 5 * 1024 * 1024
MODULE = "socialgateway.dev/go"
Prepare = Callable[[Path], tuple[list[str], dict[str, str]]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Yield a gateway and a simulated TikTok, as the demo runs them."""
    with running_sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a real video of several pieces."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    video.make(path, min_bytes=VIDEO_BYTES)
    return path


def python(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command of the example in Python, and its environment."""
    stubs(folder, "python")
    program = str(ROOT / ".venv" / "bin" / "python")
    return [program, str(ROOT / "examples" / "python" / "main.py")], {"PYTHONPATH": str(folder / "gen")}


def ruby(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command of the example in Ruby, and its environment."""
    stubs(folder, "ruby")
    return ["ruby", "-I", str(folder / "gen"), str(ROOT / "examples" / "ruby" / "main.rb")], {}


def node(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command of the example in Node, which reads the contract as it is."""
    need_files(NODE_MODULES)
    shutil.copy(ROOT / "examples" / "node" / "main.mjs", folder)
    (folder / "node_modules").symlink_to(NODE_MODULES)
    return ["node", str(folder / "main.mjs")], {"PROTOS": str(ROOT / "protos")}


def stubs(folder: Path, name: str) -> None:
    """Make the stubs of a language as docs/clients.md says."""
    need(LANGUAGES[name].makes)
    (folder / "protos").symlink_to(ROOT / "protos")
    done = make_stubs(LANGUAGES[name], folder)
    assert 0 == done.returncode, done.stderr


@pytest.mark.parametrize(
    ("prepare", "program"),
    [(python, "python3"), (node, "node"), (ruby, "ruby")],
    ids=lambda value: str(value),
)
def test_an_example_publishes_once_over_connections_that_break(
    prepare: Prepare, program: str, sandbox: Sandbox, clip: Path, tmp_path: Path
) -> None:
    """The upload goes on where it stood, the watch begins again, one post goes out, and a refusal says everything."""
    need((program,))
    command, environment = prepare(tmp_path)
    before = ledger(sandbox)
    with proxy.running(sandbox.grpc, CUT_AT) as network:
        settings = {"GATEWAY": network.address, "GATEWAY_KEY": sandbox.key, "GATEWAY_LOCATION": f"locations/{program}"}
        said = run([*command, str(clip)], os.environ | environment | settings, network)
        assert 2 == network.cuts
    assert any(line.startswith("resuming at ") and int(line.split()[-1]) < clip.stat().st_size for line in said), said
    assert ["post PUBLISHED"] == [line.strip() for line in said if line.startswith("post ")]
    assert [f"{clip.stat().st_size}"] == [str(post["size"]) for post in ledger(sandbox)[len(before) :]]
    refusal = " ".join(line for line in said if line.startswith(("refused", "detail")))
    for part in (
        "refused N",
        "RESOURCE_NOT_FOUND",
        "socialgateway.dev",
        f"locations/{program}/posts/missing",
        "RequestInfo",
    ):
        assert part in refusal
    assert sandbox.key not in " ".join(said)


def test_the_example_in_go_compiles(tmp_path: Path) -> None:
    """The example compiles with Debian's packages; their grpc 1.33 cannot marshal what today's compiler generates."""
    need(("go",))
    need_files(DEBIAN_GOCODE)
    stubs(tmp_path, "go")
    shutil.copytree(tmp_path / "gen", tmp_path / "go" / "src" / MODULE)
    settings = {
        "GO111MODULE": "off",
        "GOPATH": f"{tmp_path / 'go'}:{DEBIAN_GOCODE}",
        "GOCACHE": str(tmp_path / "cache"),
    }
    built = subprocess.run(
        ["go", "build", "-o", str(tmp_path / "main"), str(ROOT / "examples" / "go" / "main.go")],
        env=os.environ | settings, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 0 == built.returncode, built.stderr


def run(command: list[str], environment: dict[str, str], network: proxy.Proxy) -> list[str]:
    """Run a program to its end; consent as it asks to, and break its connections when its post was created."""
    said: list[str] = []
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as program:
        assert program.stdout is not None
        for line in program.stdout:
            said.append(line.rstrip("\n"))
            if line.startswith("open "):
                consent.approve(line.split()[1])
            elif line.startswith("created "):
                network.cut()
    assert 0 == program.returncode, said[-6:]
    return said


def ledger(sandbox: Sandbox) -> list[dict[str, object]]:
    """Return what was posted at the simulated TikTok, in order."""
    posts: list[dict[str, object]] = consent.get_json(f"{sandbox.simulator}/_sim/ledger")["posts"]
    return posts

"""The pages that people write name what is in the tree: states, layers, paths, tests and commands.

Owns the comparison of README, CONTRIBUTING, CHANGELOG and docs with the code. Does not know whether a sentence is true.
"""

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from socialgateway.v1 import post_pb2
from storage.states import AttemptState

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURE = ROOT / "docs/architecture.md"
PAGES = [
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]

ATTEMPT_STATES = {state.value for state in AttemptState}
"""The states of the table `attempts`."""


def diagrams(page: Path) -> list[str]:
    """Return the Mermaid diagrams of a page, in order."""
    return re.findall(r"^```mermaid\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def diagram(kind: str, containing: str) -> str:
    """Return the one diagram of the architecture page of this kind that contains a text."""
    [found] = [each for each in diagrams(ARCHITECTURE) if each.startswith(kind) and containing in each]
    return found


def states(found: str) -> set[str]:
    """Return the states that a state diagram draws; lower-case names are groups of states."""
    arrows = re.findall(r"^ *(\S+) --> ([^\s:]+)", found, re.MULTILINE)
    assert arrows
    return {name for arrow in arrows for name in arrow if name != "[*]" and not name.islower()}


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def quoted(page: Path) -> list[str]:
    """Return what stands in backticks in the prose of a page."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def paths(page: Path) -> list[str]:
    """Return the paths in backticks: from the root, without placeholders, and not of the imaginary provider."""
    folders = "|".join(re.escape(each.name) for each in ROOT.iterdir() if each.is_dir() and each.name != ".venv")
    known = re.compile(rf"(?:{folders})/[\w./-]*|[\w-]+\.(?:md|toml|yaml|lock)|Makefile")
    return [text for text in quoted(page) if known.fullmatch(text) and "postcards" not in text]


def test_the_states_of_posts_are_those_of_the_contract() -> None:
    """The diagram of posts draws every state that a caller can see, and no other."""
    contract = set(post_pb2.Post.State.DESCRIPTOR.values_by_name) - {"STATE_UNSPECIFIED"}
    assert contract == states(diagram("stateDiagram-v2", "CreatePost"))


def test_the_states_of_attempts_are_those_of_the_journal() -> None:
    """The diagram of the publish journal draws every state of an attempt, and no other."""
    found = diagram("stateDiagram-v2", "INIT_SENT")
    assert ATTEMPT_STATES == states(found)
    [group] = re.findall(r'state "([A-Z_, ]+)" as', found)
    assert set(group.split(", ")) <= ATTEMPT_STATES


def test_the_floors_of_the_domain_are_those_of_the_import_contract() -> None:
    """The diagram of `gateway/domain/` has the layers of pyproject.toml, from top to bottom."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [each["layers"] for each in contracts if each.get("containers") == ["gateway.domain"]]
    found = diagram("flowchart", "publishing")
    assert layers == re.findall(r'f\d+\["(.*?)"\]', found)
    floors = [f"f{number}" for number in range(1, len(layers) + 1)]
    assert list(pairwise(floors)) == re.findall(r"(f\d+)(?:\[.*?\])? --> (f\d+)", found)


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md"])
def test_the_boxes_of_the_layers_are_folders(page: str) -> None:
    """Every layer in a picture of the system is a folder of that name, and the arrows point as imports do."""
    [found] = [each for each in diagrams(ROOT / page) if each.startswith("flowchart") and "gateway/rpc" in each]
    boxes = dict(re.findall(r'(\w+)\["((?:gateway/\w+|providers|storage))(?:<br>.*?)?"\]', found))
    assert {"rpc", "http", "jobs", "domain", "providers", "storage"} == set(boxes)
    assert [] == [folder for folder in boxes.values() if not (ROOT / folder).is_dir()]
    arrows = re.findall(r"^ *(\w+)(?:\[.*?\])? --> (\w+)", found, re.MULTILINE)
    inside = {(one, other) for one, other in arrows if {one, other} <= set(boxes)}
    assert {(each, "domain") for each in ("rpc", "http", "jobs")} | {
        ("domain", "providers"),
        ("domain", "storage"),
    } == inside


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_paths_exist(page: Path) -> None:
    """Every path in backticks is in the tree."""
    assert [] == [path for path in paths(page) if not (ROOT / path).exists()]


def test_paths_are_found() -> None:
    """The rule above sees files and folders, and would notice one that is gone."""
    found = {path for page in PAGES for path in paths(page)}
    assert {"gateway/domain/posts/cancel.py", "gateway/domain/publishing/", "pyproject.toml", ".ci/run"} <= found


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_and_anchors_lead_somewhere(page: Path) -> None:
    """Every relative link names a file, and every anchor a heading of it."""
    broken = []
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", prose(page)):
        file = page.parent / target if target else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(f"{target}#{anchor}")
    assert [] == broken


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_make_targets_exist(page: Path) -> None:
    """Every `make` command that is named, in prose or in a block of commands, is a target."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^\s*)make ([a-z]+)", page.read_text(), re.MULTILINE))
    assert set() == named - targets


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_tests_that_are_named_exist(page: Path) -> None:
    """Every test function that is named as a proof is in one of the test files that the page names."""
    named = {text for text in quoted(page) if re.fullmatch(r"test_\w+", text)}
    files = [ROOT / path for path in paths(page) if path.startswith("tests/") and path.endswith(".py")]
    there = {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())}
    assert set() == named - there


def test_commands_in_contributing_name_tests_that_exist() -> None:
    """The commands of the debugger's section name a file, and a test in it."""
    found = re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", (ROOT / "CONTRIBUTING.md").read_text())
    assert any(test for _, test in found)
    assert [] == [f"{file}::{test}" for file, test in found if test and f"def {test}(" not in (ROOT / file).read_text()]

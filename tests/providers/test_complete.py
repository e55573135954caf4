"""Every capability that a provider promises is proved by a contract test, and so is every cell of the docs' matrix.

Owns the parsing of the contract tests: the first line of each lists the capabilities it needs. One test runs them all
and compares the outcome with what was parsed.
"""

import ast
import inspect
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints
from xml.etree import ElementTree

import pytest

from gateway.cli import providers as printer
from providers import registry
from providers.capabilities import Capability, CapabilityTable, Cell, Support
from tests.providers.conformance import refusals
from tests.providers.conformance.harness import Contract, Power
from tests.providers.conformance.refusals import RefusalsContract

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "tests/providers/conformance"
FACETS = sorted({path.stem for path in CONTRACTS.glob("*.py")} - {"__init__", "harness"})
MATRIX = re.compile(r"\| `([A-Z_]+)` \| ([\w ]+) \| (.*) \|")
WAYS_OUT = re.compile(r"\b(skip|skipif|xfail|importorskip)\b\(")
PROVIDERS = sorted(registry.PROVIDERS)
Function = Callable[..., Any]


@dataclass(frozen=True)
class Requirements:
    """The capabilities and the harness powers that a contract test needs."""

    needs: frozenset[Capability]
    powers: frozenset[Power]


def table_of(provider: str) -> CapabilityTable:
    """Return a provider's capability table."""
    table: CapabilityTable = import_module(f"{registry.PROVIDERS[provider]}.capabilities").TABLE
    return table


def contract_of(facet: str) -> type[Contract]:
    """Return the contract class in a facet's file."""
    module = import_module(f"tests.providers.conformance.{facet}")
    [found] = [
        each
        for each in vars(module).values()
        if inspect.isclass(each) and issubclass(each, Contract) and each.__module__ == module.__name__
    ]
    return found


@cache
def suites(provider: str) -> tuple[type[Contract], ...]:
    """Return the test classes that run contracts over a provider, as pytest collects them."""
    folder = ROOT / "tests/providers" / provider
    modules = [import_module(f"tests.providers.{provider}.{path.stem}") for path in folder.glob("test_conformance*.py")]
    found = {name: each for module in modules for name, each in vars(module).items() if name.startswith("Test")}
    return tuple(each for each in found.values() if inspect.isclass(each) and issubclass(each, Contract))


def functions_of(suite: type) -> dict[str, Function]:
    """Return the test functions of a class, including inherited ones."""
    return {name: each for name, each in inspect.getmembers(suite, inspect.isfunction) if name.startswith("test_")}


def _calls(test: Function) -> list[ast.Call]:
    """Return the calls that are statements of a test's body, in order."""
    [function] = ast.parse(textwrap.dedent(inspect.getsource(test))).body
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    return [each.value for each in function.body if isinstance(each, ast.Expr) and isinstance(each.value, ast.Call)]


def _named(calls: list[ast.Call], method: str, of: str) -> list[str]:
    """Return X and Y of `self.method(Of.X, Of.Y)`; raises ValueError for other arguments."""
    found = []
    for call in calls:
        if ast.unparse(call.func) != f"self.{method}":
            continue
        for argument in call.args:
            text = ast.unparse(argument)
            if not text.startswith(f"{of}.") or call.keywords:
                raise ValueError(f"{text} is not written out")
            found.append(text.removeprefix(f"{of}."))
    return found


@cache
def requirements_of(test: Function) -> Requirements:
    """Return what a contract test needs."""
    calls = _calls(test)
    needs = frozenset(Capability[name] for name in _named(calls, "needs", "Capability"))
    return Requirements(needs, frozenset(Power[name] for name in _named(calls, "can", "Power")))


def powers_of(suite: type) -> frozenset[Power]:
    """Return the powers of the suite's harness."""
    powers: frozenset[Power] = get_type_hints(suite)["harness"].powers
    return powers


def running(provider: str) -> Iterator[tuple[type[Contract], str, Requirements]]:
    """Yield each contract test that is not skipped; the suite names the table, which may depend on settings."""
    for suite in suites(provider):
        table: CapabilityTable = suite.table  # type: ignore[attr-defined]
        for name, test in functions_of(suite).items():
            required = requirements_of(test)
            if all(table.can(each) for each in required.needs) and required.powers <= powers_of(suite):
                yield suite, name, required


def shown(provider: str) -> set[Capability]:
    """Return the capabilities that the tests of a provider prove."""
    return {each for _, _, required in running(provider) for each in required.needs}


def unbacked(provider: str, table: CapabilityTable) -> set[Capability]:
    """Return the promised capabilities that no test of a provider proves."""
    return {each for each in Capability if table.can(each)} - shown(provider)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_promise_is_shown(provider: str) -> None:
    """Each promised capability has a contract test that runs over the provider."""
    assert set() == unbacked(provider, table_of(provider))


def test_a_promise_that_nothing_shows_is_seen() -> None:
    """The check above fails for a table that promises a capability without a contract test."""
    table = table_of("tiktok")
    more = replace(table, cells={**table.cells, Capability.ADS: Cell(Support.FULL)})

    assert {Capability.ADS} == unbacked("tiktok", more)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("facet", FACETS)
def test_every_facet_is_asked_of_every_provider(provider: str, facet: str) -> None:
    """A provider inherits every contract; one is skipped completely only if each of its capabilities is not promised,
    or is proved by another contract.
    """
    contract, table = contract_of(facet), table_of(provider)
    own = [suite for suite in suites(provider) if issubclass(suite, contract)]
    covered = {each for test in functions_of(contract).values() for each in requirements_of(test).needs}
    runs = [name for suite, name, _ in running(provider) if issubclass(suite, contract)]
    others = [needed for suite, _, needed in running(provider) if not issubclass(suite, contract)]
    elsewhere = {each for needed in others for each in needed.needs}

    assert own, f"no suite of {provider} inherits {contract.__name__}"
    assert runs or not any(table.can(each) for each in covered - elsewhere)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_cell_of_the_matrix_is_backed(provider: str) -> None:
    """Each cell of docs/providers.md is proved by a test: what is offered works, what is not offered is refused."""
    table = table_of(provider)
    page = (ROOT / "docs/providers.md").read_text().partition(f"\n## {table.display_name}\n")[2].partition("\n## ")[0]
    rows = {Capability[name]: (word, note) for name, word, note in MATRIX.findall(page)}
    tests_refusals = any(issubclass(suite, RefusalsContract) for suite in suites(provider))
    refused = refusals.missing(table) if tests_refusals else {}

    backed = {each: (printer.WORDS[table.cell(each).support], table.cell(each).note) for each in shown(provider)}
    backed |= {each: (printer.WORDS[cell.support], cell.note) for each, cell in refused.items()}
    assert set(Capability) == set(rows)
    assert {} == {each: row for each, row in rows.items() if backed.get(each) != row}


def test_every_watched_capability_is_asked_for() -> None:
    """The refusal contract covers exactly the capabilities that the checked provider checks."""
    sources = "".join(path.read_text() for path in sorted((ROOT / "providers").glob("checked*.py")))
    watched = {Capability[name] for name in re.findall(r"\bCapability\.([A-Z_]+)", sources)}

    assert watched == set(refusals.CALLS)


@pytest.mark.parametrize("facet", FACETS)
def test_a_contract_test_begins_with_what_it_needs(facet: str) -> None:
    """Its first line lists every capability literally, so that the skips can be parsed."""
    tests = functions_of(contract_of(facet))

    assert tests
    for name, test in tests.items():
        assert ["self.needs"] == [ast.unparse(call.func) for call in _calls(test)[:1]], name
        requirements_of(test)


def test_nothing_else_skips() -> None:
    """Neither a contract nor a harness skips in another way, and no suite overrides a contract test."""
    files = [*CONTRACTS.glob("*.py"), *CONTRACTS.parent.glob("*/harness.py"), *CONTRACTS.parent.glob("*/test_conf*.py")]
    found = {path.relative_to(CONTRACTS.parent).as_posix(): WAYS_OUT.findall(path.read_text()) for path in files}

    assert {"conformance/harness.py": ["skip", "skip"]} == {name: ways for name, ways in found.items() if ways}
    for suite in (each for provider in PROVIDERS for each in suites(provider)):
        assert [] == [name for name in vars(suite) if name.startswith("test_")], suite


@pytest.mark.chaos
@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_should_run_does(provider: str, tmp_path: Path) -> None:
    """When all contracts of a provider run, exactly the tests that were predicted to run do, and all pass."""
    report = tmp_path / "report.xml"
    files = sorted(str(path) for path in (ROOT / "tests/providers" / provider).glob("test_conformance*.py"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)

    assert 0 == done.returncode, done.stdout
    cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314 - written by the line above
    ran = {
        (case.attrib["classname"].rpartition(".")[2], case.attrib["name"].partition("[")[0])
        for case in cases
        if case.find("skipped") is None
    }
    expected = {(suite.__name__, name) for suite, name, _ in running(provider)}
    assert expected == ran & {(suite.__name__, name) for suite in suites(provider) for name in functions_of(suite)}

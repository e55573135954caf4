"""Every capability that a provider promises is proved by a contract test, and so is every cell of the docs' matrix.

Owns the reading of what each contract test needs: the arguments of its `needs`, by which it is also skipped. One test
runs them all and compares the outcome with what was read.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from importlib import import_module
from inspect import isfunction, signature
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from gateway.cli import providers as printer
from providers import registry
from providers.capabilities import Capability, CapabilityTable, Cell, Support
from tests.providers.conformance import test_refusals as refusals
from tests.providers.conformance.harness import Power, Setup

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "tests/providers/conformance"
FACETS = sorted(path.stem for path in CONTRACTS.glob("test_*.py"))
MATRIX = re.compile(r"\| `([A-Z_]+)` \| ([\w ]+) \| (.*) \|")
WAYS_OUT = re.compile(r"\b(skip|skipif|xfail|importorskip)\b\(")
PROVIDERS = sorted(registry.PROVIDERS)
Test = Callable[..., Any]


def table_of(provider: str) -> CapabilityTable:
    """Return a provider's capability table."""
    table: CapabilityTable = import_module(f"{registry.PROVIDERS[provider]}.capabilities").TABLE
    return table


def setups_of(provider: str) -> tuple[Setup, ...]:
    """Return the configurations in which the contract tests run over a provider."""
    setups: tuple[Setup, ...] = import_module(f"tests.providers.{provider}.harness").SETUPS
    return setups


@cache
def contract_of(facet: str) -> dict[str, Test]:
    """Return the contract tests in a facet's file."""
    module = import_module(f"tests.providers.conformance.{facet}")
    return {name: each for name, each in vars(module).items() if name.startswith("test_") and isfunction(each)}


def requirements_of(test: Test) -> frozenset[Capability | Power]:
    """Return the capabilities and powers that a contract test needs; raises ValueError if it does not say so once."""
    [mark] = [each for each in getattr(test, "pytestmark", []) if each.name == "needs"]
    return frozenset(mark.args)


def running(provider: str) -> Iterator[tuple[Setup, str, str, set[Capability]]]:
    """Yield setup, facet, name and needed capabilities of each contract test of a provider that is not skipped."""
    for setup in setups_of(provider):
        met = {*setup.powers, *(each for each in Capability if setup.table.can(each))}
        for facet in FACETS:
            for name, test in contract_of(facet).items():
                required = requirements_of(test)
                if required <= met:
                    yield setup, facet, name, {each for each in required if isinstance(each, Capability)}


def shown(provider: str) -> set[Capability]:
    """Return the capabilities that the tests of a provider prove."""
    return {each for _, _, _, needed in running(provider) for each in needed}


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
    more = replace(table, cells={**table.cells, Capability.PLANNER_LABELS: Cell(Support.FULL)})

    assert {Capability.PLANNER_LABELS} == unbacked("tiktok", more)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("facet", FACETS)
def test_every_facet_is_asked_of_every_provider(provider: str, facet: str) -> None:
    """A facet's tests are all skipped for a provider only if each of their capabilities is not promised, or is proved
    by another facet's.
    """
    table, runs = table_of(provider), list(running(provider))
    needed_here = {each for test in contract_of(facet).values() for each in requirements_of(test)}
    covered = {each for each in needed_here if isinstance(each, Capability)}
    elsewhere = {each for _, other, _, needed in runs if other != facet for each in needed}

    assert facet in {each for _, each, _, _ in runs} or not any(table.can(each) for each in covered - elsewhere)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_cell_of_the_matrix_is_backed(provider: str) -> None:
    """Each cell of docs/providers.md is proved by a test: what is offered works, what is not offered is refused."""
    table = table_of(provider)
    page = (ROOT / "docs/providers.md").read_text().partition(f"\n## {table.display_name}\n")[2].partition("\n## ")[0]
    rows = {Capability[name]: (word, note) for name, word, note in MATRIX.findall(page)}
    tests_refusals = any(facet == "test_refusals" for _, facet, _, _ in running(provider))
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
def test_a_contract_test_says_what_it_needs(facet: str) -> None:
    """It has one `needs` with capabilities and powers, and runs over the harness of each provider."""
    tests = contract_of(facet)

    assert tests
    for name, test in tests.items():
        assert all(isinstance(each, Capability | Power) for each in requirements_of(test)), name
        assert "harness" in signature(test).parameters, name


def test_nothing_else_skips() -> None:
    """Neither a contract nor a harness skips in another way."""
    files = [*CONTRACTS.glob("*.py"), *CONTRACTS.parent.glob("*/harness.py")]
    found = {path.relative_to(CONTRACTS.parent).as_posix(): WAYS_OUT.findall(path.read_text()) for path in files}

    assert {"conformance/harness.py": ["skip", "skip"]} == {name: ways for name, ways in found.items() if ways}


@pytest.mark.chaos
@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_should_run_does(provider: str, tmp_path: Path) -> None:
    """When all contracts of a provider run, exactly the tests that were predicted to run do, and all pass."""
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", str(CONTRACTS)]
    done = subprocess.run(
        [*command, "-k", provider], cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )

    assert 0 == done.returncode, done.stdout
    cases = ElementTree.parse(report).iter("testcase")  # noqa: S314 - written by the line above
    names = sorted((each.name for each in setups_of(provider)), key=len, reverse=True)
    variant = re.compile(rf"(\w+)\[({'|'.join(re.escape(each) for each in names)})[]-]")
    ran = {
        (case.attrib["classname"].rpartition(".")[2], *found.groups())
        for case in cases
        if case.find("skipped") is None and (found := variant.match(case.attrib["name"]))
    }
    assert {(facet, name, setup.name) for setup, facet, name, _ in running(provider)} == ran

"""Every place where a process may die has a test that kills one there.

Owns the list of places, read from the code, and of those that the kill tests visit: a new place cannot go unnoticed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import PurePath

from tests.chaos import (
    test_kill_ads,
    test_kill_audiences,
    test_kill_consent,
    test_kill_photos,
    test_kill_planner,
    test_kill_publish,
    test_kill_side_paths,
)
from tests.flows import test_ads_kills
from tests.shape.source import ROOT, Function, Source, read

PLACE = re.compile(r"((?:publish|token|consent)\.(?:before|after)-[a-z.A-Z_-]+)(?:=(?:kill|stop))?")
RULES = "gateway/**/"
"""Where places may be."""

KILLING = "tests/flows/test_credentials_tokens"
"""Where processes are killed for tokens: the places stand in the tests as text."""


@cache
def beginning(prefix: str) -> tuple[Source, ...]:
    """Return the files whose path begins so."""
    paths = sorted(ROOT.glob(f"{prefix}*.py"))
    return tuple(read(path.relative_to(ROOT).as_posix()) for path in paths)


def calls(source: Source, name: str) -> Iterator[ast.Call]:
    """Yield the calls of a function by its name as it is written."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
            yield node


def holder(source: Source, node: ast.expr) -> Function:
    """Return the innermost function around a node."""
    line: int = node.lineno
    around = [each for each in source.functions() if each.lineno <= line <= (each.end_lineno or line)]
    return max(around, key=lambda each: each.lineno)


def texts(source: Source, node: ast.expr) -> set[str]:
    """Return what an expression may be: text as it stands, a choice of two, or what a function is called with."""
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    if isinstance(node, ast.IfExp):
        return texts(source, node.body) | texts(source, node.orelse)
    if isinstance(node, ast.JoinedStr):
        [variable] = [each for each in node.values if isinstance(each, ast.FormattedValue)]
        pattern = "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values)
        return {pattern.format(text) for text in texts(source, variable.value)}
    if isinstance(node, ast.Name):
        return given(source, holder(source, node), node.id)
    assert isinstance(node, ast.Attribute), f"{source.path}: {ast.unparse(node)}"
    if ast.unparse(node.value) == "AttemptState":
        return {node.attr}
    # `attempt.state`: a move that stays where it is, and comes by the place that led there.
    assert node.attr == "state", f"{source.path}: {ast.unparse(node)}"
    return set()


def given(home: Source, function: Function, parameter: str) -> set[str]:
    """Return what callers in its own module, or in others, give as a parameter of a function."""
    position = [each.arg for each in function.args.args].index(parameter)
    module = PurePath(home.path).stem
    found = [(source, f"{module}.{function.name}") for source in beginning(RULES)] + [(home, function.name)]
    values = [(source, call.args[position]) for source, name in found for call in calls(source, name)]
    return {text for source, value in values for text in texts(source, value)}


def in_the_code() -> set[str]:
    """Return the places that the code comes by."""
    found = [(source, call) for source in beginning(RULES) for call in calls(source, "reach")]
    return {text for source, call in found for text in texts(source, call.args[0])}


def named_for_tokens() -> set[str]:
    """Return the places at which the tests of tokens kill or freeze a process."""
    constants = [
        node for source in beginning(KILLING) for node in ast.walk(source.tree) if isinstance(node, ast.Constant)
    ]
    matches = [PLACE.fullmatch(node.value) for node in constants if isinstance(node.value, str)]
    return {match[1] for match in matches if match is not None}


def visited() -> set[str]:
    """Return the places at which some test kills a process, or lets an exception stand for its death."""
    sides = [side for group in test_kill_side_paths.GROUPS.values() for side in group]
    posts = (test_kill_publish, test_kill_photos, test_kill_planner, test_kill_consent)
    ads = (test_kill_ads, test_kill_audiences, test_ads_kills)
    places = {place for group in (*posts, *ads) for place in group.PLACES} | named_for_tokens()
    places |= {place for side in sides for place in side.places()}
    steps = [path.step for path in test_kill_side_paths.STEPPED.values()]
    steps += [f"call.{call}" for call in test_kill_side_paths.CALLERS]
    return places | {f"publish.{when}-{step}" for step in steps for when in ("before", "after")}


def test_a_process_is_killed_at_every_place() -> None:
    """The places in the code, and those of the kill tests, are the same: none is missed, none is of the past."""
    assert in_the_code() == visited()


def test_the_places_are_read_from_the_code() -> None:
    """One that stands as text, one that is put together, and one whose name comes through two functions are found."""
    expected = {"token.after-spill", "publish.before-commit.FINAL_SENT", "publish.after-call.final-chunk"}
    assert expected <= in_the_code()

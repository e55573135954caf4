"""The OpenAPI document describes what the server takes and answers: schemathesis sends what it allows, and what not.

Owns the proofs of `protos/openapi.py` and of `/openapi.json`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.http.rest import requests
from tests.api.contract import ROOT
from tests.fixtures.app import base_of
from tests.fixtures.settings import KEY
from tests.http.caller import ApiCaller, calling
from tests.http.test_rest_edge import BINDINGS

DOCUMENT: dict[str, Any] = json.loads((ROOT / "protos" / "gen" / "socialgateway" / "openapi.json").read_text())
CHECKS = [content_type_conformance, response_schema_conformance, status_code_conformance]
VERBS = ("get", "post", "put", "patch", "delete")
STREAMS = {"EventService_StreamEvents", "PostService_WatchPost"}
EXAMPLES = 4


@pytest.fixture
async def caller(database_url: str, tmp_path: Path) -> AsyncIterator[ApiCaller]:
    """Yield the caller of a gateway."""
    async with calling(database_url, tmp_path) as found:
        yield found


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the verb, the path and the operation of everything in the document."""
    for path, verbs in DOCUMENT["paths"].items():
        yield from ((verb, path, verbs[verb]) for verb in VERBS if verb in verbs)


async def test_it_is_served_to_everybody(caller: ApiCaller) -> None:
    """Without a key, the same document that lies in the package."""
    assert DOCUMENT == (await caller.http.get("/openapi.json")).json()


def test_it_names_the_query_that_the_server_takes() -> None:
    """Each operation has exactly the parameters that the server reads, and a body exactly where one is read."""
    described = {operation["operationId"]: operation for _, _, operation in operations()}
    for binding in BINDINGS.values():
        found = described[f"{binding.method.containing_service.name}_{binding.method.name}"]
        query = {each["name"] for each in found["parameters"] if each["in"] == "query"}
        assert {each.json_name for each in requests.query_fields(binding)} == query, binding.full_name
        assert bool(binding.body) == ("requestBody" in found), binding.full_name


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
async def test_the_server_keeps_to_it(caller: ApiCaller, mode: GenerationMode) -> None:
    """What fits the document is never a fault of the server, what does not is refused; every answer is as described."""
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    url = base_of(caller.gateway)

    def send_all() -> None:
        for found in schema.get_all_operations():
            operation: Any = found.ok()  # type: ignore[union-attr]
            if operation.definition.raw["operationId"] not in STREAMS:
                send(operation, url, mode)

    await asyncio.to_thread(send_all)


def send(operation: Any, url: str, mode: GenerationMode) -> None:
    """Send some requests for one operation, the same each time, and check the answers."""
    checks = CHECKS if mode is GenerationMode.POSITIVE else [*CHECKS, negative_data_rejection]
    quiet = settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )

    @quiet
    @given(case=operation.as_strategy(generation_mode=mode))
    def once(case: Any) -> None:
        answer = case.call(base_url=url, headers={"authorization": f"Bearer {KEY}"})
        assert answer.status_code < 500, answer.text
        case.validate_response(answer, checks=checks)

    once()

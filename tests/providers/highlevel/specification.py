"""What is wrong with a request, by the official OpenAPI: its path, its parameters, its headers, its body.

Owns the check of one request; finding operations and judging values is the simulator's validator's.
"""

import json
from typing import Any
from urllib.parse import parse_qs

import httpx

from tests.providers.simulators.highlevel import contract

_FORM = "application/x-www-form-urlencoded"


def operation(generation: str, request: httpx.Request) -> contract.Operation | None:
    """Find the operation that a request asks for."""
    return contract.find(generation, request.method, request.url.path)


def wrong(generation: str, request: httpx.Request) -> list[str]:
    """Say everything that is wrong with a request."""
    found = operation(generation, request)
    where = f"{request.method} {request.url.path}"
    if found is None:
        return [f"{where} is in no specification"]
    return [f"{where}: {each}" for each in (*_parameters(found, request), *_body(found, request))]


def _parameters(found: contract.Operation, request: httpx.Request) -> list[str]:
    known = [each for each in found.value.get("parameters", []) if each["in"] in ("query", "header")]
    query = {name: values[0] for name, values in parse_qs(request.url.query.decode(), keep_blank_values=True).items()}
    names = {each["name"] for each in known if each["in"] == "query"}
    problems = [f"parameter {name} is in no specification" for name in query.keys() - names]
    for each in known:
        value = query.get(each["name"]) if each["in"] == "query" else request.headers.get(each["name"])
        problems += _parameter(found, each, value)
    return problems


def _parameter(found: contract.Operation, parameter: dict[str, Any], value: str | None) -> list[str]:
    name, schema = parameter["name"], parameter.get("schema", {})
    if value is None:
        return [f"parameter {name} is missing"] if parameter.get("required") else []
    typed: Any = value
    if schema.get("type") in ("boolean", "number"):
        typed = json.loads(value)
    return contract.problems(found.spec, schema, typed, name)


def _body(found: contract.Operation, request: httpx.Request) -> list[str]:
    if not request.content:
        return ["the body is missing"] if found.value.get("requestBody", {}).get("required") else []
    media_type = request.headers["content-type"]
    schema = found.request(media_type)
    if not schema:
        return [f"{media_type} is not taken"]
    text = request.content.decode()
    form = {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}
    return contract.problems(found.spec, schema, form if media_type == _FORM else json.loads(text), "body")

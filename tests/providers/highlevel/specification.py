"""Validation of a request against the official OpenAPI: its path, parameters, headers and body.

Owns the validation of one request; the simulator's validator finds operations and checks values.
"""

import json
from email import message_from_bytes
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qs

import httpx

from tests.providers.simulators.highlevel import contract

_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
# Undocumented parameters that live users send and HighLevel accepts (reports, read 2026-11-20).
_REPORTED = {"POST /medias/upload-file": frozenset({"altType", "altId"})}
# Documented in v3 only; live users send them to 2021-07-28 too.
_REPORTED_BODIES = frozenset({"pinterestPostDetails", "youtubePostDetails"})


def operation(spec: str, request: httpx.Request) -> contract.Operation | None:
    """Return the operation of a request, None if it is undocumented."""
    return contract.find(spec, request.method, request.url.path)


def wrong(spec: str, request: httpx.Request) -> list[str]:
    """Return all violations of a request."""
    found = operation(spec, request)
    where = f"{request.method} {request.url.path}"
    if found is None:
        return [f"{where} is in no specification"]
    return [f"{where}: {each}" for each in (*_parameters(found, request), *_body(found, request))]


def _parameters(found: contract.Operation, request: httpx.Request) -> list[str]:
    known = [each for each in found.value.get("parameters", []) if each["in"] in ("query", "header")]
    query = {name: values[0] for name, values in parse_qs(request.url.query.decode(), keep_blank_values=True).items()}
    names = {each["name"] for each in known if each["in"] == "query"}
    names |= _REPORTED.get(f"{request.method} {found.path}", frozenset())
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
    media_type = request.headers["content-type"].partition(";")[0]
    schema = found.request(media_type)
    if not schema:
        return [f"{media_type} is not accepted"]
    known = _REPORTED_BODIES if found.path.partition("{locationId}/")[2].startswith("posts") else frozenset()
    return contract.problems(found.spec, schema, _value(media_type, request), "body", known=known)


def _value(media_type: str, request: httpx.Request) -> Any:
    if media_type == _MULTIPART:
        return multipart(request)
    text = request.content.decode()
    form = {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}
    return form if media_type == _FORM else json.loads(text)


def multipart(request: httpx.Request) -> dict[str, str]:
    """Parse a multipart form with the standard library: the content of each part by its name."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    parts = message_from_bytes(head + request.content, policy=HTTP).iter_parts()
    read = {part.get_param("name", header="content-disposition"): part.get_payload(decode=True) for part in parts}
    return {str(name): value.decode("latin-1") for name, value in read.items() if isinstance(value, bytes)}

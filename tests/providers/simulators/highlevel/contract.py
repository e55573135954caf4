"""HighLevel's official OpenAPI, kept beside the checkout, and a validator for the keywords that it uses.

Owns: finding the operation of a call, and validating a value. Knows nothing of the simulator.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.fixtures import reference

FOLDER = "highlevel-openapi/patched-observed"
NAMES = {
    "v2": ("social-media-posting", "oauth", "medias", "users", "locations", "marketplace"),
    "v3": ("social-planner-v3", "oauth-v3", "medias-v3", "users-v3", "locations-v3", "marketplace-v3"),
}
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "number": (int, float),
    "integer": (int,),
    "array": (list,),
    "object": (dict,),
}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of a specification."""

    spec: Json
    path: str
    value: Json

    def answer(self, status: int) -> Json | None:
        """Return the schema of a response; {} when it has no body, None when the status is not documented."""
        answers: Json = self.value["responses"]
        if str(status) not in answers:
            return None
        content: Json = _open(self.spec, answers[str(status)]).get("content", {})
        first: Json = next(iter(content.values()), {})
        schema: Json = first.get("schema", {})
        return schema

    def request(self, media_type: str) -> Json:
        """Return the schema of a request's body."""
        content: Json = self.value.get("requestBody", {}).get("content", {})
        schema: Json = content.get(media_type, {}).get("schema", {})
        return schema


@cache
def specs(generation: str) -> list[Json]:
    """Return the specifications of a generation. Skip the test when they are missing."""
    return [json.loads(reference.text(f"{FOLDER}/{name}.json")) for name in NAMES[generation]]


def find(generation: str, method: str, path: str) -> Operation | None:
    """Return the operation of a call, or None. Prefer a fixed path to one with parameters."""
    found = [
        Operation(spec, template, methods[method.lower()])
        for spec in specs(generation)
        for template, methods in spec["paths"].items()
        if method.lower() in methods and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
    ]
    return min(found, key=lambda each: each.path.count("{"), default=None)


def _open(spec: Json, value: Json) -> Json:
    while "$ref" in value:
        at: Any = spec
        for name in value["$ref"].removeprefix("#/").split("/"):
            at = at[name]
        value = at
    return value


def problems(
    spec: Json, schema: Json, value: Any, where: str = "", *, known: frozenset[str] = frozenset()
) -> list[str]:
    """Return the errors of a value. A property that is in no schema is an error, unless it is in `known`."""
    schema = _open(spec, schema)
    if value is None and schema.get("nullable"):
        return []
    if (parts := schema.get("allOf")) is not None:
        return [each for part in parts for each in problems(spec, part, value, where, known=known)]
    for word in ("anyOf", "oneOf"):
        if word in schema:
            tried = [problems(spec, part, value, where, known=known) for part in schema[word]]
            return min(tried, key=len)
    found = _type_problems(schema, value, where)
    if found:
        return found
    if isinstance(value, dict):
        return _object_problems(spec, schema, value, where, known)
    if isinstance(value, list):
        rows = [(f"{where}[{at}]", row) for at, row in enumerate(value)]
        return [each for at, row in rows for each in problems(spec, schema.get("items", {}), row, at, known=known)]
    return []


def _type_problems(schema: Json, value: Any, where: str) -> list[str]:
    kind = schema.get("type", "object" if "properties" in schema else None)
    wrong_bool = isinstance(value, bool) and kind in ("number", "integer")
    if kind is not None and (wrong_bool or not isinstance(value, _TYPES[kind])):
        return [f"{where} is {value!r}, not of type {kind}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where} is {value!r}, not one of {schema['enum']}"]
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        return [f"{where} is {value!r}, not like {schema['pattern']}"]
    return []


def _object_problems(spec: Json, schema: Json, value: Json, where: str, known: frozenset[str]) -> list[str]:
    properties: Json = schema.get("properties", {})
    found = [f"{where}.{name} is missing" for name in schema.get("required", ()) if name not in value]
    for name, each in value.items():
        if name in properties:
            found += problems(spec, properties[name], each, f"{where}.{name}", known=known)
        elif properties and not schema.get("additionalProperties") and name not in known:
            found.append(f"{where}.{name} is not in the schema")
    return found

"""Which method an HTTP request calls: the `google.api.http` annotations, compiled to patterns.

Owns the syntax of path templates as far as the contract uses it. Does not know requests.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from google.api import annotations_pb2

ALL = "*"
"""The body is the whole request, without what the path has."""

_VERBS = ("get", "put", "post", "delete", "patch")
_VARIABLE = re.compile(r"\{([a-z_.]+)=([^{}]+)\}")
# Names of the contract have no colon, and what follows one is a verb.
_SEGMENT = "[^/:]+"


@dataclass(frozen=True, slots=True)
class Binding:
    """One method of the contract at one verb and path; `body` is a field of the request, `*`, or "" for none."""

    method: Any
    verb: str
    template: str
    pattern: re.Pattern[str]
    variables: tuple[str, ...]
    body: str

    @property
    def full_name(self) -> str:
        """The method as gRPC calls it."""
        return f"/{self.method.containing_service.full_name}/{self.method.name}"

    def match(self, path: str) -> dict[str, str] | None:
        """Return the path's variables, None if it is not this method's."""
        found = self.pattern.fullmatch(path)
        return None if found is None else dict(zip(self.variables, found.groups(), strict=True))


def bindings(services: Iterable[Any]) -> tuple[Binding, ...]:
    """Return the bindings of all annotated methods of these services' descriptors."""
    methods = (method for service in services for method in service.methods)
    return tuple(binding for method in methods if (binding := _binding(method)) is not None)


def find(known: Iterable[Binding], verb: str, path: str) -> tuple[Binding, Mapping[str, str]] | frozenset[str]:
    """Return the binding and variables of a request; else the verbs that this path knows, none if it is unknown."""
    verbs = set()
    for binding in known:
        variables = binding.match(path)
        if variables is None:
            continue
        if binding.verb == verb:
            return binding, variables
        verbs.add(binding.verb)
    return frozenset(verbs)


def _binding(method: Any) -> Binding | None:
    options = method.GetOptions()
    if not options.HasExtension(annotations_pb2.http):
        return None
    rule = options.Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern")
    if verb not in _VERBS or rule.additional_bindings or rule.response_body:
        raise ValueError(f"{method.full_name}: only one binding, of a plain verb, is served")
    template = getattr(rule, verb)
    pattern, variables = _compile(template)
    return Binding(method, verb.upper(), template, pattern, variables, rule.body)


def _compile(template: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """Compile a template to a pattern whose groups are its variables."""
    pieces, variables, done = [], [], 0
    for found in _VARIABLE.finditer(template):
        name, parts = found.groups()
        pieces += [re.escape(template[done : found.start()]), f"({_SEGMENT.join(map(re.escape, parts.split('*')))})"]
        variables.append(name)
        done = found.end()
    pieces.append(re.escape(template[done:]))
    return re.compile("".join(pieces)), tuple(variables)

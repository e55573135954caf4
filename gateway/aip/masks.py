"""Field masks: which fields of a resource to return or to update (AIP-134, AIP-157).

Owns checking paths against the contract. Does not know what a field costs to read or who may change it.
"""

from collections.abc import Collection
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from gateway.errors import FieldInvalid, Violation

ALL = "*"
MAX_PATHS = 100


def read_paths(
    mask: FieldMask, descriptor: Any, *, path: str = "read_mask", allowed: Collection[str] | None = None
) -> frozenset[str] | None:
    """Return the top-level fields in the mask, or None, meaning all fields, if it is empty or `*`.

    Only whole top-level fields are accepted. Raises FieldInvalid with every path that the resource does not have or
    that is not in `allowed`.
    """
    paths = list(mask.paths)
    if not paths or paths == [ALL]:
        return None
    if len(paths) > MAX_PATHS:
        raise FieldInvalid(path, f"may name at most {MAX_PATHS} fields")
    known = descriptor.fields_by_name.keys() if allowed is None else allowed
    unknown = sorted({item for item in paths if item not in known})
    if unknown:
        first, *more = [Violation(f"{path}.{item[:64]}", f"is not a field of {descriptor.name}") for item in unknown]
        raise FieldInvalid(first.field, first.description, *more)
    return frozenset(paths)


def update_paths(
    mask: FieldMask, resource: Message, *, path: str = "update_mask", allowed: Collection[str] | None = None
) -> frozenset[str]:
    """Return the top-level fields to update: those in the mask, or, if it is empty, those that are set.

    `*` means every field in `allowed` (or of the resource). Raises FieldInvalid like `read_paths`.
    """
    every = resource.DESCRIPTOR.fields_by_name.keys() if allowed is None else allowed
    if not mask.paths:
        return frozenset(field.name for field, _ in resource.ListFields() if field.name in every)
    named = read_paths(mask, resource.DESCRIPTOR, path=path, allowed=allowed)
    return frozenset(every) if named is None else named


def keep(message: Message, paths: frozenset[str] | None, *, always: Collection[str] = ("name",)) -> None:
    """Clear the fields of `message` that are not in `paths` or `always`; None keeps all fields."""
    if paths is None:
        return
    for field, _ in message.ListFields():
        if field.name not in paths and field.name not in always:
            message.ClearField(field.name)

"""Request validation from the contract alone: required fields, known enum values, storable text.

Owns walking a request along its descriptor; the checks are compiled once per message type. Does not know any method's
own rules.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gateway.errors import FieldInvalid, Violation

MAX_VIOLATIONS = 1000
"""How many are collected; `gateway/status.py` names as many as fit into a status, and counts the others."""

MAX_ENTRIES = 1000
"""Maximum length of a list or map. No list in the contract needs as many, and every entry takes time to check."""

MAX_STRUCT_BYTES = 16 * 1024
"""Maximum size of a google.protobuf.Struct, whose lists can be nested."""

Check = Callable[[Any, str], Iterator[Violation]]
_REQUIRED = "is required"
MASK = "update_mask"
"""The field that only update requests have (AIP-134)."""

# (min seconds, max seconds, min nanos), from the comments in google/protobuf/timestamp.proto and duration.proto.
_SPANS = {
    "google.protobuf.Timestamp": (-62_135_596_800, 253_402_300_799, 0),
    "google.protobuf.Duration": (-315_576_000_000, 315_576_000_000, -999_999_999),
}


@dataclass(slots=True)
class Plan:
    """The checks of one message type. It is registered before its checks are added, because types can be recursive."""

    checks: list[Check] = field(default_factory=list)


_plans: dict[Any, Plan] = {}


def check(request: Message) -> None:
    """Raise FieldInvalid with the violations (at most a thousand) of the contract's own annotations.

    REQUIRED fields must be set, in the request and in every message set inside it; enum values must be defined in the
    contract, and in a list not be 0; text must not contain NUL, which PostgreSQL cannot store; times and page sizes
    must be in range. Lists, maps and Structs above the size limits are refused before they are walked. OUTPUT_ONLY
    fields are ignored, so that a caller may send back what it has read. In an update request, the resource's own
    required fields may be unset.
    """
    partial = MASK in request.DESCRIPTOR.fields_by_name
    violations: list[Violation] = []
    for violation in _walk(request, ""):
        if partial and violation.description == _REQUIRED and violation.field.count(".") == 1:
            continue
        violations.append(violation)
        if len(violations) == MAX_VIOLATIONS:
            break
    if violations:
        first, *more = violations
        raise FieldInvalid(first.field, first.description, *more)


def _walk(message: Message, prefix: str) -> Iterator[Violation]:
    """Run the message's checks; `prefix` is the message's path with a trailing dot, or empty."""
    for one in _plan(message.DESCRIPTOR).checks:
        yield from one(message, prefix)


def _plan(descriptor: Any) -> Plan:
    """Return the plan of a message type, built on first use."""
    plan = _plans.get(descriptor)
    if plan is None:
        plan = _plans[descriptor] = Plan()
        for each in descriptor.fields:
            plan.checks.extend(_checks_of(each))
    return plan


def _checks_of(each: FieldDescriptor) -> Iterator[Check]:
    """Yield the checks of one field."""
    behaviors = each.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    if field_behavior_pb2.OUTPUT_ONLY in behaviors:
        return
    if field_behavior_pb2.REQUIRED in behaviors:
        yield _required(each)
    if each.name == "page_size":
        yield _not_negative(each)
    content = _content(each)
    if each.is_repeated:
        yield _bounded(each.name, content)
    elif content is not None:
        yield content


def _required(each: FieldDescriptor) -> Check:
    """Return the check that a field is set; without field presence, that it is not the default value."""
    name = each.name
    if each.has_presence:

        def is_set(message: Any, prefix: str) -> Iterator[Violation]:
            if not message.HasField(name):
                yield Violation(prefix + name, _REQUIRED)

        return is_set

    def is_filled(message: Any, prefix: str) -> Iterator[Violation]:
        if not getattr(message, name):
            yield Violation(prefix + name, _REQUIRED)

    return is_filled


def _not_negative(each: FieldDescriptor) -> Check:
    """Return the check of `page_size`."""
    name = each.name

    def check_size(message: Any, prefix: str) -> Iterator[Violation]:
        if getattr(message, name) < 0:
            yield Violation(prefix + name, "must not be negative")

    return check_size


def _content(each: FieldDescriptor) -> Check | None:
    """Return the check of a field's value, or None if any value is valid."""
    if each.message_type is not None and each.message_type.GetOptions().map_entry:
        return _map_content(each)
    of_value = _value_check(each)
    if of_value is None:
        return None
    if each.is_repeated:
        return _each_of(each.name, of_value)
    return _one_of(each, of_value)


def _value_check(each: FieldDescriptor) -> Check | None:
    """Return the check of one value of a field; it is called with the value and its path."""
    if each.type == FieldDescriptor.TYPE_STRING:
        return _no_nul
    if each.enum_type is not None:
        return _known_value(frozenset(each.enum_type.values_by_number), in_list=each.is_repeated)
    if each.message_type is None:
        return None
    if each.message_type.full_name in _SPANS:
        return _in_range(*_SPANS[each.message_type.full_name])
    if each.message_type.full_name == "google.protobuf.Struct":
        return _small_struct
    return lambda value, path: _walk(value, path + ".")


def _small_struct(value: Any, path: str) -> Iterator[Violation]:
    """Check a Struct; one that is too large is refused unread, because walking it would block the event loop."""
    size = value.ByteSize()
    if size > MAX_STRUCT_BYTES:
        yield Violation(path, f"has {size} bytes, at most {MAX_STRUCT_BYTES} are accepted")
    else:
        yield from _walk(value, path + ".")


def _in_range(lowest: int, highest: int, least_nanos: int) -> Check:
    """Return the check that a Timestamp or Duration is in its type's range; the parser does not check that."""

    def check_range(value: Any, path: str) -> Iterator[Violation]:
        if not (lowest <= value.seconds <= highest and least_nanos <= value.nanos <= 999_999_999):
            yield Violation(path, "is out of range")

    return check_range


def _no_nul(value: str, path: str) -> Iterator[Violation]:
    """Refuse U+0000: PostgreSQL cannot store it in text."""
    if "\0" in value:
        yield Violation(path, "must not contain U+0000")


def _known_value(numbers: frozenset[int], *, in_list: bool) -> Check:
    """Return the check that an enum value is defined, and in a list that it is not 0.

    A client that cannot spell a value sends 0 (decision 14). In a list nothing else can be meant by it.
    """

    def check_value(value: int, path: str) -> Iterator[Violation]:
        if value not in numbers:
            yield Violation(path, f"{value} is not a value of this enum")
        elif in_list and value == 0:
            yield Violation(path, "is unspecified")

    return check_value


def _one_of(each: FieldDescriptor, of_value: Check) -> Check:
    """Return the check of a singular field; a message field is checked only if it is set."""
    name, is_message = each.name, each.message_type is not None

    def check_one(message: Any, prefix: str) -> Iterator[Violation]:
        if not is_message or message.HasField(name):
            yield from of_value(getattr(message, name), prefix + name)

    return check_one


def _bounded(name: str, content: Check | None) -> Check:
    """Return the check of a list's or map's length, followed by the check of its entries."""

    def check_length(message: Any, prefix: str) -> Iterator[Violation]:
        count = len(getattr(message, name))
        if count > MAX_ENTRIES:
            yield Violation(prefix + name, f"has {count} entries, at most {MAX_ENTRIES} are accepted")
        elif content is not None:
            yield from content(message, prefix)

    return check_length


def _each_of(name: str, of_value: Check) -> Check:
    """Return the check of every item of a repeated field."""

    def check_each(message: Any, prefix: str) -> Iterator[Violation]:
        for index, item in enumerate(getattr(message, name)):
            yield from of_value(item, f"{prefix}{name}[{index}]")

    return check_each


def _map_content(each: FieldDescriptor) -> Check | None:
    """Return the check of a map's keys and values, or None if any are valid."""
    name = each.name
    entry: Any = each.message_type and each.message_type.fields_by_name
    of_key, of_value = _value_check(entry["key"]), _value_check(entry["value"])
    if of_key is None and of_value is None:
        return None

    def check_map(message: Any, prefix: str) -> Iterator[Violation]:
        for key, value in getattr(message, name).items():
            path = f"{prefix}{name}[{str(key)[:64]!r}]"
            for of_part, part in ((of_key, key), (of_value, value)):
                if of_part is not None:
                    yield from of_part(part, path)

    return check_map

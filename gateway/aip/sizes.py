"""How large a response may be: clients of gRPC refuse messages of more than 4 MiB unless told otherwise.

Owns the limits, and shortening a message that exceeds one. Knows no noun.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

MAX_RESPONSE_BYTES = 3 * 1024**2
"""Maximum size of a page, and of a message of a stream: what is left of 4 MiB is for what accompanies the items."""

MAX_RESOURCE_BYTES = 1024**2
"""Maximum size of one item of a page. Callers' own fields cannot reach it; a vendor's, or an old row's, could."""

_ITEM_OVERHEAD = 8
"""The tag and the length of an item of a list, at most."""

_LONGEST_TEXTS = (65_536, 8_192, 1_024, 64)
"""How long a text may be, tried in order until the message fits; lists are cut to a sixteenth as many entries."""

M = TypeVar("M", bound=Message)


def bounded(message: M, most: int = MAX_RESOURCE_BYTES) -> M:
    """Return the message itself, its texts and lists shortened in place if it has more than `most` bytes.

    A shortened text ends with "…"; an address that is too long is left out, because a part of it leads nowhere.
    """
    for longest in _LONGEST_TEXTS:
        if message.ByteSize() <= most:
            break
        _shorten(message, longest)
    return message


def fitting(messages: Sequence[Message], most: int = MAX_RESPONSE_BYTES) -> int:
    """Return how many of the messages, from the first, fit into one response; at least one if there is any."""
    total = 0
    for count, message in enumerate(messages):
        total += message.ByteSize() + _ITEM_OVERHEAD
        if total > most and count:
            return count
    return len(messages)


def _shorten(message: Any, longest: int) -> None:
    """Cut every text of a message to `longest` characters, and every list to a sixteenth as many entries."""
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            for key in list(value)[longest // 16 :]:
                del value[key]
        elif field.is_repeated:
            del value[longest // 16 :]
            _shorten_items(field, value, longest)
        elif field.message_type is not None:
            _shorten(value, longest)
        elif field.type == FieldDescriptor.TYPE_STRING:
            setattr(message, field.name, _cut(field, value, longest))


def _shorten_items(field: FieldDescriptor, values: Any, longest: int) -> None:
    for index, value in enumerate(values):
        if field.message_type is not None:
            _shorten(value, longest)
        elif field.type == FieldDescriptor.TYPE_STRING:
            values[index] = _cut(field, value, longest)


def _cut(field: FieldDescriptor, text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    return "" if field.name.endswith(("uri", "uris")) else text[: longest - 1] + "…"

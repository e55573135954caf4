"""Forms with a file: their length, their bytes, and what is not allowed in their headers.

Owns the encoding. How it is sent is in test_feed.py.
"""

from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import HTTP
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.http.multipart import FileForm


def form(content: bytes = b"", **changes: Any) -> FileForm:
    """Return a form."""

    async def body() -> AsyncIterator[bytes]:
        for at in range(0, len(content), 7):
            yield content[at : at + 7]

    names: dict[str, Any] = {"file_name": "video.mp4", "mime_type": "video/mp4", **changes}
    return FileForm(size=len(content), body=body, **names)


@given(st.binary(max_size=200))
async def test_a_form_has_the_announced_length_and_the_files_bytes(content: bytes) -> None:
    """Another library parses the form back, whatever the file's bytes are, including line ends and dashes."""
    made = form(content)

    sent = b"".join([piece async for piece in made.stream()])

    assert made.headers["Content-Length"] == str(len(sent))
    head = f"Content-Type: {made.headers['Content-Type']}\r\n\r\n".encode()
    [part] = message_from_bytes(head + sent, policy=HTTP).iter_parts()
    assert ("video.mp4", "video/mp4", content) == (
        part.get_filename(),
        part.get_content_type(),
        part.get_payload(decode=True),
    )


async def test_fields_come_before_the_file() -> None:
    """Further values are parts of their own, in order and verbatim, and belong to the announced length."""
    made = form(b"bytes", fields={"advertiser_id": "71", "file_name": "Fünf.mp4"})

    sent = b"".join([piece async for piece in made.stream()])

    assert made.headers["Content-Length"] == str(len(sent))
    head = f"Content-Type: {made.headers['Content-Type']}\r\n\r\n".encode()
    parts: list[Any] = list(message_from_bytes(head + sent, policy=HTTP).iter_parts())
    names = [part.get_param("name", header="content-disposition") for part in parts]
    assert ["advertiser_id", "file_name", "file"] == names
    assert [b"71", "Fünf.mp4".encode(), b"bytes"] == [part.get_payload(decode=True) for part in parts]


@pytest.mark.parametrize(
    "changes",
    [
        {"file_name": 'a".mp4'},
        {"file_name": "a\r\nX: y"},
        {"file_name": ""},
        {"name": "file\n"},
        {"mime_type": "video/mp4\r\n\r\nbody"},
        {"mime_type": ""},
        {"boundary": "a b"},
        {"fields": {'a"\r\n': "1"}},
    ],
)
def test_nothing_in_a_head_can_end_it(changes: dict[str, Any]) -> None:
    """Names that would have to be quoted, and malformed media types, are refused."""
    with pytest.raises(ValueError, match="part"):
        form(b"", **changes)

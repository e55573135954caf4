"""A multipart form with one file, streamed to a vendor, whose exact length is known in advance.

Owns the encoding (RFC 7578). Knows no vendor; the file's bytes are streamed and never held in memory.
"""

import re
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

_QUOTABLE = re.compile(r"[A-Za-z0-9._-]{1,100}")
_MIME_TYPE = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}")


def boundary() -> str:
    """Return a boundary that no file can contain on purpose: 128 random bits."""
    return f"part-{secrets.token_hex(16)}"


@dataclass(frozen=True, slots=True)
class FileForm:
    """A form with one file. `body` opens a new stream of exactly `size` bytes; names are ours, never a caller's.

    `fields` are further values, which come before the file. Raises ValueError for a name or a media type that would
    have to be quoted.
    """

    file_name: str
    mime_type: str
    size: int
    body: Callable[[], AsyncIterator[bytes]] = field(repr=False)
    name: str = "file"
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    boundary: str = field(default_factory=boundary)

    def __post_init__(self) -> None:
        """Raise ValueError for values that could inject a header."""
        if not all(_QUOTABLE.fullmatch(each) for each in (self.name, *self.fields, self.file_name, self.boundary)):
            raise ValueError("a name of a form's part holds characters that would have to be quoted")
        if not _MIME_TYPE.fullmatch(self.mime_type):
            raise ValueError("the media type of a form's part is none")

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of the request."""
        return {
            "Content-Type": f"multipart/form-data; boundary={self.boundary}",
            "Content-Length": str(self.length),
        }

    @property
    def length(self) -> int:
        """Return the length of the whole body in bytes."""
        return len(self._head()) + self.size + len(self._tail())

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the whole body."""
        yield self._head()
        async for block in self.body():
            yield block
        yield self._tail()

    def _head(self) -> bytes:
        return "".join(self._value(name) for name in self.fields).encode() + self._file_head()

    def _value(self, name: str) -> str:
        disposition = f'Content-Disposition: form-data; name="{name}"'
        return f"--{self.boundary}\r\n{disposition}\r\n\r\n{self.fields[name]}\r\n"

    def _file_head(self) -> bytes:
        disposition = f'Content-Disposition: form-data; name="{self.name}"; filename="{self.file_name}"'
        return f"--{self.boundary}\r\n{disposition}\r\nContent-Type: {self.mime_type}\r\n\r\n".encode()

    def _tail(self) -> bytes:
        return f"\r\n--{self.boundary}--\r\n".encode()

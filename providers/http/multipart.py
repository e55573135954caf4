"""A form with one file, on its way to a vendor: its exact length is known before its first byte is.

Owns the encoding (RFC 7578). Knows no vendor; the file's bytes come as a stream and are never held.
"""

import re
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

_QUOTABLE = re.compile(r"[A-Za-z0-9._-]{1,100}")
_MIME_TYPE = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}")


def boundary() -> str:
    """Make a line that nobody can have put into a file: 128 random bits."""
    return f"part-{secrets.token_hex(16)}"


@dataclass(frozen=True, slots=True)
class FileForm:
    """A form of one file. `body` opens a fresh stream of exactly `size` bytes; names are ours, never a caller's.

    Raises ValueError for a name or a media type that would have to be quoted.
    """

    file_name: str
    mime_type: str
    size: int
    body: Callable[[], AsyncIterator[bytes]] = field(repr=False)
    name: str = "file"
    boundary: str = field(default_factory=boundary)

    def __post_init__(self) -> None:
        """Refuse what could end a header early."""
        if not all(_QUOTABLE.fullmatch(each) for each in (self.name, self.file_name, self.boundary)):
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
        """Return how many bytes the whole body has."""
        return len(self._head()) + self.size + len(self._tail())

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the body, as the file's bytes come."""
        yield self._head()
        async for block in self.body():
            yield block
        yield self._tail()

    def _head(self) -> bytes:
        disposition = f'Content-Disposition: form-data; name="{self.name}"; filename="{self.file_name}"'
        return f"--{self.boundary}\r\n{disposition}\r\nContent-Type: {self.mime_type}\r\n\r\n".encode()

    def _tail(self) -> bytes:
        return f"\r\n--{self.boundary}--\r\n".encode()

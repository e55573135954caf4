"""A call of the pipeline whose request came over HTTP: what the pipeline asks of gRPC's own context.

Owns reading the one request and remembering how the call ended. Does not know JSON.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple, NoReturn

import grpc
from google.rpc import status_pb2

from gateway import status

Read = Callable[[], Awaitable[bytes]]
Write = Callable[[Any], Awaitable[None]]


class Disconnected(asyncio.CancelledError):
    """The client has gone while its request arrived: gRPC cancels such a call, and so does this."""


class MethodDetails(NamedTuple):
    """The method that is asked for, as gRPC's handlers want to see it."""

    method: str
    invocation_metadata: Any = ()


class HttpContext:
    """The context of one call; `status` is set once the call has failed."""

    def __init__(
        self,
        metadata: Iterable[tuple[str, str]],
        peer: str,
        read: Read,
        write: Write | None = None,
        *,
        seconds: float | None = None,
    ) -> None:
        """Read the request with `read`, and send the responses of a stream with `write`; `seconds` is the client's
        deadline, None if it has set none.
        """
        self._ends = None if seconds is None else time.monotonic() + seconds
        self.status: status_pb2.Status | None = None
        self.read = read
        self.write = write
        self._metadata = tuple(metadata)
        self._peer = peer

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the headers that a call has."""
        return self._metadata

    def peer(self) -> str:
        """Return who calls."""
        return self._peer

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Return nothing: the edge ends no TLS, so that it knows no certificates."""
        return {}

    def time_remaining(self) -> float | None:
        """Return how many seconds are left; None without a deadline, so that the gateway's own applies."""
        return None if self._ends is None else self._ends - time.monotonic()

    def set_trailing_metadata(self, metadata: Any) -> None:
        """Do nothing: the request id is a header of every response."""

    def code(self) -> Any:
        """Return the code with which the call has failed; None before."""
        return None if self.status is None else status.code_of(self.status)

    async def abort(self, code: grpc.StatusCode, details: str, trailers: Iterable[tuple[str, Any]]) -> NoReturn:
        """Keep the status and end the call, as gRPC does."""
        encoded = next((value for key, value in trailers if key == status.DETAILS_KEY), b"")
        self.status = status_pb2.Status.FromString(encoded)
        raise grpc.aio.AbortError(details)

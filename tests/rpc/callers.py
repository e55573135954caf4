"""A directory of callers that trusts one issuer on a socket, and tokens that differ from sound ones in one thing.

Owns how they are put together. Asserts nothing.
"""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from gateway.callers.configuration import CallersFile
from gateway.callers.directory import Directory
from gateway.callers.fetching import KeyFetcher
from gateway.errors import DomainError
from tests.fixtures.clock import Clock
from tests.fixtures.issuer import Issuer, issuing
from tests.rpc.serving import authenticate


@dataclass
class Place:
    """An issuer, a callers file that names it, and who is let in by it."""

    issuer: Issuer
    file: Path
    directory: Directory
    clock: Clock

    def write(self, *entries: str) -> None:
        """Write the callers file anew."""
        self.file.write_text("\n".join(entries))

    async def taken(self, token: str) -> bool:
        """Return whether a token is one of a caller of the agency."""
        return (await self.directory.authenticate(token)).agency == "acme"

    async def problem(self, token: str) -> str:
        """Return why a token is refused."""
        return (await self.refusal(token)).metadata["problem"]

    async def reason(self, token: str) -> str:
        """Return the reason for which a token is refused."""
        return (await self.refusal(token)).reason

    async def refusal(self, token: str) -> DomainError:
        """Return the error with which a token is refused."""
        try:
            await self.directory.authenticate(token)
        except DomainError as error:
            return error
        raise AssertionError("the token was taken")


@asynccontextmanager
async def trusting(folder: Path) -> AsyncIterator[Place]:
    """Yield an issuer and the directory that trusts it; the file is looked at in each call."""
    clock, file = Clock(), folder / "callers.toml"
    async with issuing(clock) as issuer:
        file.write_text(issuer.entry())
        callers, seconds = CallersFile(file, allow_loopback=True), count()
        callers.load()
        directory = Directory(
            callers, authenticate, KeyFetcher(allow_loopback=True), clock, lambda: float(next(seconds))
        )
        try:
            yield Place(issuer, file, directory, clock)
        finally:
            await directory.close()


def parts(token: str) -> list[str]:
    """Return the three parts of a token."""
    return token.split(".")


def segment(value: Any) -> str:
    """Encode one part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def with_header(issuer: Issuer, **header: Any) -> str:
    """Replace the header of a sound token."""
    return ".".join([segment({"kid": "first", **header}), *parts(issuer.token())[1:]])

"""What the rules of administration stand on: the database, the clock, and a secret that signs confirmations.

Owns the least that they need, which a command has too. A server's is its `Domain`.
"""

from dataclasses import dataclass, field
from typing import Protocol

from gateway.clock import Clock
from storage.database import Database


class Ground(Protocol):
    """A database, a clock, and a secret."""

    @property
    def db(self) -> Database:
        """The rows."""

    @property
    def clock(self) -> Clock:
        """The present."""

    @property
    def oauth_secret(self) -> bytes:
        """What signs confirmations, so that nobody can make one."""


@dataclass(frozen=True, slots=True)
class CommandGround:
    """What a command has."""

    db: Database
    clock: Clock
    oauth_secret: bytes = field(repr=False)

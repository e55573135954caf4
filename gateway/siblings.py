"""One process among several that serve the same two ports: what it was given, and what it and the supervisor say.

Owns the link between them, one byte for each word. Does not know how processes are started (`gateway/supervisor.py`),
nor what makes one ready (`gateway/readiness.py`).
"""

import asyncio
import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

_READ_BYTES = 64


class Word(Enum):
    """What is said over a link."""

    STARTED = b"s"
    """By a process: it serves."""

    READY = b"r"
    """By a process: every part of it works. By the supervisor: so it is with all of them."""

    NOT_READY = b"n"
    """The opposite."""


@dataclass(slots=True)
class Link:
    """One end of the connection between the supervisor and a process; it ends when the other one dies."""

    end: socket.socket

    def say(self, word: Word) -> None:
        """Send a word; nobody may be there any more."""
        with suppress(OSError):
            self.end.send(word.value)

    def listen(self, heard: Callable[[Word], None], ended: Callable[[], None]) -> None:
        """Call `heard` for each word from now on, and `ended` once, when the other end is gone."""
        self.end.setblocking(False)
        asyncio.get_running_loop().add_reader(self.end, self.read, heard, ended)

    def read(self, heard: Callable[[Word], None], ended: Callable[[], None]) -> None:
        """Read what was said, without waiting."""
        try:
            said = self.end.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:
            self.close()
            ended()
        for byte in said:
            heard(Word(bytes((byte,))))

    def close(self) -> None:
        """Say and hear nothing more."""
        if self.end.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self.end)
            self.end.close()


@dataclass(slots=True)
class Siblings:
    """This process as one of `count`: its number from 0, the HTTP sockets, which all share, and its link."""

    number: int
    count: int
    http: list[socket.socket]
    link: Link
    all_ready: bool = False
    """Whether every process was ready when the supervisor last spoke."""

    _said: Word | None = field(default=None, repr=False)

    @classmethod
    def from_argument(cls, text: str) -> "Siblings":
        """Take over the sockets that the supervisor left open; what this process starts does not inherit them."""
        given = json.loads(text)
        return cls(given["number"], given["count"], [_take(each) for each in given["http"]], Link(_take(given["link"])))

    def follow(self, abandoned: Callable[[], None]) -> None:
        """Hear what the supervisor says from now on; `abandoned` is called when it has died."""

        def heard(word: Word) -> None:
            self.all_ready = word is Word.READY

        self.link.listen(heard, abandoned)

    def say_started(self) -> None:
        """Report to the supervisor that this process serves."""
        self.link.say(Word.STARTED)

    def say_ready(self, ready: bool) -> None:
        """Report to the supervisor whether this process is ready, if that has changed since the last report."""
        word = Word.READY if ready else Word.NOT_READY
        if word is not self._said:
            self._said = word
            self.link.say(word)


def argument(number: int, count: int, http: list[socket.socket], link: socket.socket) -> str:
    """Return what `Siblings.from_argument` reads."""
    given: dict[str, Any] = {"number": number, "count": count, "http": [each.fileno() for each in http]}
    return json.dumps({**given, "link": link.fileno()})


def _take(descriptor: int) -> socket.socket:
    os.set_inheritable(descriptor, False)
    return socket.socket(fileno=descriptor)

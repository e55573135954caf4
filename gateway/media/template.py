"""The template process: it has imported everything that a look needs, and forks a child for each file.

Owns the children: it forks, kills and reaps them, and reports how each ended. Opens no file and receives no byte of
one, so that every child begins with the same clean memory. Does not know what a child does, nor who asks for it
(`children.py`). Run as `python -I -B -m gateway.media.template`, with a Unix socket as standard input.

For each file the parent sends FORK on that socket with two others: `talk` becomes the child's standard input and
output; `watch` stays here. When the parent shuts `watch` down, or is gone, the child is killed if it has not ended by
itself; `watch` carries its STATUS and is closed. When the parent closes the first socket, the process ends after its
last child.
"""

import gc
import importlib
import os
import pkgutil
import resource
import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import av

from gateway.media import worker
from gateway.media.remote import FORK, STATUS

NOT_FORKED = 1
"""The exit code that is reported of a child that could not be forked: it says nothing about the file."""

MAX_FILES = 256
"""Open files of the template: two of each child, and its own."""


def main() -> None:
    """Serve looks until the parent closes the socket or is gone."""
    av.logging.set_level(None)
    # The modules that PyAV imports lazily: a confined child can open no files.
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith(("__main__", "datasets")):
            importlib.import_module(module.name)
    serve(worker.main)


def serve(work: Callable[[], None]) -> None:
    """Fork a confined child for each request, which calls `work` and ends."""
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        worker.limit(what, 0)
    worker.limit(resource.RLIMIT_NOFILE, MAX_FILES)
    # A collection would touch, and so copy, most of the memory that children share with this process.
    gc.disable()
    gc.freeze()
    Template(work).run()


class Template:
    """The loop of the template process, which has one thread."""

    def __init__(self, work: Callable[[], None]) -> None:
        """Take standard input as the socket to the parent."""
        self._work = work
        self._control = socket.socket(fileno=0)
        self._watches: dict[socket.socket, int] = {}

    def run(self) -> None:
        """Return once the parent wants no more children and the last one has ended."""
        sources = [self._control]
        while sources:
            for ready in select.select(sources, [], [])[0]:
                if ready is not self._control:
                    self._end(ready)
                elif not self._fork():
                    self._control.close()
            sources = [each for each in (self._control, *self._watches) if each.fileno() >= 0]

    def _fork(self) -> bool:
        """Fork the next child; return False if the parent wants no more. Raises OSError if there is no room for one."""
        message, sockets, _, _ = socket.recv_fds(self._control, len(FORK), 2)
        if not message:
            return False
        talk, watch = sockets
        try:
            child = os.fork()
        except OSError:
            # The machine has no room for one more process now: that look fails, the others go on.
            os.close(talk)
            with socket.socket(fileno=watch) as end, suppress(OSError):
                end.send(STATUS.pack(NOT_FORKED))
            return True
        if not child:
            self._be_child(talk)
        os.close(talk)
        self._watches[socket.socket(fileno=watch)] = child
        return True

    def _be_child(self, talk: int) -> NoReturn:
        """Keep nothing but `talk`, do the work, and end the process without returning to the template's loop."""
        code = 1
        try:
            os.dup2(talk, 0)
            os.dup2(talk, 1)
            # The others' sockets.
            os.closerange(3, MAX_FILES)
            worker.confine()
            self._work()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        finally:
            os._exit(code)

    def _end(self, watch: socket.socket) -> None:
        """Kill and reap a child, and report how it ended: what it did before the signal came counts."""
        child = self._watches.pop(watch)
        # Nobody else reaps it, so the number is still its own.
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        with watch, suppress(OSError):
            watch.send(STATUS.pack(os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    main()

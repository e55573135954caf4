"""Refuses requests that another HTTP parser could read differently: h11 itself is more lenient.

Owns what a proxy and we must agree on, lest one of them takes the end of a request for the beginning of the next
(request smuggling). Does not know what is requested.
"""

import re

import h11

MAX_HEAD_BYTES = 64 * 1024

_END = re.compile(rb"\n\r?\n")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_LENGTH = re.compile(rb"\ncontent-length:", re.IGNORECASE)
_TRANSFER = re.compile(rb"\ntransfer-encoding:", re.IGNORECASE)


def head_fault(received: bytes) -> str:
    """Return what is wrong with the request head at the start of `received`; "" if nothing, or not yet."""
    found = _END.search(received)
    if found is None:
        # h11 itself limits a head that is not complete.
        return ""
    head = received[: found.end()]
    if len(head) > MAX_HEAD_BYTES:
        # h11 takes a head of any size that arrives in one piece (0.16.0, 2026-11-30).
        return "The head is too large."
    if _BARE_LF.search(head):
        # RFC 9112 2.2 permits a lone LF as the end of a line; a proxy that does not sees another head.
        return "A line of the head does not end with CRLF."
    if _LENGTH.search(head) and _TRANSFER.search(head):
        # RFC 9112 6.1: it may be an attempt at smuggling, and the connection must be closed.
        return "Content-Length and Transfer-Encoding exclude each other."
    return ""


class StrictConnection(h11.Connection):
    """h11's connection, which also refuses what `head_fault` finds, and bare LF in the trailers of a chunked body."""

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return the next event; raises RemoteProtocolError."""
        state, received = self.their_state, self.trailing_data[0]
        if state is h11.IDLE and (fault := head_fault(received)):
            raise h11.RemoteProtocolError(fault)
        event = super().next_event()
        if state is h11.SEND_BODY and type(event) is h11.EndOfMessage:
            trailers = received[: len(received) - len(self.trailing_data[0])]
            if _BARE_LF.search(trailers):
                raise h11.RemoteProtocolError("A line of the trailers does not end with CRLF.")
        return event

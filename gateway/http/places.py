"""Who gets a place when there are not enough: connections and unanswered requests, shared between peers.

Owns the counts, and who makes room. A connection that waits for its peer can be closed for another; one that is being
answered cannot. Does not know sockets, time or pages.
"""

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """What a request is for."""

    PROBE = "probe"
    CONSENT = "consent"
    STREAM = "stream"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Share:
    """How many places there are, and how many of them one peer may have."""

    places: int
    per_peer: int


@dataclass(frozen=True, slots=True)
class PlaceLimits:
    """The places of a server. `connections` must exceed the requests, so that somebody can always be heard."""

    connections: int = 2000
    requests: Share = Share(800, 400)
    """Of any kind. Half is far more than a process answers at a time, so a proxy, which is one peer, has enough."""

    probes: Share = Share(20, 10)
    """In addition, only for probes."""

    consents: Share = Share(80, 40)
    """In addition, only for the steps of a consent."""

    streams: Share = Share(1000, 500)
    """Only for streams of responses, which last: they have none of the others, and nobody makes room for one."""


class Connection(Protocol):
    """A connection, as far as it matters here."""

    @property
    def peer(self) -> bytes:
        """Who it is from, see `peer_of`."""

    def drop(self) -> None:
        """Close it and leave its places."""


def peer_of(host: str) -> bytes:
    """Return what counts as one peer: an IPv4 address, or the /64 network of an IPv6 address, which one host can use
    alone.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.encode()
    if isinstance(address, ipaddress.IPv4Address):
        return address.packed
    return address.ipv4_mapped.packed if address.ipv4_mapped else address.packed[:8]


@dataclass(slots=True)
class Pool:
    """A number of places."""

    share: Share
    _taken: Counter[bytes] = field(default_factory=Counter)
    _total: int = 0

    def take(self, peer: bytes) -> "Place | None":
        """Return a place for a peer, if there is one and the peer does not have its share."""
        if self._total >= self.share.places or self.has_share(peer):
            return None
        self._total += 1
        self._taken[peer] += 1
        return Place(self, peer)

    def has_share(self, peer: bytes) -> bool:
        """Return whether a peer has all the places that one may have."""
        return self._taken[peer] >= self.share.per_peer

    def release(self, peer: bytes) -> None:
        """Take a place back."""
        self._total -= 1
        self._taken[peer] -= 1
        if not self._taken[peer]:
            del self._taken[peer]


@dataclass(slots=True)
class Place:
    """The place of one request."""

    pool: Pool
    peer: bytes
    _held: bool = True

    def release(self) -> None:
        """Return it to the others; the second time this does nothing."""
        if self._held:
            self._held = False
            self.pool.release(self.peer)


@dataclass(slots=True)
class Queue:
    """Connections that wait for their peers, by peer, each peer's in the order in which they began to wait."""

    _by_peer: dict[bytes, dict[Connection, None]] = field(default_factory=dict)

    def add(self, connection: Connection) -> None:
        """Add a connection, as the newest."""
        self._by_peer.setdefault(connection.peer, {})[connection] = None

    def discard(self, connection: Connection) -> None:
        """Remove a connection, if it is here."""
        of_peer = self._by_peer.get(connection.peer, {})
        of_peer.pop(connection, None)
        if not of_peer:
            self._by_peer.pop(connection.peer, None)

    def next_to_go(self, peer: bytes | None = None) -> Connection | None:
        """Return the oldest connection of one peer, else of the peer with the most; None if nobody waits."""
        several: Iterable[dict[Connection, None]] = self._by_peer.values()
        of_peer = self._by_peer.get(peer, {}) if peer is not None else max(several, key=len, default={})
        return next(iter(of_peer), None)


class Places:
    """The places of one server."""

    def __init__(self, limits: PlaceLimits, full: Callable[[], None] = lambda: None) -> None:
        """Begin with all places free; `full` is called whenever somebody has to go, or is not let in."""
        self._limits, self._full = limits, full
        self._pools = {
            Kind.OTHER: Pool(limits.requests),
            Kind.PROBE: Pool(limits.probes),
            Kind.CONSENT: Pool(limits.consents),
            Kind.STREAM: Pool(limits.streams),
        }
        self._connections: set[Connection] = set()
        self._without_request, self._unfinished = Queue(), Queue()

    def connect(self, connection: Connection) -> None:
        """Count a new connection, which waits; close one for it if there are too many: it itself if nobody waits."""
        self._connections.add(connection)
        self._without_request.add(connection)
        if len(self._connections) > self._limits.connections:
            self._full()
            (self._without_request.next_to_go() or connection).drop()

    def disconnect(self, connection: Connection) -> None:
        """Forget a connection."""
        self._connections.discard(connection)
        self.keep(connection)

    def keep(self, connection: Connection) -> None:
        """Close a connection for nobody, for its request is being answered."""
        self._without_request.discard(connection)
        self._unfinished.discard(connection)

    def wait(self, connection: Connection, *, request: bool) -> None:
        """Note that a connection waits for its peer, and whether a request of it has a place."""
        self.keep(connection)
        (self._unfinished if request else self._without_request).add(connection)

    def enter(self, peer: bytes, kind: Kind) -> Place | None:
        """Return a place for a request, if need be that of an unfinished one; None if all are being answered.

        A peer that has its share makes room itself, otherwise the one with the most unfinished requests.
        """
        if kind is Kind.STREAM:
            return self._pools[kind].take(peer)
        everybodys = self._pools[Kind.OTHER]
        place = everybodys.take(peer) or self._pools[kind].take(peer)
        while place is None:
            self._full()
            victim = self._unfinished.next_to_go(peer if everybodys.has_share(peer) else None)
            if victim is None:
                return None
            victim.drop()
            place = everybodys.take(peer)
        return place

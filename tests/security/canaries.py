"""Every secret of a gateway by its name, and the search for them in texts and bytes.

Owns the collection of secrets (from configuration, wire and tables), the encodings of a secret, and the search.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

import httpx
from sqlalchemy import select

from storage import keys
from storage.keys import DataKeyTable
from tests.fixtures.settings import KEY
from tests.security.recorded import CLIENT_SECRET, RecordedGateway

SHORTEST = 12
"""A shorter secret would be found everywhere by accident."""
FIELDS = ("access_token", "refresh_token", "token", "code", "code_verifier", "client_secret", "state", "upload_token")


@dataclass
class Canaries:
    """Secrets and their names; `spelled` has every encoding in which each might be found."""

    names: dict[bytes, str] = field(default_factory=dict)
    spelled: dict[str, frozenset[bytes]] = field(default_factory=dict)

    def add(self, kind: str, secret: str | bytes) -> None:
        """Add a secret of a kind; one that is there already keeps its name."""
        raw = secret.encode() if isinstance(secret, str) else secret
        if len(raw) < SHORTEST:
            raise ValueError(f"{kind} is too short to be searched for")
        if raw not in self.names:
            name = self.names[raw] = f"{kind} #{len(self.names)}"
            self.spelled[name] = frozenset(_spellings(raw))

    @property
    def kinds(self) -> set[str]:
        """The kinds of secrets found so far: a journey without any of a kind proves nothing about it."""
        return {name.partition(" #")[0] for name in self.names.values()}

    def found_in(self, *places: Any) -> list[str]:
        """Return the names of the secrets that occur in these texts or bytes."""
        hay = b"\0".join(each if isinstance(each, bytes) else str(each).encode("utf-8", "replace") for each in places)
        return sorted(name for name, spellings in self.spelled.items() if any(each in hay for each in spellings))


def _spellings(raw: bytes) -> Iterator[bytes]:
    """Yield the secret as it is, in hexadecimal, percent-encoded, and in base64 wherever it begins in a longer text."""
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + raw)
        # The first and last characters depend on the neighbouring bytes.
        yield coded[4:-4]
        yield coded[4:-4].translate(bytes.maketrans(b"+/", b"-_"))
    if raw.isascii() and raw.decode("ascii").isprintable():
        text = raw.decode("ascii")
        for spelled in (quote(text), quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1]):
            yield spelled.encode()


async def harvest(recorded: RecordedGateway, found: Canaries) -> None:
    """Add every secret of the gateway, including those on the wire so far."""
    settings = recorded.gateway.settings
    found.add("bootstrap key", KEY)
    found.add("client secret", CLIENT_SECRET)
    for entry in settings.encryption_keys.get_secret_value().split(","):
        encoded = entry.partition(":")[2]
        if ":" not in encoded:
            found.add("encryption key", base64.b64decode(encoded))
    password = urlsplit(settings.database_url.get_secret_value() if settings.database_url else "").password
    if password:
        found.add("database password", password)
    await _harvest_keys(recorded, found)
    _harvest_wire(recorded, found)


async def _harvest_keys(recorded: RecordedGateway, found: Canaries) -> None:
    """Add what the ring wraps: the secrets for signatures, and each location's data key."""
    resources = recorded.gateway.resources
    for name in ("oauth", "api_keys", "pages"):
        found.add("signing secret", await keys.get_secret(resources.db, resources.ring, name))
    async with resources.db.read() as tx:
        rows = list((await tx.execute(select(DataKeyTable))).scalars())
    for row in rows:
        place = f"data_keys|{row.location}|{row.version}"
        found.add("data key", await resources.ring.unwrap(row.key_id, row.wrapped, aad=place))


def _harvest_wire(recorded: RecordedGateway, found: Canaries) -> None:
    """Add what the gateway sent to the vendors and received from them."""
    for wire in (recorded.wire, recorded.planner_wire):
        for request in wire.requests:
            for name, value in secrets_of(request):
                found.add(name, value)
        for body in wire.answers:
            for name, value in _in_answer(body):
                found.add(name, value)


def secrets_of(request: httpx.Request) -> list[tuple[str, str]]:
    """Return the secrets of one request by name: its bearer, its form's and its query's."""
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    found = [("access_token", bearer)] if bearer else []
    form = "urlencoded" in request.headers.get("content-type", "")
    pairs = parse_qsl(request.content.decode()) if form else []
    pairs += parse_qsl(request.url.query.decode())
    return found + [(name, value) for name, value in pairs if name in FIELDS]


def _in_answer(body: bytes) -> Iterator[tuple[str, str]]:
    try:
        answer = json.loads(body)
    except ValueError:
        return
    data = answer.get("data") or answer
    for name in FIELDS:
        if isinstance(data.get(name), str):
            yield name, data[name]
    for name, value in parse_qsl(urlsplit(data.get("upload_url", "")).query):
        if name in FIELDS:
            yield name, value

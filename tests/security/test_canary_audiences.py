"""Nothing that identifies a person leaves the gateway: a thousand plain identifiers go through it, and are nowhere.

Owns the proof over logs, errors, tables, events, the folder of the gateway, and what the vendor receives.
"""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from sqlalchemy import text

from socialgateway.ads.v1.audience_service_pb2 import RemoveAudienceMembersRequest
from storage.database import Transaction
from storage.schema import metadata
from tests.fixtures import audiences as fixtures
from tests.fixtures import logs
from tests.fixtures.audiences import AudienceWorld, stream

COUNT = 1_000
HASHING = {"phone_region": "CH"}


def people() -> Iterator[dict[str, str]]:
    """Yield members with plain identifiers of every type."""
    for number in range(COUNT):
        kind = ("email", "phone", "maid")[number % 3]
        yield {
            kind: {
                "email": f"Canary.Person{number:04}@Canary-Mail.example",
                "phone": f"+4144{7_310_000 + number}",
                "maid": f"CA4A4700-0000-4000-8000-{number:012}",
            }[kind]
        }


def spellings(values: list[dict[str, str]]) -> set[bytes]:
    """Return each identifier as it was sent and as it is normalised, and each phone number without its plus sign."""
    plain = {value for member in values for value in member.values()}
    return {form.encode() for value in plain for form in (value, value.lower(), value.upper(), value.removeprefix("+"))}


def found(needles: set[bytes], *places: str | bytes) -> list[bytes]:
    """Return what of the identifiers is in these places."""
    hay = b"\0".join(each if isinstance(each, bytes) else each.encode() for each in places)
    return [needle for needle in needles if needle in hay]


async def rows(tx: Transaction) -> str:
    """Return every row of every table."""
    parts = []
    for table in metadata().sorted_tables:
        query = text(f"SELECT coalesce(string_agg(t::text, chr(10)), '') FROM \"{table.name}\" t")
        parts.append(str((await tx.execute(query)).scalar_one()))
    return "\n".join(parts)


def files(folder: Path) -> list[bytes]:
    """Return the contents of every file below a folder."""
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


async def failures(world: AudienceWorld, name: str, values: list[dict[str, str]]) -> list[str]:
    """Send identifiers in every way that is refused, and return everything that is answered."""
    said = []
    spoilt = [{key: f"{value} {value}" for key, value in member.items()} for member in values[:3]]
    for messages in (
        stream(name, values),
        *(stream(name, [member], hashing=HASHING) for member in spoilt),
        stream(name, values[:1], offset=7, hashing=HASHING),
        stream(name, values[:10], hashing=HASHING),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await world.append(messages)
        said.append(f"{caught.value!r} {caught.value.details()} {caught.value.trailing_metadata()}")
    return said


async def test_plain_identifiers_are_nowhere(database_url: str, tmp_path: Path) -> None:
    """Refused, hashed, spooled, sent, removed: none is in any log, error, row, event, file or vendor's call."""
    values = list(people())
    needles = spellings(values)
    with logs.capture() as log:
        async with fixtures.opened(database_url, tmp_path) as world:
            name = (await world.create()).name
            said = await failures(world, name, values)
            kept = (await world.get(name)).pending_members
            await world.append(stream(name, values[kept:], offset=kept, hashing=HASHING))
            domain = world.world.world.domain
            async with domain.db.read() as tx:
                said.append(await rows(tx))
            spooled = files(tmp_path)
            await world.run_due()
            taken = {digest for each in world.book.files.values() for member in each.members for digest in member}
            await world.run_due(3_600)
            leaving = [RemoveAudienceMembersRequest(name=name, members=values[:10], finish=True, hashing=HASHING)]
            await world.world.api.stream("AudienceService/RemoveAudienceMembers", leaving)
            spooled += files(tmp_path)
            await world.run_due()
            async with domain.db.read() as tx:
                said.append(await rows(tx))
            left = len(next(iter(world.book.audiences.values())).members)
            sent = [repr(world.book.written), *(repr(each) for each in world.book.files.values())]
            requests = [repr(each) for each in world.world.vendor.requests]

    assert (COUNT, COUNT - 10) == (len(taken), left)
    assert any(len(each) > 60 * COUNT for each in spooled), "the spool is in none of the files that were searched"
    assert "AppendAudienceMembers" in log.getvalue()
    assert [] == found(needles, log.getvalue(), *said, *spooled, *files(tmp_path), *sent, *requests)


def test_the_search_finds_what_is_there() -> None:
    """The assertion above would fail for any spelling of an identifier."""
    needles = spellings(list(people()))
    assert [b"canary.person0000@canary-mail.example"] == found(needles, "x canary.person0000@canary-mail.example y")
    assert [] == found(needles, "nothing")

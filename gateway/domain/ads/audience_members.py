"""AppendAudienceMembers, RemoveAudienceMembers: members are hashed if need be, gathered, and stored as digests alone.

Owns that no plain identifier leaves this file, and what remains of a broken stream: what was stored, by its count. A
part is bounded, so that memory does not grow with the members.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from gateway.audiences.identifiers import IdentifierInvalid, IdentifierType, Rules, checked_digest, digest
from gateway.audit import acts
from gateway.domain.ads import accounts
from gateway.domain.ads import audiences as rules
from gateway.domain.ads.audiences import AudiencePlace
from gateway.domain.context import Domain
from gateway.domain.media.upload_slots import UploadSlots
from gateway.domain.media.uploads import ROOM_RETRY
from gateway.errors import (
    AudienceTooSmall,
    Conflict,
    DeadlineExceeded,
    FieldInvalid,
    GatewayUnavailable,
    MemberOffsetMismatch,
    QuotaExceeded,
    StateForbids,
    StorageFull,
)
from gateway.failpoints import reach
from providers.models.audiences import AudienceLimits
from storage import audiences
from storage.audiences import AudiencePartRow, AudienceRow
from storage.blobs import StoreFull, StoreUnavailable
from storage.places import tenant
from storage.states import AudienceAction, AudienceState, AudienceStep

log = structlog.get_logger(__name__)

PART_MEMBERS = 20_000
"""Some four megabytes with three digests each."""

MAX_MEMBERS = 20_000_000
PLACE = "audiences"
"""The folder of the blob store."""

_REFILLABLE = (AudienceState.BUILDING, AudienceState.ACTIVE, AudienceState.UNSPECIFIED)


@dataclass(frozen=True, slots=True)
class Piece:
    """One message of a stream: its members follow number `offset`; `finish` marks the last one.

    Each member has the identifiers that are known of a person. With `rules` plain ones are hashed here.
    """

    offset: int
    members: Sequence[Mapping[IdentifierType, str]] = field(repr=False)
    finish: bool
    rules: Rules | None = None


async def take(
    domain: Domain, slots: UploadSlots, place: AudiencePlace, pieces: AsyncIterator[Piece], action: AudienceAction
) -> AudienceRow:
    """Store members up to the piece that finishes, or to the end of the stream, and return the audience as it is then.

    Raises storage's NotFound, FieldInvalid, StateForbids, MemberOffsetMismatch, AudienceTooSmall, Conflict,
    QuotaExceeded, DeadlineExceeded.
    """
    whose = tenant()._replace(location=place.location)
    async with slots.slot(whose, domain.clock()):
        first = await _next(slots, pieces)
        row = await rules.get(domain, place)
        if first is None:
            return row
        if row.action == action and _only_repeats_its_end(row, first):
            return row
        writer = _Writer(domain, place, await _open(domain, place, row, action))
        piece: Piece | None = first
        while piece is not None:
            await writer.write(piece)
            if piece.finish:
                return await writer.finish()
            piece = await _next(slots, pieces)
        await writer.flush()
        return await rules.get(domain, place)


def _only_repeats_its_end(row: AudienceRow, piece: Piece) -> bool:
    """Return whether a stream repeats an end whose answer was lost."""
    closed = row.step in (AudienceStep.UPLOADING, AudienceStep.SUBMITTED)
    return closed and piece.finish and not piece.members and piece.offset == row.gathered


async def _next(slots: UploadSlots, pieces: AsyncIterator[Piece]) -> Piece | None:
    try:
        async with asyncio.timeout(slots.idle_seconds):
            return await anext(pieces, None)
    except TimeoutError:
        raise DeadlineExceeded(f"No members came for {slots.idle_seconds:g} seconds.") from None


async def _open(domain: Domain, place: AudiencePlace, row: AudienceRow, action: AudienceAction) -> AudienceRow:
    """Return an audience that takes members, which a vendor's takes again once it has those before."""
    accounts.require_reachable(await accounts.get(domain, place.location, place.ad_account))
    if row.step == AudienceStep.GATHERING and row.action == action:
        return row
    if action == AudienceAction.REMOVE and not row.provider_id:
        raise StateForbids(row.state, "The vendor has none of its members yet.", resource=place.name)
    empty = row.step == AudienceStep.GATHERING and row.provider_id and not row.gathered
    if not empty and (row.step != AudienceStep.NONE or row.state not in _REFILLABLE):
        text = "Members can be added before the first are sent, and changed when those before have been taken."
        raise StateForbids(row.state, text, resource=place.name)
    values = {"step": AudienceStep.GATHERING, "action": action, "gathered": 0, "error": None}
    async with domain.db.transaction() as tx:
        opened = await audiences.change(tx, row, domain.clock(), **values)
        if opened is not None:
            await acts.record(tx, domain.clock(), resource=place.name)
    if opened is None:
        raise Conflict(resource=place.name)
    return opened


class _Writer:
    """Writes one stream into one audience."""

    def __init__(self, domain: Domain, place: AudiencePlace, row: AudienceRow) -> None:
        """Continue after the members that are stored."""
        self._domain, self._place, self._row = domain, place, row
        self._buffer, self._members = bytearray(), 0

    async def write(self, piece: Piece) -> None:
        """Check the members of one piece, all of them, and keep them; a full part is stored."""
        expected = self._row.gathered + self._members
        if piece.offset != expected:
            await self.flush()
            raise MemberOffsetMismatch(self._row.gathered, piece.offset, resource=self._place.name)
        if expected + len(piece.members) > MAX_MEMBERS:
            raise QuotaExceeded("audienceMembers", subject=self._place.name, limit=MAX_MEMBERS)
        # A thousand phone numbers take some forty milliseconds.
        for line in await asyncio.to_thread(_lines, piece) if piece.rules else _lines(piece):
            self._buffer += line
            self._members += 1
            if self._members >= PART_MEMBERS:
                await self.flush()

    async def finish(self) -> AudienceRow:
        """Store the rest, and hand the members over to the background; raises AudienceTooSmall."""
        await self.flush()
        domain, row = self._domain, self._row
        # A file of those who leave is filled up with nobody.
        fewest = 1 if row.action == AudienceAction.REMOVE else (await _limits(domain, self._place)).min_rows
        if row.gathered < fewest:
            metadata = {"members": str(row.gathered), "fewest": str(fewest)}
            raise AudienceTooSmall(metadata=metadata, resource=self._place.name)
        state = row.state if row.provider_id else AudienceState.SENDING
        now = domain.clock()
        async with domain.db.transaction() as tx:
            done = await audiences.change(
                tx, row, now, step=AudienceStep.UPLOADING, state=state, due_at=now, tries=0, error=None
            )
            if done is not None:
                await acts.record(tx, now, resource=self._place.name)
        if done is None:
            raise Conflict(resource=self._place.name)
        reach("audiences.after-commit.UPLOADING")
        return done

    async def flush(self) -> None:
        """Store what was kept: first the blob, then its row."""
        if not self._members:
            return
        data, members, self._buffer, self._members = self._buffer, self._members, bytearray(), 0
        domain, row = self._domain, self._row
        key = f"{PLACE}/{row.location}/{row.id}/{row.gathered}-{domain.new_id()}"
        await self._put(key, data)
        reach("audiences.before-commit.part")
        part = AudiencePartRow(
            location=row.location, audience=row.id, first=row.gathered, members=members, size=len(data), key=key
        )
        async with domain.db.transaction() as tx:
            added = await audiences.add_part(tx, part, domain.clock())
            if added is not None:
                await acts.record(tx, domain.clock(), resource=self._place.name)
        if added is None:
            await domain.blobs.delete([key])
            raise Conflict("Another stream adds members.", resource=self._place.name)
        self._row = added
        reach("audiences.after-commit.part")

    async def _put(self, key: str, data: bytearray) -> None:
        try:
            await self._domain.blobs.put(key, memoryview(data))
        except StoreFull as error:
            raise StorageFull(error.room, self._domain.clock() + ROOM_RETRY) from None
        except StoreUnavailable as error:
            log.error("audiences.store_failed", audience=self._place.name, error=str(error), advice=error.advice)
            raise GatewayUnavailable("The members could not be stored.") from None


async def _limits(domain: Domain, place: AudiencePlace) -> AudienceLimits:
    account = await accounts.get(domain, place.location, place.ad_account)
    return domain.providers[account.provider].audiences.limits


def _lines(piece: Piece) -> list[bytes]:
    return [_line(member, piece.rules, number) for number, member in enumerate(piece.members)]


def _line(member: Mapping[IdentifierType, str], hashing: Rules | None, number: int) -> bytes:
    """Return the row of a member; raises FieldInvalid, which names the field and never the value."""
    if not member:
        raise FieldInvalid(f"members[{number}]", "has no identifier")
    return (",".join(_digest(member, each, hashing, number) for each in IdentifierType) + "\n").encode()


def _digest(
    member: Mapping[IdentifierType, str], identifier_type: IdentifierType, hashing: Rules | None, number: int
) -> str:
    value = member.get(identifier_type)
    if value is None:
        return ""
    try:
        if hashing is None:
            return checked_digest(identifier_type, value)
        return digest(identifier_type, value, hashing)
    except IdentifierInvalid as error:
        raise FieldInvalid(f"members[{number}].{identifier_type.name.lower()}", str(error.problem)) from None

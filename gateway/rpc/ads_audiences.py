"""AudienceService: audiences, and the stream of their members.

Owns the conversions and the rules of a stream's messages. Makes no decisions.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from google.protobuf import empty_pb2

from gateway.aip import names
from gateway.audiences.identifiers import IdentifierType, Rules, regions
from gateway.domain.ads import audience_members, audiences
from gateway.domain.ads.audience_members import Piece
from gateway.domain.ads.audiences import AudiencePlace
from gateway.domain.context import Domain
from gateway.domain.media.upload_slots import UploadSlots
from gateway.errors import FieldInvalid
from gateway.rpc.convert import keyset_in_location, write_times
from gateway.rpc.request import RequestGuard, or_not_found
from gateway.status import from_stored
from socialgateway.ads.v1 import audience_pb2, audience_service_pb2, audience_service_pb2_grpc
from storage.audiences import AudienceRow
from storage.states import AudienceAction, AudienceStep

MAX_MEMBERS = 1_000
FIELDS = {"email": IdentifierType.EMAIL, "phone": IdentifierType.PHONE, "maid": IdentifierType.MAID}
Message = audience_service_pb2.AppendAudienceMembersRequest | audience_service_pb2.RemoveAudienceMembersRequest
ON_THEIR_WAY = (AudienceStep.UPLOADING, AudienceStep.SUBMITTED)


class AudienceService(audience_service_pb2_grpc.AudienceServiceServicer):
    """Serves audiences."""

    def __init__(self, domain: Domain, guard: RequestGuard, slots: UploadSlots | None = None) -> None:
        """Serve `domain` to the callers that `guard` admits; streams of members take turns with those of uploads."""
        self._domain = domain
        self._guard = guard
        self._slots = slots or UploadSlots()

    async def CreateAudience(
        self, request: audience_service_pb2.CreateAudienceRequest, context: Any
    ) -> audience_pb2.Audience:
        """Create an audience without members."""
        location, ad_account = names.AD_ACCOUNT.parse(request.parent, path="parent")
        caller = await self._guard.authorize(location)
        key = self._guard.request_key(caller, location, request)
        display_name = request.audience.display_name
        making = audiences.create(self._domain, location, ad_account, display_name, key, agency=caller.agency)
        return to_proto(await or_not_found(request.parent, making))

    async def GetAudience(
        self, request: audience_service_pb2.GetAudienceRequest, context: Any
    ) -> audience_pb2.Audience:
        """Return an audience as it was last read."""
        place = AudiencePlace(*names.AUDIENCE.parse(request.name))
        await self._guard.authorize(place.location)
        return to_proto(await or_not_found(request.name, audiences.get(self._domain, place)))

    async def ListAudiences(
        self, request: audience_service_pb2.ListAudiencesRequest, context: Any
    ) -> audience_service_pb2.ListAudiencesResponse:
        """List the audiences of an ad account."""
        location, ad_account = names.AD_ACCOUNT.parse(request.parent, path="parent")
        await self._guard.authorize(location)
        page = self._guard.read_page(request)

        async def rows_after(cursor: tuple[str | int, ...], limit: int) -> Sequence[AudienceRow]:
            after = keyset_in_location(cursor)
            listing = audiences.page(self._domain, location, ad_account, after=after, limit=limit)
            return await or_not_found(request.parent, listing)

        items, token = await self._guard.list_page(
            request, page, rows_after, to_proto, lambda row: (row.create_time.isoformat(), row.id)
        )
        return audience_service_pb2.ListAudiencesResponse(audiences=items, next_page_token=token)

    async def DeleteAudience(
        self, request: audience_service_pb2.DeleteAudienceRequest, context: Any
    ) -> empty_pb2.Empty:
        """Delete an audience at the vendor and here."""
        place = AudiencePlace(*names.AUDIENCE.parse(request.name))
        key = await self._guard.authorize_write(place.location, request)
        await or_not_found(request.name, audiences.delete(self._domain, place, key))
        return empty_pb2.Empty()

    async def AppendAudienceMembers(
        self, request_iterator: AsyncIterator[audience_service_pb2.AppendAudienceMembersRequest], context: Any
    ) -> audience_pb2.Audience:
        """Receive the members of an audience."""
        return await self._take(request_iterator, AudienceAction.APPEND)

    async def RemoveAudienceMembers(
        self, request_iterator: AsyncIterator[audience_service_pb2.RemoveAudienceMembersRequest], context: Any
    ) -> audience_pb2.Audience:
        """Receive the members that leave an audience."""
        return await self._take(request_iterator, AudienceAction.REMOVE)

    async def _take(self, messages: AsyncIterator[Message], action: AudienceAction) -> audience_pb2.Audience:
        first = await anext(messages, None)
        if first is None:
            raise FieldInvalid("name", "is required in the first message")
        place = AudiencePlace(*names.AUDIENCE.parse(first.name))
        await self._guard.authorize(place.location)
        taking = audience_members.take(self._domain, self._slots, place, _pieces(first, messages), action)
        return to_proto(await or_not_found(first.name, taking))


async def _pieces(first: Message, others: AsyncIterator[Message]) -> AsyncIterator[Piece]:
    """Yield the pieces in the messages; the first message may carry only the audience's name."""
    rules = _rules(first)
    if first.members or first.finish:
        yield _piece(first, rules)
    async for message in others:
        if message.name and message.name != first.name:
            raise FieldInvalid("name", "must be that of the first message, or empty")
        if message.HasField("hashing"):
            raise FieldInvalid("hashing", "is for the first message")
        if not message.members and not message.finish:
            raise FieldInvalid("members", "is required")
        yield _piece(message, rules)


def _rules(first: Message) -> Rules | None:
    if not first.HasField("hashing"):
        return None
    if first.hashing.phone_region and first.hashing.phone_region not in regions():
        raise FieldInvalid("hashing.phone_region", "must be an ISO 3166 code of a region, such as US")
    return Rules(first.hashing.phone_region, first.hashing.strip_aliases)


def _piece(message: Message, rules: Rules | None) -> Piece:
    if len(message.members) > MAX_MEMBERS:
        raise FieldInvalid("members", f"has {len(message.members)}, at most {MAX_MEMBERS} are accepted in one message")
    return Piece(message.member_offset, [_member(each) for each in message.members], message.finish, rules)


def _member(message: audience_pb2.AudienceMember) -> Mapping[IdentifierType, str]:
    return {each: getattr(message, name) for name, each in FIELDS.items() if message.HasField(name)}


def to_proto(row: AudienceRow) -> audience_pb2.Audience:
    """Return an audience."""
    message = audience_pb2.Audience(
        name=names.AUDIENCE.format(row.location, row.ad_account, row.id),
        display_name=row.display_name,
        state=row.state or "STATE_UNSPECIFIED",
        size=row.size,
        pending_members=row.gathered,
        sent_members=row.sent,
        sending=row.step in ON_THEIR_WAY,
        provider_audience_id=row.provider_id,
        removing=row.action == AudienceAction.REMOVE and row.step != AudienceStep.NONE,
    )
    if row.error:
        message.error.CopyFrom(from_stored(row.error))
    write_times(message, create_time=row.create_time, update_time=row.update_time, fetch_time=row.fetch_time)
    return message

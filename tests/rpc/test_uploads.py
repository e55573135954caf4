"""UploadService through a real server: what is announced, written, resumed, refused, and left of broken streams.

Owns the proofs of `gateway/rpc/uploads.py` and the rules behind it. How they reach a vendor is proved in `tests/flows`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.media import upload_sweep, uploads
from gateway.domain.media.upload_slots import UploadSlots
from gateway.domain.media.upload_sweep import Freed
from gateway.errors import MediaInvalid
from socialgateway.v1 import upload_pb2
from tests.fixtures import media
from tests.fixtures.clock import START
from tests.fixtures.domain import LOCATION
from tests.rpc import answers
from tests.rpc.serving import as_
from tests.rpc.uploading import (
    MIB,
    PARENT,
    Message,
    Served,
    blobs,
    id_of,
    messages,
    noise,
    sha256,
    uploading,
)

Upload = upload_pb2.Upload
REQUEST_ID = "8d2f4e9c-3b1a-4c5d-9e8f-7a6b5c4d3e2f"
DATA = media.video(3 * MIB + 17)
WAYS = st.tuples(st.integers(0, 100), st.integers(1, 40), st.booleans())
"""How a stream is: the share of the rest that it sends, in how many pieces, and whether it breaks."""


@pytest.fixture
async def served(database_url: str, tmp_path: Path) -> AsyncIterator[Served]:
    """Serve uploads over a stage."""
    async with uploading(database_url, tmp_path) as served:
        yield served


async def refused(call: Awaitable[Any], reason: str, **metadata: str) -> grpc.aio.AioRpcError:
    """Await a call that must be refused for `reason`, with the code that the contract gives it."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    answers.assert_reason(caught.value, reason, **metadata)
    return caught.value


# Announcing


async def test_an_announced_upload_is_open_and_empty(served: Served) -> None:
    """CreateUpload answers what was announced, OPEN at 0, and GetUpload the same."""
    made = await served.create(5, sha256="AB" * 32)

    assert (Upload.OPEN, 0, 5, "video/mp4") == (made.state, made.committed_size, made.size_bytes, made.mime_type)
    assert "ab" * 32 == made.sha256
    assert timedelta(hours=24).total_seconds() == made.expire_time.seconds - made.create_time.seconds
    assert START.timestamp() == made.create_time.seconds
    assert made == await served.get(made.name, key="reader")


@pytest.mark.parametrize(
    ("values", "reason", "about"),
    [
        ({"size_bytes": -1}, "FIELD_INVALID", {"field": "upload.size_bytes"}),
        ({"size_bytes": 4 * 1024**3 + 1}, "MEDIA_INVALID", {"rule": "sizeBytes", "value": "4294967297"}),
        ({"size_bytes": 2**63 - 1}, "MEDIA_INVALID", {"rule": "sizeBytes"}),
        ({"mime_type": "text/html"}, "MEDIA_INVALID", {"rule": "mimeType", "value": "text/html"}),
        ({"mime_type": "audio/mp4"}, "MEDIA_INVALID", {"rule": "mimeType", "value": "audio/mp4"}),
        ({"mime_type": "mp4"}, "MEDIA_INVALID", {"rule": "mimeType", "value": "mp4"}),
        ({"mime_type": ""}, "FIELD_INVALID", {"field": "upload.mime_type"}),
        ({"sha256": "ab"}, "FIELD_INVALID", {"field": "upload.sha256"}),
        ({"sha256": "g" * 64}, "FIELD_INVALID", {"field": "upload.sha256"}),
        ({"sha256": "a" * 64 + "\n"}, "FIELD_INVALID", {"field": "upload.sha256"}),
    ],
)
async def test_what_cannot_be_a_file_is_refused(
    served: Served, values: dict[str, Any], reason: str, about: dict[str, str]
) -> None:
    """A size, type or checksum that makes no sense has its own reason."""
    await refused(served.create(**{"size": 0, **values}), reason, **about)


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("Video/MP4", "video/mp4"),
        ('video/mp4; codecs="avc1.4d002a, mp4a.40.2"', "video/mp4"),
        ("image/jpg", "image/jpeg"),
        ("image/png", "image/png"),
        ("image/gif", "image/gif"),
        ("video/x-m4v", "video/mp4"),
        ("image/heic", "image/heic"),
        ("application/octet-stream", "application/octet-stream"),
        ("application/vnd.ms-excel", "text/csv"),
    ],
)
async def test_a_label_is_read_as_http_says_and_is_a_hint(served: Served, label: str, shown: str) -> None:
    """Case, parameters and synonyms make no other type; one that says nothing is accepted, since the bytes decide."""
    assert shown == (await served.create(0, mime_type=label)).mime_type


async def test_a_location_holds_so_much_and_no_more(served: Served) -> None:
    """What is announced counts, so that the promise can be kept; a removed upload makes room."""
    most = uploads.MAX_LOCATION_BYTES // uploads.MAX_SIZE
    made = await asyncio.gather(*(served.create(uploads.MAX_SIZE) for _ in range(most)))
    await refused(served.create(1), "QUOTA_EXCEEDED", quota="uploadBytes", subject=PARENT)
    await served.delete(made[0].name)
    assert Upload.OPEN == (await served.create(1)).state


async def test_the_same_request_id_announces_once(served: Served) -> None:
    """A repeated CreateUpload gives the first upload as it is now; another body is refused."""
    first, again = await asyncio.gather(*(served.create(len(DATA), request_id=REQUEST_ID) for _ in range(2)))
    await served.write(messages(first.name, DATA))
    later = await served.create(len(DATA), request_id=REQUEST_ID)

    assert first == again
    assert (first.name, Upload.COMPLETE) == (later.name, later.state)
    await refused(served.create(len(DATA) + 1, request_id=REQUEST_ID), "REQUEST_ID_REUSED", requestId=REQUEST_ID)
    await refused(served.create(1, request_id="once"), "FIELD_INVALID", field="request_id")


# Writing


@pytest.mark.parametrize("size", [1, 256 * 1024, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 20 * MIB + 3])
async def test_a_file_arrives_byte_for_byte(served: Served, size: int) -> None:
    """Whatever the size, what is stored is what was sent, and the answer says COMPLETE."""
    data = noise(size)
    done = await served.whole(data, sha256=sha256(data).upper())

    assert (Upload.COMPLETE, size, size, sha256(data)) == (
        done.state,
        done.committed_size,
        done.size_bytes,
        done.sha256,
    )
    assert data == await served.stored(done.name)
    assert timedelta(days=7).total_seconds() == done.expire_time.seconds - START.timestamp()
    assert done == await served.get(done.name)


async def test_the_checksum_is_computed_when_none_was_announced(served: Served) -> None:
    """A COMPLETE upload always shows a checksum, and its size when that was not known."""
    made = await served.create()
    done = await served.write(messages(made.name, DATA))
    assert (Upload.COMPLETE, len(DATA), sha256(DATA)) == (done.state, done.size_bytes, done.sha256)


async def test_the_first_and_the_last_message_may_be_empty(served: Served) -> None:
    """A stream may begin with the name alone and end with a bare finish; the name may be said again."""
    made = await served.create(len(DATA))
    body = messages(made.name, DATA, finish=False)
    body[1].name = made.name
    last = Message(write_offset=len(DATA), finish=True)
    done = await served.write([Message(name=made.name), *body, last])
    assert Upload.COMPLETE == done.state
    assert DATA == await served.stored(made.name)


async def test_a_stream_without_finish_says_how_far_it_is(served: Served) -> None:
    """Closing the stream early is fine: the bytes are kept, and the next stream goes on there."""
    made = await served.create(len(DATA))
    half = await served.write(messages(made.name, DATA, stop=MIB))
    nothing = await served.write([Message(name=made.name)])
    served.stage.clock.advance(timedelta(hours=1))
    done = await served.write(messages(made.name, DATA, MIB))

    assert (Upload.OPEN, MIB) == (half.state, half.committed_size)
    assert half == nothing
    assert (Upload.COMPLETE, sha256(DATA)) == (done.state, done.sha256)
    assert DATA == await served.stored(made.name)


async def test_bytes_that_arrive_move_the_expiry_on(served: Served) -> None:
    """An upload that is being written does not expire under its writer."""
    made = await served.create(len(DATA))
    served.stage.clock.advance(timedelta(hours=23))
    half = await served.write(messages(made.name, DATA, stop=MIB))
    assert timedelta(hours=23).total_seconds() == half.expire_time.seconds - made.expire_time.seconds


@pytest.mark.parametrize("offset", [0, 1, MIB - 1, MIB + 1, 2 * MIB, 2**63 - 1])
async def test_bytes_that_do_not_continue_are_refused(served: Served, offset: int) -> None:
    """A wrong offset is answered with the right one, and changes nothing."""
    made = await served.create(len(DATA))
    await served.write(messages(made.name, DATA, stop=MIB))
    wrong = Message(name=made.name, write_offset=offset, data=b"x")
    await refused(served.write([wrong]), "UPLOAD_OFFSET_MISMATCH", committedSize=str(MIB), writeOffset=str(offset))
    assert MIB == (await served.get(made.name)).committed_size


async def test_a_hole_in_the_stream_keeps_what_came_before(served: Served) -> None:
    """The answer to a piece that was skipped names the place behind the last good one, which is stored by then."""
    made = await served.create(len(DATA))
    body = messages(made.name, DATA, piece=MIB)
    await refused(served.write([body[0], body[2]]), "UPLOAD_OFFSET_MISMATCH", committedSize=str(MIB))
    done = await served.write(messages(made.name, DATA, MIB))
    assert sha256(DATA) == done.sha256


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (Message(write_offset=-1, data=b"x"), "write_offset"),
        (Message(write_offset=-(2**63), data=b"x"), "write_offset"),
        (Message(data=b"x" * (4 * MIB + 1)), "data"),
        (Message(), "data"),
        (Message(name=f"{PARENT}/uploads/another", data=b"x"), "name"),
    ],
)
async def test_a_malformed_piece_names_its_field(served: Served, message: Message, field: str) -> None:
    """Negative offsets, oversized and empty pieces and a second name are the caller's fault; what came before stays."""
    made = await served.create(8 * MIB)
    first = Message(name=made.name, data=b"ok")
    if message.data and message.write_offset == 0:
        message.write_offset = 2
    await refused(served.write([first, message]), "FIELD_INVALID", field=field)
    assert 2 == (await served.get(made.name)).committed_size


@pytest.mark.parametrize(
    "name", ["", "uploads/u1", "locations/-/uploads/u1", f"{PARENT}/uploads/", f"{PARENT}/posts/p"]
)
async def test_a_stream_must_name_an_upload(served: Served, name: str) -> None:
    """The first message carries a name of the right form."""
    await refused(served.write([Message(name=name, data=b"x")]), "FIELD_INVALID", field="name")


async def test_a_stream_of_nothing_is_refused(served: Served) -> None:
    """A stream without a message is refused."""
    await refused(served.write([]), "FIELD_INVALID", field="name")


async def test_a_damaged_piece_is_refused_and_can_be_sent_again(served: Served) -> None:
    """A wrong crc32c stops the stream before its piece; the pieces before it are stored."""
    made = await served.create(len(DATA))
    body = messages(made.name, DATA, piece=MIB)
    body[1].crc32c ^= 1
    await refused(served.write(body), "UPLOAD_CHECKSUM_MISMATCH", checksum="crc32c", writeOffset=str(MIB))
    assert MIB == (await served.get(made.name)).committed_size
    done = await served.write(messages(made.name, DATA, MIB))
    assert sha256(DATA) == done.sha256


async def test_the_wrong_file_empties_the_upload(served: Served, tmp_path: Path) -> None:
    """A wrong sha256 is told at the end; nothing of the wrong bytes stays, and the right ones can be sent from 0."""
    made = await served.create(len(DATA), sha256=sha256(DATA))
    wrong = bytes(len(DATA))
    await refused(served.write(messages(made.name, wrong)), "UPLOAD_CHECKSUM_MISMATCH", checksum="sha256")

    emptied = await served.get(made.name)
    assert (Upload.OPEN, 0, [], []) == (
        emptied.state,
        emptied.committed_size,
        await served.parts(made.name),
        blobs(tmp_path),
    )
    done = await served.write(messages(made.name, DATA))
    assert Upload.COMPLETE == done.state
    assert DATA == await served.stored(made.name)


async def test_more_bytes_than_announced_are_refused(served: Served) -> None:
    """Nothing is stored beyond the announced size."""
    made = await served.create(MIB)
    body = messages(made.name, DATA, stop=2 * MIB, piece=MIB // 2)
    await refused(served.write(body), "MEDIA_INVALID", rule="sizeBytes", allowed=str(MIB))
    assert MIB == (await served.get(made.name)).committed_size


async def test_fewer_bytes_than_announced_are_no_end(served: Served) -> None:
    """A finish before the announced size is refused, and the upload stays open where it is."""
    made = await served.create(len(DATA))
    body = messages(made.name, DATA, stop=MIB, finish=True)
    await refused(served.write(body), "MEDIA_INVALID", rule="sizeBytes", value=str(MIB), allowed=str(len(DATA)))
    assert Upload.COMPLETE == (await served.write(messages(made.name, DATA, MIB))).state


async def test_a_file_of_no_bytes_is_no_file(served: Served) -> None:
    """An upload of unknown size cannot end at 0."""
    made = await served.create()
    await refused(served.write([Message(name=made.name, finish=True)]), "MEDIA_INVALID", rule="sizeBytes", value="0")


async def test_a_lost_answer_can_be_asked_for_again(served: Served) -> None:
    """A finish that was already done answers COMPLETE, bare or with the same bytes; anything else is refused."""
    done = await served.whole(DATA)
    last = messages(done.name, DATA, len(DATA) - 100)[0]

    assert done == await served.write([Message(name=done.name, write_offset=len(DATA), finish=True)])
    assert done == await served.write([last])
    other = Message(name=done.name, write_offset=last.write_offset, data=bytes(100), finish=True)
    for message in (other, messages(done.name, DATA)[0], Message(name=done.name, finish=True)):
        await refused(served.write([message]), "STATE_FORBIDS", state="COMPLETE")
    assert DATA == await served.stored(done.name)


# Broken streams


async def test_a_broken_stream_keeps_what_arrived(served: Served) -> None:
    """Also bytes of a part that was not full yet are kept, and the hash goes on where it was."""
    data = noise(9 * MIB + 5)
    made = await served.create(len(data))
    await served.broken(messages(made.name, data, stop=5 * MIB))
    assert 5 * MIB == (await served.get(made.name)).committed_size
    await served.broken(messages(made.name, data, 5 * MIB, 9 * MIB))
    assert 9 * MIB == (await served.get(made.name)).committed_size
    done = await served.write(messages(made.name, data, 9 * MIB))
    assert (Upload.COMPLETE, sha256(data)) == (done.state, done.sha256)
    assert data == await served.stored(made.name)


async def test_a_deadline_in_the_middle_keeps_what_arrived(served: Served) -> None:
    """The client's deadline cancels the call, not the storing of what it sent."""
    made = await served.create(len(DATA))

    async def slow() -> AsyncIterator[Message]:
        for message in messages(made.name, DATA, stop=MIB):
            yield message
        await asyncio.Event().wait()

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await served.stub.WriteUpload(slow(), metadata=as_("owner"), timeout=0.5)
    assert grpc.StatusCode.DEADLINE_EXCEEDED == caught.value.code()
    assert MIB == (await served.get(made.name)).committed_size
    assert sha256(DATA) == (await served.write(messages(made.name, DATA, MIB))).sha256


async def test_another_process_goes_on(served: Served, database_url: str, tmp_path: Path) -> None:
    """A process that did not see the beginning reads it back for the checksum."""
    made = await served.create(len(DATA), sha256=sha256(DATA))
    await served.write(messages(made.name, DATA, stop=2 * MIB))
    async with uploading(database_url, tmp_path, beside=served.stage) as second:
        done = await second.write(messages(made.name, DATA, 2 * MIB))
        assert DATA == await second.stored(made.name)
    assert (Upload.COMPLETE, sha256(DATA)) == (done.state, done.sha256)


async def test_a_hash_of_other_bytes_is_never_continued(served: Served, database_url: str, tmp_path: Path) -> None:
    """Bytes that another process replaced meanwhile are not mistaken for those that were hashed here."""
    wrong = bytes(len(DATA))
    made = await served.create(len(DATA), sha256=sha256(DATA))
    await served.write(messages(made.name, wrong, stop=MIB))
    async with uploading(database_url, tmp_path, beside=served.stage) as second:
        await refused(second.write(messages(made.name, wrong, MIB)), "UPLOAD_CHECKSUM_MISMATCH", checksum="sha256")
        await second.write(messages(made.name, DATA, stop=MIB))
    done = await served.write(messages(made.name, DATA, MIB))
    assert (Upload.COMPLETE, sha256(DATA)) == (done.state, done.sha256)


async def test_of_two_writers_one_goes_on(served: Served, tmp_path: Path) -> None:
    """Two streams from the same offset: one is refused, its blob is removed, and the file is whole."""
    data = noise(17 * MIB)
    made = await served.create(len(data))
    outcomes = await asyncio.gather(
        *(served.write(messages(made.name, data, finish=True)) for _ in range(2)), return_exceptions=True
    )
    errors = [outcome for outcome in outcomes if isinstance(outcome, grpc.aio.AioRpcError)]

    assert 1 == len(errors)
    # Late enough, it finds bytes of the other beyond its offset, or the upload complete, instead of another writer.
    # A client that is still sending when it is refused may miss the answer: gRPC's own core then says so, not we.
    missed = errors[0].details() == "Internal error from Core"
    refusals = (grpc.StatusCode.ABORTED, grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.FAILED_PRECONDITION)
    assert missed or errors[0].code() in refusals
    assert Upload.COMPLETE == (await served.get(made.name)).state
    assert data == await served.stored(made.name)
    assert sorted(part.key for part in await served.parts(made.name)) == blobs(tmp_path)


async def test_two_at_once_may_finish_the_same_bytes(served: Served) -> None:
    """Two concurrent finishes complete the upload once, and both are answered."""
    made = await served.create(len(DATA))
    await served.write(messages(made.name, DATA, finish=False))
    bare = Message(name=made.name, write_offset=len(DATA), finish=True)
    first, second = await asyncio.gather(served.write([bare]), served.write([bare]))
    assert first == second
    assert Upload.COMPLETE == first.state


async def test_an_upload_that_vanishes_takes_no_more(served: Served, tmp_path: Path) -> None:
    """Bytes for an upload that was deleted meanwhile are refused and removed."""
    made = await served.create(len(DATA))
    begun, gone = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[Message]:
        yield messages(made.name, DATA, stop=MIB)[0]
        begun.set()
        await gone.wait()
        yield messages("", DATA, 256 * 1024, MIB)[0]

    writing = asyncio.ensure_future(_awaited(served.stub.WriteUpload(slow(), metadata=as_("owner"))))
    await begun.wait()
    await served.delete(made.name)
    gone.set()
    await refused(writing, "RESOURCE_NOT_FOUND", resource=made.name)
    assert [] == blobs(tmp_path)


async def _awaited(call: Any) -> Any:
    return await call


async def test_a_silent_stream_loses_its_place(database_url: str, tmp_path: Path) -> None:
    """A stream that brings nothing for too long is ended; what it brought is kept."""
    async with uploading(database_url, tmp_path, idle_seconds=0.2) as served:
        made = await served.create(len(DATA))

        async def silent() -> AsyncIterator[Message]:
            yield messages(made.name, DATA, stop=MIB)[0]
            await asyncio.Event().wait()

        call = served.stub.WriteUpload(silent(), metadata=as_("owner"))
        await refused(call, "DEADLINE_EXCEEDED")
        assert 256 * 1024 == (await served.get(made.name)).committed_size


def test_parts_shrink_when_many_write() -> None:
    """However many streams there are, two parts of each fit into the memory that is set aside."""
    desk = UploadSlots()
    for streams in (0, 1, 16, 17, 40, 64):
        desk.places.busy = streams
        assert desk.part_size() * 2 * streams <= 128 * MIB
        assert MIB <= desk.part_size() <= 8 * MIB


@pytest.mark.chaos
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_any_way_of_sending_gives_the_same_bytes(served: Served, data: st.DataObject) -> None:
    """However a file is cut and wherever its streams break, what is stored in the end is the file."""
    size = data.draw(st.integers(1, 3 * MIB), label="size")
    file = noise(size, seed=size)
    made = await served.create(size if data.draw(st.booleans(), label="announced") else 0)
    # Shares of what is left: where a broken stream really ended is not for the test to say.
    for share, cuts, breaks in data.draw(st.lists(WAYS, max_size=4), label="streams"):
        at = (await served.get(made.name)).committed_size
        stop = at + (size - at) * share // 100
        if stop > at:
            sent = messages(made.name, file, at, stop, piece=(stop - at) // cuts + 1, finish=False)
            await (served.broken(sent) if breaks else served.write(sent))
    at = (await served.get(made.name)).committed_size
    done = await served.write(messages(made.name, file, at, piece=MIB))
    assert (Upload.COMPLETE, size, sha256(file)) == (done.state, done.size_bytes, done.sha256)
    assert file == await served.stored(made.name)


# Reading, deleting, expiring


@pytest.mark.parametrize(
    ("first", "end"),
    [(0, 1), (0, 0), (8 * MIB - 1, 8 * MIB + 1), (3, 17 * MIB), (8 * MIB, 16 * MIB), (17 * MIB, 17 * MIB + 9)],
)
async def test_any_range_is_read_across_parts(served: Served, first: int, end: int) -> None:
    """A range comes back exactly, in pieces of at most 1 MiB, wherever the parts meet."""
    data = noise(17 * MIB + 9)
    done = await served.whole(data)
    found = [piece async for piece in uploads.read(served.stage.domain, LOCATION, id_of(done.name), first, end)]
    assert data[first:end] == b"".join(found)
    assert all(0 < len(piece) <= MIB for piece in found)


@pytest.mark.parametrize(("first", "end"), [(0, len(DATA) + 1), (len(DATA), len(DATA) + 1), (1, 2**40)])
async def test_a_range_beyond_the_file_is_never_short(served: Served, first: int, end: int) -> None:
    """A reader gets what it asked for or an error, never less."""
    done = await served.whole(DATA)
    with pytest.raises(MediaInvalid):
        async for _ in uploads.read(served.stage.domain, LOCATION, id_of(done.name), first, end):
            pass


@pytest.mark.parametrize("damage", ["gone", "short"])
async def test_lost_bytes_are_noticed(served: Served, tmp_path: Path, damage: str) -> None:
    """A blob that is gone or cut short is an error of the read, not a shorter file."""
    done = await served.whole(DATA)
    blob = tmp_path / "blobs" / blobs(tmp_path)[0]
    if damage == "gone":
        blob.unlink()
    else:
        blob.write_bytes(DATA[:-1])
    with pytest.raises(MediaInvalid):
        await served.stored(done.name)


async def test_a_deleted_upload_is_gone_with_its_bytes(served: Served, tmp_path: Path) -> None:
    """After DeleteUpload neither row nor blob is left; its request_id may be repeated, another call finds nothing."""
    done = await served.whole(DATA)
    await served.delete(done.name, request_id=REQUEST_ID)
    assert [] == blobs(tmp_path)
    await served.delete(done.name, request_id=REQUEST_ID)
    for call in (served.get(done.name), served.delete(done.name), served.write([Message(name=done.name, data=b"x")])):
        await refused(call, "RESOURCE_NOT_FOUND", resource=done.name)


async def test_an_upload_that_a_post_needs_stays(served: Served) -> None:
    """Neither a caller nor the sweeper takes the bytes from a post that is not finished."""
    account = await served.stage.connect()
    done = await served.whole(DATA)
    await served.stage.post(account, id_of(done.name))
    await refused(served.delete(done.name), "STATE_FORBIDS", state="COMPLETE")
    await upload_sweep.expire(served.stage.domain, served.stage.clock() + timedelta(days=60))
    assert DATA == await served.stored(done.name)


async def test_an_upload_expires(served: Served, tmp_path: Path) -> None:
    """Past its time an upload's bytes are gone and every use says so; a month later it is not known any more."""
    done, made = await served.whole(DATA), await served.create(len(DATA))
    await served.write(messages(made.name, DATA, stop=MIB))
    await upload_sweep.expire(served.stage.domain, START + timedelta(hours=23))
    assert Upload.OPEN == (await served.get(made.name)).state

    await upload_sweep.expire(served.stage.domain, START + timedelta(days=8))
    for name in (done.name, made.name):
        expired = await served.get(name)
        assert (Upload.EXPIRED, 0) == (expired.state, expired.committed_size)
        await refused(served.write(messages(name, DATA[:10])), "UPLOAD_EXPIRED", upload=name)
    assert [] == blobs(tmp_path)

    await upload_sweep.expire(served.stage.domain, START + timedelta(days=60))
    await refused(served.get(done.name), "RESOURCE_NOT_FOUND", resource=done.name)


async def test_an_upload_that_expires_under_its_writer_takes_no_more(served: Served) -> None:
    """A stream that continues after the sweep is refused: the upload has expired."""
    made = await served.create(len(DATA))
    begun, swept = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[Message]:
        yield Message(name=made.name, data=DATA[:10])
        begun.set()
        await swept.wait()

    writing = asyncio.ensure_future(_awaited(served.stub.WriteUpload(slow(), metadata=as_("owner"))))
    await begun.wait()
    await upload_sweep.expire(served.stage.domain, START + timedelta(days=2))
    swept.set()
    await refused(writing, "UPLOAD_EXPIRED", upload=made.name)


async def test_blobs_without_a_row_are_swept_when_they_are_old(served: Served, tmp_path: Path) -> None:
    """What a crash between blob and row left is removed after a day; listed blobs stay, however old."""
    done = await served.whole(DATA)
    listed = blobs(tmp_path)
    await served.stage.domain.blobs.put(f"uploads/{LOCATION}/u0/0-lost", b"x")
    written = (tmp_path / "blobs" / f"uploads/{LOCATION}/u0/0-lost").stat().st_mtime
    at = START + timedelta(seconds=written - START.timestamp())

    assert Freed() == await upload_sweep.orphans(served.stage.domain, at + timedelta(hours=23))
    assert Freed(1, 1) == await upload_sweep.orphans(served.stage.domain, at + timedelta(hours=25))
    assert listed == blobs(tmp_path)
    assert DATA == await served.stored(done.name)


async def test_other_tenants_learn_nothing(served: Served) -> None:
    """Another agency's key gets the same error for an existing and an absent upload."""
    done = await served.whole(DATA)
    for name in (done.name, f"{PARENT}/uploads/nothing"):
        for call in (
            served.get(name, key="stranger"),
            served.delete(name, key="stranger"),
            served.write([Message(name=name, data=b"x")], key="stranger"),
        ):
            await refused(call, "LOCATION_FORBIDDEN", location=PARENT)
    await refused(served.create(1, key="stranger"), "LOCATION_FORBIDDEN", location=PARENT)
    await refused(served.write([Message(name=done.name)], key="reader"), "SCOPE_MISSING", scope="uploads.write")
    await refused(served.create(1, key="reader"), "SCOPE_MISSING", scope="uploads.write")

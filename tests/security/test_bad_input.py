"""Whatever a caller sends, the answer is a refusal in our own words, and nothing is left behind.

Owns the sweep over bad requests. What is bad, `spoiling.py` knows; what a vendor may send, `test_bad_vendor.py`.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.fixtures.client import METHODS
from tests.fixtures.settings import KEY
from tests.security.judging import Census, complaint, reason_of, without_id
from tests.security.requests import Things, make, sound
from tests.security.scene import Scene, opened
from tests.security.spoiling import endless, spoil

LAST = ("Delete", "Disconnect", "CompleteConnection")
IN_ORDER = sorted(METHODS, key=lambda name: (any(part in name for part in LAST), name))
"""What takes things away comes last: the others still find them."""
OUTCOMES = ("AUTHORIZATION_DENIED",)
"""What is no refusal of the request but its result, and kept as such."""
MOST_KEPT = 64 * 1024


@dataclass
class Counter:
    """A caller who looks, after each refusal, whether it left anything."""

    scene: Scene
    things: Things
    census: Census
    wrong: dict[str, str] = field(default_factory=dict)
    answered: int = 0
    refused: int = 0
    _before: dict[str, int] = field(default_factory=dict)

    def sound(self, method: str) -> Any:
        """Make a sound request; a watch of what is not there, since one of what is there would not end."""
        return sound(method, self.things.absent() if "Watch" in method else self.things)

    async def send(self, method: str, what: str, body: bytes) -> None:
        """Send bytes to a method; keep what is wrong with the answer."""
        before = self._before or self.census.counts()
        error = await self.scene.refused(method, [body])
        if error is None:
            self.answered += 1
            self._before = {}
            return
        self.refused += 1
        self._before = self.census.counts()
        trouble = complaint(error)
        if trouble:
            self.wrong[f"{method}: {what}"] = trouble
        elif before != self._before and reason_of(without_id(error)) not in OUTCOMES:
            self.wrong[f"{method}: {what}"] = f"{error.details()} but it left something behind"


@pytest.fixture
async def counter(database_url: str, tmp_path: Path) -> AsyncIterator[Counter]:
    """Yield a caller of a gateway in which there is one of each."""
    async with opened(database_url, tmp_path) as scene:
        things = await make(scene, KEY)
        with psycopg.connect(database_url, autocommit=True) as database:
            yield Counter(scene, things, Census(database))


@pytest.mark.chaos
async def test_no_spoiled_request_fails_inside(counter: Counter) -> None:
    """Every method, every field, every way to spoil it: refused with a reason, or answered, but never INTERNAL."""
    for method in IN_ORDER:
        for what, body in spoil(counter.sound(method)):
            await counter.send(method, what, body)

    assert {} == counter.wrong
    assert counter.refused > counter.answered > 0


async def test_nothing_endless_is_kept(counter: Counter) -> None:
    """Texts of four megabytes and lists of a hundred thousand items are refused, or not kept: no row grows for ever."""
    for method in IN_ORDER:
        for what, body in endless(counter.sound(method)):
            await counter.send(method, what, body)

    assert {} == counter.wrong
    assert MOST_KEPT > max(counter.census.longest().values())


@pytest.mark.chaos
@hypothesis_settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(method=st.sampled_from(IN_ORDER), noise=st.binary(max_size=200), cut=st.integers(0, 60))
async def test_no_noise_fails_inside(counter: Counter, method: str, noise: bytes, cut: int) -> None:
    """Random bytes, alone and behind the beginning of a sound request, never lead to INTERNAL."""
    for body in (noise, counter.sound(method).SerializeToString()[:cut] + noise):
        await counter.send(method, repr(body), body)

    assert {} == counter.wrong


async def test_a_stream_that_is_no_upload_is_refused(counter: Counter) -> None:
    """A stream of no messages, of changing names, and of gaps is refused with a reason."""
    request = counter.sound("UploadService/WriteUpload")
    other = type(request)(name=counter.things.absent().name("uploads", "absent"), data=b"x")
    streams = {
        "empty": [],
        "another name": [request, other],
        "a gap": [type(request)(name=request.name), type(request)(write_offset=10**6, data=b"x")],
        "an empty message": [request, type(request)()],
        "negative offset": [type(request)(name=request.name, write_offset=-1, data=b"x")],
        "wrong checksum": [type(request)(name=request.name, data=b"x", crc32c=1)],
    }

    troubles = {}
    for what, messages in streams.items():
        error = await counter.scene.refused("UploadService/WriteUpload", [m.SerializeToString() for m in messages])
        troubles[what] = "was answered" if error is None else complaint(error)

    assert dict.fromkeys(streams, "") == troubles


def test_a_complaint_is_made_of_what_is_not_ours() -> None:
    """The judgement itself works: a status without our reason, or INTERNAL, is complained of."""
    bare = grpc.aio.AioRpcError(grpc.StatusCode.INVALID_ARGUMENT, grpc.aio.Metadata(), grpc.aio.Metadata(), "x")

    assert "INVALID_ARGUMENT without a reason of ours: x" == complaint(bare)

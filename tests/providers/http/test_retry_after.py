"""`Retry-After` is read with whatever status a vendor sends it, and no call is repeated before it is over.

Owns the proofs of `providers/http/retry_after.py` and of who asks it.
"""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from providers.errors import ContractBroken, ProviderError, Unavailable
from providers.http.exchange import Answer
from providers.http.refusals import Refusals
from providers.http.retry import read_again
from providers.http.retry_after import requested_wait
from tests.providers.highlevel import support as highlevel_support
from tests.providers.tiktok import support as tiktok_support

NOON, LATER = "Fri, 20 Nov 2026 12:00:00 GMT", "Fri, 20 Nov 2026 12:00:30 GMT"
DAY = 86_400


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "30"}, 30),
        ({"retry-after": " 0 "}, 0),
        ({"retry-after": "999999999"}, DAY),
        ({"retry-after": LATER, "date": NOON}, 30),
        ({"retry-after": NOON, "date": LATER}, 0),
        ({"retry-after": "Fri, 20 Nov 2099 12:00:00 GMT", "date": NOON}, DAY),
        ({"retry-after": LATER}, None),
        ({"retry-after": "soon", "date": NOON}, None),
        ({"retry-after": "Mon, 01 Jan 99999999999999 00:00:00 GMT", "date": NOON}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "9" * 5000}, None),
        ({"retry-after": "\u0663"}, None),
        ({}, None),
    ],
)
def test_seconds_and_dates_are_read(headers: dict[str, str], seconds: int | None) -> None:
    """Seconds, and dates beside the answer's own, are read up to a day; anything else is no wait."""
    assert (None if seconds is None else timedelta(seconds=seconds)) == requested_wait(headers)


@pytest.mark.parametrize("body", [b"", b"<html>"], ids=["empty", "html"])
@pytest.mark.parametrize(
    ("status", "write", "seconds"),
    [
        (503, False, 30),
        (500, False, 30),
        (408, False, 30),
        (503, True, 30),
        (429, False, 7),
        (302, False, 30),
        (404, True, 30),
        (401, False, None),
    ],
)
def test_the_wait_of_every_status_is_kept(status: int, write: bool, seconds: int | None, body: bytes) -> None:
    """Every error that is not final has the wait that the vendor asks for; a rate limit has the vendor's own rule."""
    refusals = Refusals("p", "P", log_header="x", retry_after=lambda answer: timedelta(seconds=7))
    error = refusals.unreadable(Answer(status, {"retry-after": "30"}, body), write=write)
    assert (None if seconds is None else timedelta(seconds=seconds)) == error.retry_after


@pytest.mark.parametrize(("wait", "calls"), [(None, 2), (1, 2), (2, 1), (30, 1)])
async def test_a_read_is_not_repeated_before_the_vendor_wants_it(wait: int | None, calls: int) -> None:
    """A read is repeated at once unless the vendor asks for more than a second."""
    made = []

    async def call() -> None:
        made.append(1)
        raise Unavailable(retry_after=None if wait is None else timedelta(seconds=wait))

    with pytest.raises(Unavailable):
        await read_again(call)
    assert calls == len(made)


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize("vendor", ["tiktok", "highlevel"])
async def test_a_vendor_that_asks_to_wait_is_called_once(vendor: str, status: int) -> None:
    """A 5xx with Retry-After is one call to the vendor, and its wait is the error's."""
    answer = httpx.Response(status, headers={"Retry-After": "30"}, json={})
    provider: Any
    if vendor == "tiktok":
        provider, fake = tiktok_support.tiktok(answer, answer)
        reading = provider.videos.list_videos(tiktok_support.FakeAccess(), limit=5)
    else:
        provider, fake = highlevel_support.highlevel(answer, answer)
        reading = provider.accounts.social_accounts(highlevel_support.FakeAccess(), highlevel_support.LOCATION)
    with pytest.raises(ProviderError) as caught:
        await reading
    assert (1, timedelta(seconds=30)) == (len(fake.requests), caught.value.retry_after)
    assert not isinstance(caught.value, ContractBroken)

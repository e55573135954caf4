"""The contract of audiences: files of digests become a list, changes name what they do, and lost answers can be found.

Owns the contract of `providers/interface/audiences.py`.
"""

from collections.abc import AsyncIterator
from hashlib import md5, sha256
from typing import Any

import pytest

from providers.capabilities import Capability
from providers.errors import Ambiguous, ContentRefused, NotFound, ProviderError, Unavailable
from providers.models.audiences import AudienceState, MembersAction, MembersFile
from tests.providers.conformance.harness import FAILED_READS, Power, assert_silent, needs, read_pages

KEY, OTHER = (sha256(each).hexdigest() for each in (b"one", b"other"))
NOBODY = "7999999999999999999"


def rows(first: int, count: int) -> bytes:
    """Return a file with a number of members."""
    lines = (f"{sha256(str(number).encode()).hexdigest()},," for number in range(first, first + count))
    return "\n".join(["Email_SHA256,Phone_SHA256,MAID_SHA256", *lines, ""]).encode()


async def upload(harness: Any, access: Any, first: int = 0, count: int = 1_000, signature: str = "") -> str:
    """Upload a file; return its path."""
    content = rows(first, count)

    async def body() -> AsyncIterator[bytes]:
        yield content

    file = MembersFile(len(content), signature or md5(content, usedforsecurity=False).hexdigest())
    path: str = await harness.provider.audiences.upload(access, harness.advertiser, file, body)
    return path


async def made(harness: Any, access: Any, key: str = KEY) -> str:
    """Make an audience of a thousand members; return its id."""
    path = await upload(harness, access)
    id: str = await harness.provider.audiences.create(access, harness.advertiser, "VIPs", [path], key=key)
    return id


async def state(harness: Any, access: Any, id: str) -> tuple[AudienceState, int | None]:
    """Return the state and the size of an audience."""
    [found] = await harness.provider.audiences.get(access, harness.advertiser, [id])
    return found.state, found.size


@needs(Capability.AUDIENCES, Power.TIME)
async def test_files_become_an_audience_that_grows_and_shrinks(harness: Any) -> None:
    """It is matched for a time, then active with a size; members are appended and removed, and never replaced."""
    access, it = await harness.access(), harness.provider.audiences
    id = await made(harness, access)
    assert AudienceState.BUILDING == (await state(harness, access, id))[0]
    harness.match()
    assert (AudienceState.ACTIVE, 1_000) == await state(harness, access, id)
    more = await upload(harness, access, 500)
    for action, size in ((MembersAction.APPEND, 1_500), (MembersAction.APPEND, 1_500), (MembersAction.REMOVE, 500)):
        await it.change(access, harness.advertiser, id, action, [more])
        harness.match()
        assert size == (await state(harness, access, id))[1]
    [found] = await it.get(access, harness.advertiser, [id])
    assert [MembersAction.REMOVE, MembersAction.APPEND, MembersAction.APPEND] == [
        each.action for each in found.changes if each.action
    ]


@needs(Capability.AUDIENCES, Power.TIME)
async def test_a_change_that_is_too_early_changes_nothing(harness: Any) -> None:
    """While members are matched a change is Unavailable: nothing was done, and the same call is made later."""
    access, it = await harness.access(), harness.provider.audiences
    id, more = await made(harness, access), await upload(harness, access, 1_000)
    with pytest.raises(Unavailable):
        await it.change(access, harness.advertiser, id, MembersAction.APPEND, [more])
    harness.match()
    assert (AudienceState.ACTIVE, 1_000) == await state(harness, access, id)


@needs(Capability.AUDIENCES, Power.FAULTS)
async def test_a_creation_that_was_lost_is_found_by_its_key(harness: Any) -> None:
    """A lost answer is Ambiguous, one call was made, and only the audience with this key is the one."""
    access, it = await harness.access(), harness.provider.audiences
    other = await made(harness, access, OTHER)
    path = await upload(harness, access)
    harness.fail("audience", "after")
    with pytest.raises(Ambiguous) as caught:
        await it.create(access, harness.advertiser, "VIPs", [path], key=KEY)
    found = await it.find_created(access, harness.advertiser, KEY)
    assert found is not None
    assert other != found.id
    assert 2 == harness.calls("audience")
    assert_silent(caught.value, access.grant.access_token)


@needs(Capability.AUDIENCES, Power.FAULTS)
async def test_a_creation_that_never_arrived_is_not_found(harness: Any) -> None:
    """Without an audience of this key there is none."""
    access, it = await harness.access(), harness.provider.audiences
    path = await upload(harness, access)
    harness.fail("audience", "before")
    with pytest.raises(ProviderError):
        await it.create(access, harness.advertiser, "VIPs", [path], key=KEY)
    assert None is await it.find_created(access, harness.advertiser, KEY)


@needs(Capability.AUDIENCES)
async def test_a_file_that_is_not_what_it_says_is_refused(harness: Any) -> None:
    """Too few rows, and a wrong signature."""
    access, fewest = await harness.access(), harness.provider.audiences.limits.min_rows
    for options in ({"count": fewest - 1}, {"signature": "0" * 32}):
        with pytest.raises(ContentRefused):
            await upload(harness, access, **options)


@needs(Capability.AUDIENCES)
async def test_lists_have_every_audience_until_it_is_deleted(harness: Any) -> None:
    """Each once; a deleted one is gone, deleting it again is no error, and unknown ids are left out."""
    access, it = await harness.access(), harness.provider.audiences
    id = await made(harness, access)
    pages = await read_pages(lambda cursor: it.page(access, harness.advertiser, cursor=cursor))
    assert [id] == [each.id for page in pages for each in page.audiences]
    await it.delete(access, harness.advertiser, id)
    await it.delete(access, harness.advertiser, id)
    assert () == await it.get(access, harness.advertiser, [id])
    with pytest.raises(NotFound):
        await it.change(access, harness.advertiser, id, MembersAction.APPEND, [await upload(harness, access)])
    with pytest.raises(ContentRefused):
        await it.page(access, harness.advertiser, cursor="x")


@needs(Capability.AUDIENCES)
async def test_another_ad_account_is_refused(harness: Any) -> None:
    """An ad account outside the grant is no empty list."""
    with pytest.raises(ProviderError):
        await harness.provider.audiences.page(await harness.access(), NOBODY)


@needs(Capability.AUDIENCES, Power.FAULTS)
@pytest.mark.parametrize(("how", "kind"), FAILED_READS)
async def test_a_read_that_fails_says_how(harness: Any, how: str, kind: type[Exception]) -> None:
    """A lost read is temporary, and no token is in the error."""
    access = await harness.access()
    harness.fail("audiences", how, times=None)
    with pytest.raises(kind) as caught:
        await harness.provider.audiences.page(access, harness.advertiser)
    assert_silent(caught.value, access.grant.access_token)

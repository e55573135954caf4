"""HighLevel itself behaves as the provider and its simulator take it to: read for real, and with leave one draft made.

Needs HIGHLEVEL_LIVE_LOCATION, HIGHLEVEL_LIVE_USER (ids at HighLevel) and HIGHLEVEL_LIVE_TOKEN_FILE, a file of mode 0600
with a Private Integration Token of that location. HIGHLEVEL_LIVE_POST=1 lets it make a draft, and take it away again;
HIGHLEVEL_LIVE_API_VERSION=v3 speaks the newer generation.
"""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import now
from providers.errors import NotFound
from providers.highlevel import HighLevel, SocialAccount, build
from providers.highlevel.capabilities import SCOPES
from providers.models.accounts import PrivacyLevel, ProfilePart
from providers.models.grants import Grant
from providers.models.publishing import PostMode, PostOptions, PublishPhase, PublishRequest, VideoFile, VideoLink
from providers.models.secret import Secret
from tests.fixtures import media
from tests.live.costs import HIGHLEVEL
from tests.live.test_tiktok import tokens_of
from tests.providers.faking import Renewing

MISSING = HIGHLEVEL.missing()
DAY = timedelta(days=1)
UNKNOWN = "0" * 24

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(MISSING), reason=f"no credentials for HighLevel: {', '.join(MISSING)} not set"),
]
writing = pytest.mark.skipif(not HIGHLEVEL.may_post(), reason="nothing is written there without HIGHLEVEL_LIVE_POST=1")


@pytest.fixture
async def provider() -> AsyncIterator[HighLevel]:
    """Yield the provider over the network."""
    version = os.environ.get("HIGHLEVEL_LIVE_API_VERSION", "2021-07-28")
    built = build({"api_version": version}, clock=now)
    yield built
    await built.close()


@pytest.fixture
def location() -> str:
    """Return the location's id."""
    return os.environ["HIGHLEVEL_LIVE_LOCATION"]


@pytest.fixture
def access(provider: HighLevel, location: str) -> Renewing:
    """Lend the token."""
    token = tokens_of(Path(os.environ["HIGHLEVEL_LIVE_TOKEN_FILE"]))
    return lent(provider, token, location, os.environ["HIGHLEVEL_LIVE_USER"])


def lent(provider: HighLevel, token: str, location: str, user: str) -> Renewing:
    """Return access with a Private Integration Token; which scopes it has, HighLevel tells nobody."""
    grant = Grant(
        access_token=Secret(token),
        access_expire_time=now() + DAY,
        refresh_token=None,
        refresh_expire_time=None,
        scopes=SCOPES,
        subject=location,
        settings={"user_type": "Location", "location_id": location, "user_id": user},
    )
    return Renewing(provider.authorization, grant)


async def test_a_token_opens_its_location(provider: HighLevel, access: Renewing, location: str) -> None:
    """The search of locations shows a location's own token that one, and no other."""
    profile = await provider.accounts.profile(access, frozenset(ProfilePart))
    assert location == profile.provider_account_id
    assert profile.display_name


async def test_the_accounts_of_a_location_are_listed(provider: HighLevel, access: Renewing, location: str) -> None:
    """Each has an id, a network, and a health that can be read; what is left out counts as good."""
    found = await provider.accounts.social_accounts(access, location)
    assert all(each.id and each.platform for each in found)
    assert len(found) == len({each.id for each in found})


async def test_labels_are_listed(provider: HighLevel, access: Renewing) -> None:
    """Categories and tags can be read, however many there are."""
    pages = [await provider.planner.list_categories(access), await provider.planner.list_tags(access)]
    assert all(label.id and label.name for page in pages for label in page.labels)


async def test_the_planner_is_listed(provider: HighLevel, access: Renewing) -> None:
    """The list by which lost submits are found accepts our dates and pages, also for what was deleted."""
    found = await provider.publishing.find(access, "", since=now() - DAY, until=now() + DAY)
    assert all(each.publish_id for each in found)


async def test_an_unknown_post_is_not_found(provider: HighLevel, access: Renewing) -> None:
    """An id of the right form that nothing has is told apart from every other refusal."""
    with pytest.raises(NotFound):
        await provider.publishing.status(access, UNKNOWN)


def usable(accounts: tuple[SocialAccount, ...]) -> SocialAccount:
    """Return an account that a draft can be for."""
    found = [each for each in accounts if each.usable(now())]
    if not found:
        pytest.skip("the location has no account that works")
    return found[0]


@writing
async def test_a_draft_is_made_found_and_taken_away(provider: HighLevel, access: Renewing, location: str) -> None:
    """A video goes into the library, and the draft with it is found in the list by its address alone: what keeps
    a post whose submit was lost from being made twice.
    """
    account = usable(await provider.accounts.social_accounts(access, location))
    data, begun = media.clip(), now() - timedelta(minutes=1)

    async def body() -> AsyncIterator[bytes]:
        yield data

    uri = await provider.publishing.store(access, VideoFile(len(data), "video/mp4"), body, name="live")
    tiktok = account.platform.startswith("tiktok")
    order = PublishRequest(
        mode=PostMode.PLANNER_DRAFT,
        content=VideoLink(uri, "video/mp4"),
        caption="A draft of the social gateway's live test.",
        options=PostOptions(privacy_level=PrivacyLevel.ONLY_ME) if tiktok else PostOptions(),
        account=account.id,
        platform=account.platform.replace("-", "_"),
    )
    made = await provider.publishing.begin(access, order)
    found = await provider.publishing.find(access, account.id, since=begun, until=now() + DAY)
    ours = [each for each in found if uri.reveal() in [seen.reveal() for seen in each.uris]]
    try:
        assert 1 == len(ours)
        assert made.publish_id in ("", ours[0].publish_id)
        assert PublishPhase.AWAITING_CREATOR is (await provider.publishing.status(access, ours[0].publish_id)).phase
    finally:
        for each in ours:
            await provider.records.delete(access, each.publish_id)

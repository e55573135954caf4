"""What reading promises: profiles by scope, creator info, videos by page and by id.

Owns the contracts of `providers/interface/accounts.py` and `videos.py`.
"""

import pytest

from providers.capabilities import Capability
from providers.errors import ContractBroken, RateLimited, ScopeNotGranted, Unavailable
from providers.models.accounts import ProfilePart
from tests.providers.conformance.harness import Contract, Power

EVERY_PART = frozenset(ProfilePart)


class AccountsContract(Contract):
    """Profiles and creators."""

    async def test_a_profile_says_whose_it_is(self) -> None:
        """The id is an exact string, and parts that were granted are not missing."""
        profile = await self.harness.provider.accounts.profile(await self.harness.access(), EVERY_PART)

        assert isinstance(profile.provider_account_id, str)
        assert profile.provider_account_id
        assert ProfilePart.BASIC not in profile.missing

    async def test_parts_without_their_scope_are_left_out_and_named(self) -> None:
        """A missing scope does not fail the rest, and absent numbers are None."""
        self.can(Power.SCOPES)
        access = await self.harness.access("user.info.basic")

        profile = await self.harness.provider.accounts.profile(access, EVERY_PART)

        assert {ProfilePart.PROFILE, ProfilePart.STATS} == profile.missing
        assert profile.display_name
        assert (None, None) == (profile.follower_count, profile.video_count)

    async def test_a_part_alone_that_is_not_granted_is_refused(self) -> None:
        """Nothing that was asked for is granted: ScopeNotGranted, without a refresh of the token."""
        self.can(Power.SCOPES)
        with pytest.raises(ScopeNotGranted):
            await self.harness.provider.accounts.profile(
                await self.harness.access("user.info.basic"), frozenset({ProfilePart.STATS})
            )

    async def test_a_creator_says_what_may_be_posted(self) -> None:
        """Privacy levels are ours, the time is aware, and a creator who can post has no reason against it."""
        self.needs(Capability.CREATOR_INFO)
        info = await self.harness.provider.accounts.creator_info(await self.harness.access())

        assert info.privacy_levels
        assert info.fetch_time is not None
        assert info.fetch_time.tzinfo is not None
        assert info.can_post == (info.cannot_post_reason == "")

    @pytest.mark.parametrize(
        ("how", "kind"), [("status", Unavailable), ("html", ContractBroken), ("rate", RateLimited)]
    )
    async def test_a_read_that_fails_says_how(self, how: str, kind: type[Exception]) -> None:
        """Down, nonsense and too fast are three things."""
        self.can(Power.FAULTS)
        access = await self.harness.access()
        self.harness.fail("profile", how, times=None)

        with pytest.raises(kind):
            await self.harness.provider.accounts.profile(access, EVERY_PART)

    async def test_a_refused_token_is_renewed_once(self) -> None:
        """A token that the vendor refuses is answered with one newer one, and the call succeeds."""
        self.can(Power.TIME)
        access = await self.harness.access()
        self.harness.expire_tokens()

        profile = await self.harness.provider.accounts.profile(access, EVERY_PART)

        assert profile.provider_account_id


class VideosContract(Contract):
    """Videos."""

    async def test_pages_end_and_repeat_nothing(self) -> None:
        """Every video comes once, newest first, and the last page says that it is the last."""
        self.needs(Capability.VIDEO_LIST)
        self.can(Power.VIDEOS)
        access, expected = await self.harness.access(), self.harness.add_videos(45)
        ids: list[str] = []
        cursor = ""
        for _ in range(10):
            page = await self.harness.provider.videos.list_videos(access, cursor=cursor, limit=20)
            ids += [video.provider_video_id for video in page.videos]
            cursor = page.next_cursor
            if not cursor:
                break

        assert expected[::-1] == ids
        assert "" == cursor

    async def test_a_list_can_be_read(self) -> None:
        """Ids are exact strings, times aware, absent counts None."""
        self.needs(Capability.VIDEO_LIST)
        page = await self.harness.provider.videos.list_videos(await self.harness.access(), limit=5)

        for video in page.videos:
            assert video.provider_video_id.strip()
            assert video.publish_time is None or video.publish_time.tzinfo is not None
            assert video.cover_expire_time is None or video.cover_uri

    async def test_a_lookup_gives_what_there_is(self) -> None:
        """Ids that the account does not have are left out, and nothing fails for them."""
        self.needs(Capability.VIDEO_QUERY)
        self.can(Power.VIDEOS)
        access, ids = await self.harness.access(), self.harness.add_videos(3)

        found = await self.harness.provider.videos.query_videos(access, [ids[0], "1", ids[2]])

        assert {ids[0], ids[2]} == {video.provider_video_id for video in found}

    async def test_without_the_scope_no_list_is_given(self) -> None:
        """ScopeNotGranted, and never a refresh."""
        self.needs(Capability.VIDEO_LIST)
        self.can(Power.SCOPES)
        with pytest.raises(ScopeNotGranted):
            await self.harness.provider.videos.list_videos(await self.harness.access("user.info.basic"))

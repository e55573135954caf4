"""The contract of engagement: metrics that are reported or left out, comments that are written once.

Owns the contract of `providers/interface/engagement.py`.
"""

import pytest

from providers.capabilities import Capability
from providers.errors import Ambiguous, ContentRefused, NotFound, Temporary
from tests.providers.conformance.harness import FAILED_READS, Contract, Power, assert_silent, read_pages

FAR = 100_000
"""More characters than any network accepts in a comment."""


class EngagementContract(Contract):
    """Account metrics and comments."""

    async def test_figures_are_numbers_or_not_there(self) -> None:
        """Each metric comes once; those that the vendor does not report are left out, never 0."""
        self.needs(Capability.ACCOUNT_METRICS)
        figures = await self.harness.provider.engagement.figures(
            await self.harness.access(), self.harness.measured(), None
        )

        assert len(figures.series) == len({each.metric for each in figures.series})
        assert all(isinstance(each.total, int) for each in figures.series)
        assert figures.span is None or figures.span.start < figures.span.end

    @pytest.mark.parametrize(("how", "kind"), FAILED_READS)
    async def test_figures_that_fail_say_how(self, how: str, kind: type[Exception]) -> None:
        """A lost read of metrics is temporary, and no token is in the error."""
        self.needs(Capability.ACCOUNT_METRICS)
        self.can(Power.FAULTS)
        access = await self.harness.access()
        self.harness.fail("figures", how, times=None)

        with pytest.raises(kind) as caught:
            await self.harness.provider.engagement.figures(access, self.harness.measured(), None)

        assert_silent(caught.value, access.grant.access_token)

    async def test_pages_of_comments_end_and_repeat_nothing(self) -> None:
        """Every comment comes once, and the last page has no cursor."""
        self.needs(Capability.COMMENT_LIST)
        self.can(Power.POSTS)
        access, account, post = await self.harness.access(), self.harness.commented(), self.harness.post_to_comment()
        expected = self.harness.add_comments(post, 5)
        list_comments = self.harness.provider.engagement.list_comments

        pages = await read_pages(lambda cursor: list_comments(access, account, cursor=cursor, limit=2))

        found = [each for page in pages for each in page.comments]
        assert sorted(expected) == sorted(each.id for each in found)
        assert all(each.publish_time is None or each.publish_time.tzinfo for each in found)

    async def test_a_comment_stands_where_it_was_written(self) -> None:
        """A comment below a post and a reply below it are each written once, verbatim."""
        self.needs(Capability.COMMENT_REPLY, Capability.COMMENT_LIST)
        self.can(Power.POSTS)
        access, account, post = await self.harness.access(), self.harness.commented(), self.harness.post_to_comment()
        engagement = self.harness.provider.engagement

        made = await engagement.create_comment(access, account, text="canary words", parent=post, reply=False)
        await engagement.create_comment(access, account, text="an answer", parent=made.id, reply=True)

        [answer] = (await engagement.list_comments(access, account, parent=made.id)).comments
        assert "an answer" == answer.text
        everything = (await engagement.list_comments(access, account)).comments
        assert ["an answer", "canary words"] == sorted(each.text for each in everything)

    @pytest.mark.parametrize("how", ["after", "status", "html"])
    async def test_a_lost_answer_to_a_comment_is_ambiguous(self, how: str) -> None:
        """A lost comment is Ambiguous, because it may be public: one call, never repeated."""
        self.needs(Capability.COMMENT_REPLY)
        self.can(Power.POSTS, Power.FAULTS)
        access, account, post = await self.harness.access(), self.harness.commented(), self.harness.post_to_comment()
        self.harness.fail("comment", how)

        with pytest.raises(Ambiguous) as caught:
            await self.harness.provider.engagement.create_comment(access, account, text="a", parent=post, reply=False)

        assert 1 == self.harness.calls("comment")
        assert_silent(caught.value, access.grant.access_token)

    async def test_a_comment_that_was_never_sent_is_temporary(self) -> None:
        """Without a connection nothing happened."""
        self.needs(Capability.COMMENT_REPLY)
        self.can(Power.POSTS, Power.FAULTS)
        access, account, post = await self.harness.access(), self.harness.commented(), self.harness.post_to_comment()
        self.harness.cut_off()

        with pytest.raises(Temporary):
            await self.harness.provider.engagement.create_comment(access, account, text="a", parent=post, reply=False)

    async def test_a_comment_below_nothing_is_not_found(self) -> None:
        """If the parent does not exist, nothing is written."""
        self.needs(Capability.COMMENT_REPLY)
        access, account = await self.harness.access(), self.harness.commented()

        with pytest.raises(NotFound):
            await self.harness.provider.engagement.create_comment(
                access, account, text="a", parent=self.harness.unknown_publish, reply=True
            )

    async def test_a_comment_that_is_too_long_is_refused_without_a_call(self) -> None:
        """A comment beyond the network's limit is refused without a call."""
        self.needs(Capability.COMMENT_REPLY)
        before = self.harness.sent()

        with pytest.raises(ContentRefused):
            self.harness.provider.engagement.check_comment(self.harness.commented(), "x" * FAR)

        assert before == self.harness.sent()

    async def test_a_like_is_safe_to_repeat(self) -> None:
        """Liking and unliking are idempotent."""
        self.needs(Capability.COMMENT_MODERATE)
        self.can(Power.POSTS)
        access, account, post = await self.harness.access(), self.harness.commented(), self.harness.post_to_comment()
        [comment] = self.harness.add_comments(post, 1)

        for liked in (True, True, False, False, True):
            await self.harness.provider.engagement.set_liked(access, account, comment, liked=liked)

        [shown] = (await self.harness.provider.engagement.list_comments(access, account)).comments
        assert 1 == shown.like_count

"""The contract of engagement: metrics that are reported or left out, comments that are written once.

Owns the contract of `providers/interface/engagement.py`.
"""

from typing import Any

import pytest

from providers.capabilities import Capability
from providers.errors import Ambiguous, ContentRefused, NotFound, Rejected, Temporary
from tests.providers.conformance.harness import FAILED_READS, Power, assert_silent, needs, read_pages

FAR = 100_000
"""More characters than any network accepts in a comment."""


@needs(Capability.ACCOUNT_METRICS)
async def test_figures_are_numbers_or_not_there(harness: Any) -> None:
    """Each metric comes once; those that the vendor does not report are left out, never 0."""
    figures = await harness.provider.engagement.figures(await harness.access(), harness.measured(), None)

    assert len(figures.series) == len({each.metric for each in figures.series})
    assert all(isinstance(each.total, int) for each in figures.series)
    assert figures.span is None or figures.span.start < figures.span.end


@needs(Capability.ACCOUNT_METRICS, Power.FAULTS)
@pytest.mark.parametrize(("how", "kind"), FAILED_READS)
async def test_figures_that_fail_say_how(harness: Any, how: str, kind: type[Exception]) -> None:
    """A lost read of metrics is temporary, and no token is in the error."""
    access = await harness.access()
    harness.fail("figures", how, times=None)

    with pytest.raises(kind) as caught:
        await harness.provider.engagement.figures(access, harness.measured(), None)

    assert_silent(caught.value, access.grant.access_token)


@needs(Capability.COMMENT_LIST, Power.POSTS)
async def test_pages_of_comments_end_and_repeat_nothing(harness: Any) -> None:
    """Every comment comes once, and the last page has no cursor."""
    access, account, post = await harness.access(), harness.commented(), harness.post_to_comment()
    expected = harness.add_comments(post, 5)
    list_comments = harness.provider.engagement.list_comments

    pages = await read_pages(lambda cursor: list_comments(access, account, parent=post, cursor=cursor, limit=2))

    found = [each for page in pages for each in page.comments]
    assert sorted(expected) == sorted(each.id for each in found)
    assert all(each.publish_time is None or each.publish_time.tzinfo for each in found)


@needs(Capability.COMMENT_REPLY, Capability.COMMENT_LIST, Power.POSTS)
async def test_a_comment_stands_where_it_was_written(harness: Any) -> None:
    """A comment below a post and a reply below it are each written once, verbatim."""
    access, account, post = await harness.access(), harness.commented(), harness.post_to_comment()
    engagement = harness.provider.engagement

    made = await engagement.create_comment(access, account, text="canary words", parent=post, reply=False)
    await engagement.create_comment(access, account, text="an answer", parent=made.id, reply=True, post=post)

    [answer] = (await engagement.list_comments(access, account, parent=made.id, post=post)).comments
    [written] = (await engagement.list_comments(access, account, parent=post)).comments
    assert ("canary words", "an answer") == (written.text, answer.text)


@needs(Capability.COMMENT_REPLY, Power.POSTS, Power.FAULTS)
@pytest.mark.parametrize("how", ["after", "status", "html"])
async def test_a_lost_answer_to_a_comment_is_ambiguous(harness: Any, how: str) -> None:
    """A lost comment is Ambiguous, because it may be public: one call, never repeated."""
    access, account, post = await harness.access(), harness.commented(), harness.post_to_comment()
    harness.fail("comment", how)

    with pytest.raises(Ambiguous) as caught:
        await harness.provider.engagement.create_comment(access, account, text="a", parent=post, reply=False)

    assert 1 == harness.calls("comment")
    assert_silent(caught.value, access.grant.access_token)


@needs(Capability.COMMENT_REPLY, Power.POSTS, Power.FAULTS)
async def test_a_comment_that_was_never_sent_is_temporary(harness: Any) -> None:
    """Without a connection nothing happened."""
    access, account, post = await harness.access(), harness.commented(), harness.post_to_comment()
    harness.cut_off()

    with pytest.raises(Temporary):
        await harness.provider.engagement.create_comment(access, account, text="a", parent=post, reply=False)


@needs(Capability.COMMENT_REPLY)
async def test_a_comment_below_nothing_is_not_found(harness: Any) -> None:
    """If the parent does not exist, nothing is written."""
    access, account = await harness.access(), harness.commented()

    with pytest.raises(NotFound):
        await harness.provider.engagement.create_comment(
            access, account, text="a", parent=harness.unknown_publish, reply=True, post=harness.unknown_publish
        )


@needs(Capability.COMMENT_REPLY)
async def test_a_comment_that_is_too_long_is_refused_without_a_call(harness: Any) -> None:
    """A comment beyond the network's limit is refused without a call."""
    before = harness.sent()

    with pytest.raises(ContentRefused):
        harness.provider.engagement.check_comment(harness.commented(), "x" * FAR)

    assert before == harness.sent()


@needs(Capability.COMMENT_MODERATE, Power.POSTS)
async def test_a_like_is_safe_to_repeat(harness: Any) -> None:
    """Liking and unliking are idempotent."""
    access, account, post = await harness.access(), harness.commented(), harness.post_to_comment()
    [comment] = harness.add_comments(post, 1)

    for liked in (True, True, False, False, True):
        await harness.provider.engagement.set_liked(access, account, comment, liked=liked, post=post)

    [shown] = (await harness.provider.engagement.list_comments(access, account, parent=post)).comments
    assert 1 == shown.like_count


@needs(Capability.COMMENT_HIDE, Power.POSTS)
async def test_hiding_is_safe_to_repeat_and_is_seen(harness: Any) -> None:
    """A hidden comment is listed as hidden, and one that is shown again is not."""
    access, account, post = await harness.access(), harness.commented(), harness.post_to_comment()
    [comment] = harness.add_comments(post, 1)

    for hidden in (True, True, False, False, True):
        await harness.provider.engagement.set_hidden(access, account, comment, hidden=hidden, post=post)
        [shown] = (await harness.provider.engagement.list_comments(access, account, parent=post)).comments
        assert hidden is shown.hidden


@needs(Capability.COMMENT_DELETE, Capability.COMMENT_REPLY, Power.POSTS)
async def test_only_an_own_comment_is_deleted(harness: Any) -> None:
    """An own comment is gone, and then not found; another person's is refused and stays."""
    access, account, post = await harness.access(), harness.commented(), harness.post_to_comment()
    [foreign] = harness.add_comments(post, 1)
    engagement = harness.provider.engagement
    made = await engagement.create_comment(access, account, text="oops", parent=post, reply=False)

    await engagement.delete_comment(access, account, made.id, post=post)

    with pytest.raises(NotFound):
        await engagement.delete_comment(access, account, made.id, post=post)
    with pytest.raises(Rejected):
        await engagement.delete_comment(access, account, foreign, post=post)
    assert [foreign] == [each.id for each in (await engagement.list_comments(access, account, parent=post)).comments]

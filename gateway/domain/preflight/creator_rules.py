"""What the creator's settings, and the guidelines for direct posts, allow of a post's options.

Owns the comparison of a post's options with the creator's settings. Makes no call: the creator info is an argument.
"""

from collections.abc import Iterator

from gateway.aip import names
from gateway.domain import post_content
from gateway.domain.preflight import media_rules
from gateway.errors import CreatorRuleBroken, DomainError, FieldInvalid, Violation
from gateway.media.facts import MediaFacts
from providers import errors as providers
from providers.models.accounts import CreatorInfo, PrivacyLevel
from storage.posts import PostRow


def required_choices(post: PostRow) -> Iterator[DomainError]:
    """Check the options that a direct post must have, whatever the creator's settings are."""
    options = post_content.options_of(post)
    if options.privacy_level is None:
        yield FieldInvalid("post.options.privacy_level", "must be chosen by the creator, there is no default")
    if options.branded_content and options.privacy_level in (PrivacyLevel.ONLY_ME, PrivacyLevel.FOLLOWERS):
        yield _broken(post, "options.branded_content", "branded content must be visible to the public or to friends")


def settings(post: PostRow, info: CreatorInfo) -> Iterator[DomainError]:
    """Check that a direct post allows no more than the creator's current settings do."""
    options = post_content.options_of(post)
    if options.privacy_level is not None and options.privacy_level not in info.privacy_levels:
        levels = ", ".join(level.name for level in info.privacy_levels)
        text = f"{options.privacy_level.name} is not one of the creator's options now: {levels or 'none'}"
        yield _broken(post, "options.privacy_level", text)
    for name, allowed_now in (
        ("allow_comments", not info.comment_disabled),
        ("allow_duet", not info.duet_disabled),
        ("allow_stitch", not info.stitch_disabled),
    ):
        if getattr(options, name) and not allowed_now:
            yield _broken(post, f"options.{name}", "the creator has switched this off")


def video_duration(post: PostRow, facts: MediaFacts, info: CreatorInfo) -> Iterator[DomainError]:
    """Check that a video is not longer than this creator may post."""
    for _, text in media_rules.duration(facts, info.max_video_duration, " of this creator"):
        yield _broken(post, "video.source", text)


def blocked(post: PostRow, info: CreatorInfo) -> providers.CreatorBlocked | None:
    """Return why the creator cannot post now, or None if they can; a daily cap is temporary, anything else is not."""
    if info.can_post:
        return None
    kind = providers.DailyCapReached if info.daily_cap else providers.CreatorBlocked
    message = info.cannot_post_message or "The creator cannot post through the API now."
    return kind(
        message, provider=post.provider, code=info.cannot_post_reason, retry_at=info.cap_reset, metadata=_subject(post)
    )


def _broken(post: PostRow, path: str, text: str) -> CreatorRuleBroken:
    violations = [Violation(f"post.{path}", text)]
    return CreatorRuleBroken(f"{path}: {text}", metadata=_subject(post), violations=violations)


def _subject(post: PostRow) -> dict[str, str]:
    return {"provider": post.provider, "account": names.ACCOUNT.format(post.location, post.account)}

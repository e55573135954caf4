"""What a creator, and the guidelines for direct posts, allow of the choices in a post.

Owns the comparison of a post's options with the creator's own. Asks nobody: the answer of the vendor is an argument.
"""

from collections.abc import Iterator

from gateway.domain import post_content
from gateway.domain.preflight import media_rules
from gateway.errors import CreatorRuleBroken, DomainError, FieldInvalid, Violation
from gateway.media.facts import MediaFacts
from providers import errors as providers
from providers.models.accounts import CreatorInfo, PrivacyLevel
from storage.posts import PostRow


def chosen(post: PostRow) -> Iterator[DomainError]:
    """Check what a creator must choose for a direct post, whatever the creator's settings are."""
    options = post_content.options_of(post)
    if options.privacy_level is None:
        yield FieldInvalid("post.options.privacy_level", "must be chosen by the creator, there is no default")
    if options.branded_content and options.privacy_level in (PrivacyLevel.ONLY_ME, PrivacyLevel.FOLLOWERS):
        yield _broken(post, "options.branded_content", "branded content must be visible to the public or to friends")


def allowed(post: PostRow, info: CreatorInfo) -> Iterator[DomainError]:
    """Check that a direct post is not looser than the creator's settings now."""
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


def lasting(post: PostRow, facts: MediaFacts, info: CreatorInfo) -> Iterator[DomainError]:
    """Check that the video is not longer than this creator's may be."""
    for _, text in media_rules.duration(facts, info.max_video_duration, " of this creator"):
        yield _broken(post, "video.source", text)


def blocked(post: PostRow, info: CreatorInfo) -> providers.CreatorBlocked | None:
    """Say why a creator cannot post now, None when they can; a cap of the day passes, anything else does not."""
    if info.can_post:
        return None
    kind = providers.DailyCapReached if info.daily_cap else providers.CreatorBlocked
    message = info.cannot_post_message or "The creator cannot post through the API now."
    return kind(
        message, provider=post.provider, code=info.cannot_post_reason, retry_at=info.cap_reset, metadata=_whose(post)
    )


def _broken(post: PostRow, path: str, text: str) -> CreatorRuleBroken:
    violations = [Violation(f"post.{path}", text)]
    return CreatorRuleBroken(f"{path}: {text}", metadata=_whose(post), violations=violations)


def _whose(post: PostRow) -> dict[str, str]:
    return {"provider": post.provider, "account": f"locations/{post.location}/accounts/{post.account}"}

"""The errors of a check: which of our fields is wrong, and the bound that it breaks.

Owns their form. Knows no rule.
"""

from collections.abc import Collection

from providers.errors import ContentRefused, OptionUnsupported
from providers.tiktok_business.config import PROVIDER


def refuse(field: str, message: str, *, allowed: str = "") -> ContentRefused:
    """Return the error of a broken rule."""
    metadata = {"field": field, **({"allowed": allowed} if allowed else {})}
    return ContentRefused(message, provider=PROVIDER, code="ads_rule", metadata=metadata)


def one_of(value: str, allowed: Collection[str], field: str) -> None:
    """Raise OptionUnsupported for a word that TikTok does not have, or that needs what our models do not have."""
    if value not in allowed:
        raise unsupported(field, f"{value[:50]!r} is none of {', '.join(allowed)}.")


def unsupported(field: str, message: str) -> OptionUnsupported:
    """Return the error of an option or a change that TikTok does not have."""
    return OptionUnsupported(message, field=field, provider=PROVIDER)

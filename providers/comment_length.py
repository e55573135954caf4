"""How long a comment may be: at least one visible character, at most what its network allows.

Owns the refusal, which is made without a call. Knows no network's limit.
"""

from providers.errors import ContentRefused
from providers.text_units import TextUnit, length


def check(text: str, allowed: int, unit: TextUnit, *, network: str, provider: str, called: str = "") -> None:
    """Raise ContentRefused for a comment that is empty or longer than `allowed`, counted in `unit`; `called` is the
    unit's name in the error, if not its own.
    """
    units = length(text, unit)
    if text.strip() and units <= allowed:
        return
    raise ContentRefused(
        f"A comment on {network} has 1 to {allowed} {called or unit}, this one {units}.",
        provider=provider,
        code="comment_length",
        metadata={"rule": "commentLength", "value": str(units), "allowed": str(allowed)},
    )

"""Which of a provider's scopes an application requests.

Owns the check of the setting that bounds them. Knows no vendor.
"""

from collections.abc import Sequence

from providers.errors import Misconfigured


def bounded(provider: str, known: Sequence[str], chosen: Sequence[str]) -> tuple[str, ...]:
    """Return the scopes of `known` that an operator chose, in their order; all of them if none was chosen.

    Raises Misconfigured, which names the setting, for a scope that the provider does not know.
    """
    unknown = [scope for scope in chosen if scope not in known]
    if unknown:
        raise Misconfigured(
            f"GATEWAY_{provider.upper()}_SCOPES: {unknown[0][:100]!r} is none of {', '.join(known)}.",
            provider=provider,
            code="scope_unknown",
            metadata={"setting": "scopes"},
        )
    return tuple(scope for scope in known if scope in chosen) if chosen else tuple(known)

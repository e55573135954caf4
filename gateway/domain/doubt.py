"""Lost answers of calls that may simply be made again: to those who ask they are no doubt.

Owns that one translation. A call that must not be made twice never comes here.
"""

from providers.errors import ProviderError, Unavailable


def harmless(error: ProviderError) -> Unavailable:
    """Return what a caller is told when such an answer was lost: ask again."""
    return Unavailable(
        "The vendor's answer was lost; asking again does no harm.",
        provider=error.provider,
        code=error.code,
        log_id=error.log_id,
        http_status=error.http_status,
    )

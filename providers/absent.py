"""The placeholder for a facet that a provider does not have.

Owns nothing: the provider's capability table refuses every use before it gets here.
"""

from typing import Any


def absent() -> Any:
    """Return a placeholder for the facet; it is only ever used if the capability table promises too much."""
    return _Absent()


class _Absent:
    """An object whose every attribute raises NotImplementedError."""

    def __getattr__(self, name: str) -> Any:
        """Raise NotImplementedError, which names the wrong promise."""
        raise NotImplementedError(f"the provider's table promises {name}, which the provider does not have")

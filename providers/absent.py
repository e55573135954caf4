"""A facet that a provider does not have.

Owns nothing: the provider's table refuses every use before it gets here.
"""

from typing import Any


def absent() -> Any:
    """Return what stands in the place of the facet; only a table that promises too much ever reaches it."""
    return _Absent()


class _Absent:
    """No method at all."""

    def __getattr__(self, name: str) -> Any:
        """Say what is wrong with the table."""
        raise NotImplementedError(f"the provider's table promises {name}, which the provider does not have")

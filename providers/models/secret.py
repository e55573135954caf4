"""A string that must not be shown: tokens, verifiers, upload URLs.

Owns how a secret is held in memory and displayed. Knows nothing of encryption or storage.
"""

import hmac


class Secret:
    """A secret string; `repr` and `str` hide it, only `reveal()` returns it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap `value`."""
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself, for a request or for encryption."""
        return self._value

    def __repr__(self) -> str:
        """Return a placeholder instead of the secret."""
        return "Secret(…)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        """Return whether the secret is not empty."""
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        """Hash by value, so that a secret can be a member of a frozen dataclass."""
        return hash(self._value)

    def __reduce__(self) -> tuple[object, ...]:
        """Refuse to be pickled: a pickle would hold the secret in the clear."""
        raise TypeError("a Secret cannot be pickled")


def secret_setting(name: str, value: object) -> Secret:
    """Return the Secret of a setting that is a Secret, a string or None.

    Raises TypeError for anything else, which would be sent as its `str`.
    """
    if isinstance(value, Secret):
        return value
    if value is None or isinstance(value, str):
        return Secret((value or "").strip())
    raise TypeError(f"{name} must be a Secret or a string")

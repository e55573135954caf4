"""A string that must not be seen: tokens, verifiers, upload addresses.

Owns how a secret is held in memory and shown. Knows nothing of sealing or storage.
"""

import hmac


class Secret:
    """A secret string; `repr` and `str` hide it, only `reveal()` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Hold `value`."""
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself, for a request header or for sealing."""
        return self._value

    def __repr__(self) -> str:
        """Show that there is a secret, not the secret."""
        return "Secret(…)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        """Return whether there is anything in it."""
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        """Hash by value, so that a secret can be a member of a frozen dataclass."""
        return hash(self._value)

    def __reduce__(self) -> tuple[object, ...]:
        """Refuse to be pickled: a pickle is a copy in clear."""
        raise TypeError("a Secret cannot be pickled")


def secret_setting(name: str, value: object) -> Secret:
    """Take a setting that is a Secret, a string or absent; anything else would be sent as its `str`, which hides it.

    Raises TypeError.
    """
    if isinstance(value, Secret):
        return value
    if value is None or isinstance(value, str):
        return Secret((value or "").strip())
    raise TypeError(f"{name} must be a Secret or a string")

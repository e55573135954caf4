"""The errors of storage: not found, already exists, conflict.

Owns these three errors. What they mean to a caller is decided in `gateway/status.py`.
"""


class StorageError(Exception):
    """Storage refused an operation."""

    def __init__(self, kind: str = "", id: str = "") -> None:
        """Name the kind of row and its id."""
        super().__init__(f"{kind} {id}".strip() or (self.__doc__ or ""))
        self.kind = kind
        self.id = id


class NotFound(StorageError):
    """There is no such row."""


class AlreadyExists(StorageError):
    """There is such a row already."""


class Conflict(StorageError):
    """The row changed meanwhile."""

"""Column types: aware UTC times and JSONB documents.

Owns how our values look in PostgreSQL. Knows no table.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field


class AwareTime(TypeDecorator[datetime]):
    """TIMESTAMPTZ that refuses naive times on the way in and gives UTC on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return UTC whatever the session's zone is."""
        return None if value is None else value.astimezone(UTC)


def time_field(*, nullable: bool = False, index: bool = False) -> Any:
    """Return a time column; a nullable one defaults to None."""
    if nullable:
        return Field(default=None, sa_type=AwareTime, nullable=True, index=index)
    return Field(sa_type=AwareTime, nullable=False, index=index)


def json_field() -> Any:
    """Return a JSONB column that holds an object, `{}` by default."""
    return Field(default_factory=dict, sa_type=JSONB, nullable=False)


def json_or_null() -> Any:
    """Return a JSONB column that may be NULL."""
    return Field(default=None, sa_type=JSONB(none_as_null=True), nullable=True)

"""Column types: aware UTC times, states, and JSONB documents.

Owns how Python values are represented in PostgreSQL. Does not know any table.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Dialect, String, TypeDecorator, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped
from sqlmodel import Field


class AwareTime(TypeDecorator[datetime]):
    """TIMESTAMPTZ that refuses naive times when written and returns UTC when read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Raise ValueError for a time without a zone."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time in UTC, whatever the session's time zone."""
        return None if value is None else value.astimezone(UTC)


class StateText(TypeDecorator[StrEnum]):
    """VARCHAR column of one `StrEnum`: any other text is refused, both when written and when read.

    A member may also be written as its text; reading always returns the member.
    """

    impl = String
    cache_ok = True

    def __init__(self, states: type[StrEnum]) -> None:
        """Use the members of `states`."""
        super().__init__()
        self.states = states

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the plain text of a member; raise ValueError for other text."""
        return None if value is None else self.states(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """Return the member; raise ValueError for text that this version does not know."""
        return None if value is None else self.states(value)


def time_field(*, nullable: bool = False, index: bool = False, primary_key: bool = False) -> Any:
    """Return a time column; a nullable one defaults to None."""
    if nullable:
        return Field(default=None, sa_type=AwareTime, nullable=True, index=index)
    return Field(sa_type=AwareTime, nullable=False, index=index, primary_key=primary_key)


def state_field(states: type[StrEnum], *, default: StrEnum | None = None, server_default: bool = False) -> Any:
    """Return a column that holds one of `states`, required unless there is a default.

    With `server_default` PostgreSQL knows the default too, for statements that leave the column out.
    """
    if default is None:
        return Field(sa_type=StateText(states), nullable=False)
    options = {"server_default": default.value} if server_default else {}
    return Field(default=default, sa_type=StateText(states), nullable=False, sa_column_kwargs=options)


def agency_field() -> Any:
    """Return the column of the agency that a row belongs to. PostgreSQL sets it when it is empty, by a trigger."""
    return Field(default="", sa_type=String, nullable=False, sa_column_kwargs={"server_default": ""})


def as_text(column: Mapped[Any]) -> ColumnElement[str]:
    """Return a state column as plain text, for comparing it with names that may not be states."""
    return type_coerce(column, String)


def json_field() -> Any:
    """Return a JSONB column that holds an object, `{}` by default."""
    return Field(default_factory=dict, sa_type=JSONB, nullable=False)


def json_or_null() -> Any:
    """Return a JSONB column that may be NULL."""
    return Field(default=None, sa_type=JSONB(none_as_null=True), nullable=True)

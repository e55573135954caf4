"""Writes that must not be lost: repeated while a row is locked, however long, and never when that could be twice."""

from datetime import timedelta

import pytest

from gateway.domain import concurrency
from gateway.domain.concurrency import until_free, until_stored
from storage.database import DatabaseBusy, DatabaseUnavailable
from tests.fixtures.waiting import no_time

LIMIT = timedelta(seconds=3)
SECOND = timedelta(seconds=1)


class Tries:
    """A write that fails with each of the errors, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.count = 0

    async def write(self) -> int:
        """Try once more; return how many tries it took."""
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.count


async def test_a_write_waits_for_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write whose row is locked is repeated until it is in."""
    monkeypatch.setattr(concurrency, "PAUSE_SECONDS", 0)
    tries = Tries(*[DatabaseBusy("locked")] * 50)

    assert 51 == await until_free(tries.write)()


async def test_a_write_is_not_repeated_after_a_lost_commit() -> None:
    """A commit whose answer was lost may have happened: the write is not repeated blindly."""
    tries = Tries(DatabaseUnavailable("lost"))

    with pytest.raises(DatabaseUnavailable):
        await until_free(tries.write)()
    assert 1 == tries.count


async def test_a_locked_row_is_no_reason_to_give_up() -> None:
    """The limit of a write counts the time for which the database is away, not that for which a row is locked."""
    locked, away = DatabaseBusy("locked"), DatabaseUnavailable("away")
    reported: list[DatabaseUnavailable] = []

    async def stored(tries: Tries) -> int:
        return await until_stored(tries.write, pause=SECOND, report=reported.append, limit=LIMIT, sleep=no_time)

    assert 104 == await stored(Tries(*[locked] * 50, *[away] * 3, *[locked] * 50))
    with pytest.raises(DatabaseUnavailable, match="away"):
        await stored(Tries(*[away] * 4))
    assert 103 + 3 == len(reported)

"""Rows that are due, found fairly: of each agency that has any, some of each of its locations.

Owns the statement, whose cost grows with agencies that have anything that becomes due at some time, and with the
locations of those that have something due, never with how much they have; and the places that are taken for the rows.
Who of them has a turn is decided in `fair.py`; that no other replica takes the same row, by who leases it.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Index, text

from storage import direct
from storage.database import Transaction
from storage.fair import FairPlaces, Tenant

STEPS = 500
"""How many locations of an agency are looked at, at most: many may have only what is due later."""

_FIND = """
WITH RECURSIVE agencies AS (
    (SELECT agency, {due} AS due FROM {table} WHERE {part} ORDER BY agency, {due} LIMIT 1)
    UNION ALL
    SELECT following.agency, following.due FROM agencies, LATERAL (
        SELECT agency, {due} AS due FROM {table} WHERE {part} AND agency > agencies.agency ORDER BY agency, {due}
        LIMIT 1
    ) AS following
)
SELECT agencies.agency, found.location, found.id FROM agencies
LEFT JOIN unnest(CAST(:agencies AS text[]), CAST(:served AS text[])) AS last(agency, location) USING (agency),
LATERAL (
    WITH RECURSIVE walk(half, location, due, found, steps) AS (
        SELECT half, begins.* FROM (VALUES (0), (1)) AS halves(half), LATERAL (
            SELECT {location} AS location, {due}, CASE WHEN {due} <= :now THEN 1 ELSE 0 END, 1
            FROM {table} WHERE {part} AND agency = agencies.agency
                AND {location} > CASE half WHEN 0 THEN coalesce(last.location, '') ELSE '' END
            ORDER BY {location}, {due} LIMIT 1
        ) AS begins WHERE half = 0 OR begins.location <= last.location
        UNION ALL
        SELECT half, following.* FROM walk, LATERAL (
            SELECT {location} AS location, {due}, walk.found + CASE WHEN {due} <= :now THEN 1 ELSE 0 END, steps + 1
            FROM {table} WHERE {part} AND agency = agencies.agency AND {location} > walk.location
            ORDER BY {location}, {due} LIMIT 1
        ) AS following
        WHERE found < :most AND steps < :steps AND (half = 0 OR following.location <= last.location)
    )
    (SELECT half, walk.location, there.id, there.due FROM walk, LATERAL (
        SELECT {id} AS id, {due} AS due FROM {table} WHERE {part}
            -- Not `agency =`: then PostgreSQL may prefer the index of all agencies, and read what is due of the others.
            AND (agency, {location}, {due}) >= (agencies.agency, walk.location, '-infinity')
            AND (agency, {location}, {due}) <= (agencies.agency, walk.location, :now)
        ORDER BY agency, {location}, {due} LIMIT :most
    ) AS there WHERE walk.due <= :now)
    UNION ALL
    -- Should the walk have ended among locations that have nothing due, the oldest come first, as ever.
    (SELECT 2, {location}, {id}, {due} FROM {table} WHERE {part}
        AND (agency, {due}) >= (agencies.agency, '-infinity') AND (agency, {due}) <= (agencies.agency, :now)
    ORDER BY agency, {due} LIMIT :most)
) AS found
WHERE agencies.due <= :now
ORDER BY agencies.agency, found.half, found.location, found.due
"""


@dataclass(frozen=True, slots=True)
class DueRows:
    """Which rows of a table are due when: its column `due`, among the rows that meet `condition`, which is SQL.

    `id` identifies a row within its location. The table also has the column `agency`, which PostgreSQL sets.
    """

    table: str
    due: str
    location: str = "location"
    id: str = "id"
    condition: str = ""
    name: str = ""

    @property
    def part(self) -> str:
        """The condition of the rows that are due at some time."""
        return f"{self.due} IS NOT NULL" + (f" AND {self.condition}" if self.condition else "")

    @property
    def statement(self) -> str:
        """The SQL of `find`."""
        columns = {"table": self.table, "due": self.due, "location": self.location, "id": self.id, "part": self.part}
        return _FIND.format(**columns)

    def indexes(self) -> tuple[Index, Index]:
        """Return the indexes of the statement."""
        name, where = f"{self.table}_due{self.name}", text(self.part)
        return (
            Index(f"{name}_by_agency", "agency", self.due, postgresql_where=where),
            Index(f"{name}_by_location", "agency", self.location, self.due, postgresql_where=where),
        )

    async def find(
        self, tx: Transaction, now: datetime, most: int, last: dict[str, str] | None = None
    ) -> list[tuple[Tenant, str]]:
        """Return tenants and ids of rows that are due, up to `most` of each agency's locations, those after the
        location that was served `last` first, and within a location the longest due first.
        """
        last = last or {}
        served = {"agencies": list(last), "served": list(last.values())}
        found = await direct.run(tx, _find(self), {"now": now, "most": most, "steps": STEPS, **served})
        # Once each, where it came first.
        return list(dict.fromkeys((Tenant(agency, location), id) for agency, location, id in await found.fetchall()))


@lru_cache
def _find(rows: DueRows) -> str:
    return direct.compiled(text(rows.statement))


@dataclass(slots=True)
class Reserved:
    """Places for rows, by location and id, in the order of their turns, with whose they are."""

    tenants: dict[tuple[str, str], Tenant]
    kept: set[tuple[str, str]] = field(default_factory=set)

    def keep(self, keys: Iterable[tuple[str, str]]) -> None:
        """Keep the places of these rows, whose lease is committed: whoever works on one releases its place."""
        self.kept.update(keys)


@contextmanager
def reserving(places: FairPlaces, due: Iterable[tuple[Tenant, str]]) -> Iterator[Reserved]:
    """Take places for those of the rows that are due whose turn it is; release those that the block did not `keep` at
    its end, however it ends.
    """
    reserved = Reserved({(tenant.location, id): tenant for tenant, id in places.reserve(due)})
    try:
        yield reserved
    finally:
        for key in reserved.tenants.keys() - reserved.kept:
            places.leave(reserved.tenants[key])

"""Rows that are due, found fairly: of each agency that has any, some of each of its locations.

Owns the statements, whose cost grows with the agencies and locations that have something due, and neither with how much
they have nor with those that have something due later; and the places that are taken for the rows.
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
from storage.fair import FairPlaces, Tenant, Turns

STEPS = 500
"""How many locations of an agency are looked at, at most: many may have only what is due later."""

FEW = 64
"""How many rows may be due so that all of them are read: as a rule there are no more."""

AGENCIES = 500
"""How many agencies are looked at, at most, when there are more: those after them are with the next look."""

_FEW = """
SELECT agency, {location}, {id}, {meets} FROM {table}
WHERE {due} IS NOT NULL AND {due} <= :now ORDER BY {due} LIMIT :few
"""

_FIND = """
WITH RECURSIVE agencies AS (
    (SELECT agency, {due} AS due, 1 AS number FROM {table} WHERE {part}{after} ORDER BY agency, {due} LIMIT 1)
    UNION ALL
    SELECT following.agency, following.due, number + 1 FROM agencies, LATERAL (
        SELECT agency, {due} AS due FROM {table} WHERE {part} AND agency > agencies.agency ORDER BY agency, {due}
        LIMIT 1
    ) AS following WHERE number < :number
)
SELECT 0 AS kind, found.half, agencies.agency, found.location, found.id, found.due FROM agencies
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
UNION ALL
-- Where the next look goes on, if there may be more of them.
SELECT 1, NULL, agency, NULL, NULL, NULL FROM agencies WHERE number = :number
ORDER BY 1, 3, 2, 4, 6
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
    def few(self) -> str:
        """The SQL that reads the longest due of all rows of the table, and whether each is one of these."""
        return _FEW.format(**self._columns, meets=self.condition or "TRUE")

    def walk(self, *, go_on: bool = False) -> str:
        """Return the SQL that goes from agency to agency: with `go_on` from the one where a look has ended."""
        return _FIND.format(**self._columns, part=self.part, after=" AND agency > :after" if go_on else "")

    @property
    def _columns(self) -> dict[str, str]:
        return {"table": self.table, "due": self.due, "location": self.location, "id": self.id}

    def indexes(self) -> tuple[Index, Index]:
        """Return the indexes of the statement."""
        name, where = f"{self.table}_due{self.name}", text(self.part)
        return (
            Index(f"{name}_by_agency", "agency", self.due, postgresql_where=where),
            Index(f"{name}_by_location", "agency", self.location, self.due, postgresql_where=where),
        )

    async def find(
        self, tx: Transaction, now: datetime, most: int, turns: Turns | None = None
    ) -> list[tuple[Tenant, str]]:
        """Return tenants and ids of rows that are due: all of them if they are few, and otherwise up to `most` of each
        agency's locations. Of an agency come first those after the location that was served last, and within a location
        the longest due.
        """
        turns = turns or Turns()
        oldest = await (await direct.run(tx, _few(self), {"now": now, "few": FEW + 1})).fetchall()
        found = [(Tenant(agency, location), str(id)) for agency, location, id, meets in oldest if meets]
        if len(oldest) > FEW:
            # The oldest too, lest anybody waits until all agencies have been looked at.
            found = [*await self._walk(tx, now, most, turns), *found]
        else:
            found.sort(key=lambda row: (row[0].agency, row[0].location <= turns.last.get(row[0].agency, ""), row[0]))
        # Once each, where it came first.
        return list(dict.fromkeys(found))

    async def _walk(self, tx: Transaction, now: datetime, most: int, turns: Turns) -> list[tuple[Tenant, str]]:
        """Look at the agencies after those of the look before, and note in `turns` where the next one goes on."""
        values = {"now": now, "most": most, "steps": STEPS, "number": AGENCIES, "after": turns.looked}
        values |= {"agencies": list(turns.last), "served": list(turns.last.values())}
        rows = await (await direct.run(tx, _walk(self, turns.looked is not None), values)).fetchall()
        turns.looked = next((agency for kind, _, agency, *_ in rows if kind), None)
        return [(Tenant(agency, location), id) for kind, _, agency, location, id, _ in rows if not kind]


@lru_cache
def _few(rows: DueRows) -> str:
    return direct.compiled(text(rows.few))


@lru_cache
def _walk(rows: DueRows, go_on: bool) -> str:
    return direct.compiled(text(rows.walk(go_on=go_on)))


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

"""Categories and tags of a location's planner: listed, and found by the names that people give them.

Owns …/categories and …/tags. Knows no posts: those name a category and tags by id, and drop an unknown one without a
word, so that a name is looked up before it is sent.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from unicodedata import normalize

from providers.errors import OptionUnsupported
from providers.highlevel import wire
from providers.highlevel.client import Client, path
from providers.highlevel.config import PROVIDER
from providers.highlevel.errors import contract
from providers.highlevel.location_ids import place_of
from providers.highlevel.paging import next_of, skip_of
from providers.interface.access import Access
from providers.models.planner import Label, LabelPage

MAX_PAGE = 100
# How far a name is searched; HighLevel bounds neither categories nor tags.
_MAX_PAGES = 10


class Kind(NamedTuple):
    """One of the two lists: its last part of the address, where its rows stand, under what their name, its scope."""

    word: str
    plural: str
    name: str
    scope: str


CATEGORIES = Kind("category", "categories", "name", "socialplanner/category.readonly")
TAGS = Kind("tag", "tags", "tag", "socialplanner/tag.readonly")


async def page(
    client: Client, access: Access, kind: Kind, *, search: str = "", cursor: str = "", limit: int = MAX_PAGE
) -> LabelPage:
    """List one page of categories or tags that are not deleted: one call. `limit` is clamped to 1 to 100.

    What `search` matches is HighLevel's business; empty is everything. Raises ContentRefused for a cursor that is none.
    """
    where = path("social-media-posting", (await place_of(access)).location_id, kind.plural)
    skip, size = skip_of(cursor), max(1, min(limit, MAX_PAGE))
    query = wire.strings({"searchText": search or None, "limit": size, "skip": skip})
    said = await client.read(access, where, scope=kind.scope, query=query)
    if not isinstance(said.results.get(kind.plural), list):
        raise contract(f"HighLevel's answer has no list of {kind.plural}.", log_id=said.log_id)
    rows = wire.rows(said.results, kind.plural)
    total = wire.integer(said.results.get("count"))
    live = (row for row in rows if wire.identifier(row, "_id") and row.get("deleted") is not True)
    labels = (
        Label(wire.identifier(row, "_id"), wire.text(row, kind.name), wire.text(row, "primaryColor")) for row in live
    )
    return LabelPage(tuple(labels), next_of(skip, len(rows), size, total), total)


async def category_id(client: Client, access: Access, name: str, *, field: str = "category") -> str:
    """Return the id of the category of this name; see `ids_of`."""
    [found] = await ids_of(client, access, CATEGORIES, [name], field=field)
    return found


async def tag_ids(client: Client, access: Access, names: Sequence[str], *, field: str = "tags") -> tuple[str, ...]:
    """Return the ids of the tags of these names, in their order, each once; none makes no call. See `ids_of`."""
    return await ids_of(client, access, TAGS, names, field=field)


async def ids_of(client: Client, access: Access, kind: Kind, names: Sequence[str], *, field: str) -> tuple[str, ...]:
    """Find labels by name, whatever the case: one call where the location has up to 100 of them, else one more per
    name, and a few more where many match.

    Raises OptionUnsupported, which names `field` and the name, for one that nothing or more than one is called; of
    several, the one that is spelt exactly so is meant.
    """
    wanted = tuple(dict.fromkeys(names))
    if not wanted:
        return ()
    first = await page(client, access, kind)
    found = []
    for name in wanted:
        labels = first.labels if not first.next_cursor else await _searched(client, access, kind, name)
        found.append(_the_one(kind, labels, name, field))
    return tuple(dict.fromkeys(found))


async def _searched(client: Client, access: Access, kind: Kind, name: str) -> tuple[Label, ...]:
    # Whether the search reads signs as a pattern is not documented: it is asked for letters, digits and spaces only.
    search = max(re.findall(r"[\w ]+", name), key=len, default="").strip()
    labels: list[Label] = []
    cursor = ""
    for _ in range(_MAX_PAGES):
        part = await page(client, access, kind, search=search, cursor=cursor)
        labels += part.labels
        cursor = part.next_cursor
        if not cursor:
            break
    return tuple(labels)


def _the_one(kind: Kind, labels: Iterable[Label], name: str, field: str) -> str:
    alike = [each for each in labels if _folded(each.name) == _folded(name)]
    exact = [each for each in alike if each.name == name]
    found = exact if len(exact) == 1 else alike
    if len(found) == 1:
        return found[0].id
    many = f"more than one {kind.word} is" if found else f"no {kind.word} is"
    refusal = OptionUnsupported(f"In HighLevel's planner {many} called {name[:80]!r}.", field=field, provider=PROVIDER)
    refusal.metadata |= {"value": name[:80], "found": str(len(found))}
    raise refusal


def _folded(name: str) -> str:
    """Return a name as it is compared: without its case, and however its accents are put together."""
    return normalize("NFC", normalize("NFC", name).casefold()).strip()

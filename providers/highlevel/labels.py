"""Categories and tags of a location's planner: list them, and look up their ids by name.

Owns …/categories and …/tags. Does not know posts. A post refers to labels by id, and HighLevel silently drops an
unknown id, so names are looked up before a post is sent.
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
from providers.highlevel.location_ids import location_ids_of
from providers.highlevel.paging import next_of, skip_of
from providers.interface.access import Access
from providers.models.planner import Label, LabelPage

MAX_PAGE = 100
# How many pages a search reads; HighLevel limits the number of neither categories nor tags.
_MAX_PAGES = 10


class Kind(NamedTuple):
    """One of the two lists: its name, its path segment and key in answers, the key of a label's name, its scope."""

    singular: str
    plural: str
    name: str
    scope: str


CATEGORIES = Kind("category", "categories", "name", "socialplanner/category.readonly")
TAGS = Kind("tag", "tags", "tag", "socialplanner/tag.readonly")


async def page(
    client: Client, access: Access, kind: Kind, *, search: str = "", cursor: str = "", limit: int = MAX_PAGE
) -> LabelPage:
    """List one page of categories or tags that are not deleted: one call. `limit` is clamped to 1 to 100.

    HighLevel decides what `search` matches; an empty one matches everything. Raises ContentRefused for an invalid
    cursor.
    """
    where = path("social-media-posting", (await location_ids_of(access)).location_id, kind.plural)
    skip, size = skip_of(cursor), max(1, min(limit, MAX_PAGE))
    query = wire.strings({"searchText": search or None, "limit": size, "skip": skip})
    response = await client.read(access, where, scope=kind.scope, query=query)
    if not isinstance(response.results.get(kind.plural), list):
        raise contract(f"HighLevel's answer has no list of {kind.plural}.", log_id=response.log_id)
    rows = wire.rows(response.results, kind.plural)
    total = wire.integer(response.results.get("count"))
    live = (row for row in rows if wire.identifier(row, "_id") and row.get("deleted") is not True)
    labels = (
        Label(wire.identifier(row, "_id"), wire.text(row, kind.name), wire.text(row, "primaryColor")) for row in live
    )
    return LabelPage(tuple(labels), next_of(skip, len(rows), size, total), total)


async def category_id(client: Client, access: Access, name: str, *, field: str = "category") -> str:
    """Return the id of the category with this name; see `ids_of`."""
    [found] = await ids_of(client, access, CATEGORIES, [name], field=field)
    return found


async def tag_ids(client: Client, access: Access, names: Sequence[str], *, field: str = "tags") -> tuple[str, ...]:
    """Return the ids of the tags with these names, in order and without duplicates; see `ids_of`."""
    return await ids_of(client, access, TAGS, names, field=field)


async def ids_of(client: Client, access: Access, kind: Kind, names: Sequence[str], *, field: str) -> tuple[str, ...]:
    """Look up labels by name, ignoring case: no call without names, one call if the location has up to 100 labels, else
    one more per name, and further pages if many match.

    Of several matches the one with the exact spelling is meant. Raises OptionUnsupported, which names `field` and the
    name, if no label or more than one matches.
    """
    wanted = tuple(dict.fromkeys(names))
    if not wanted:
        return ()
    first = await page(client, access, kind)
    found = []
    for name in wanted:
        labels = first.labels if not first.next_cursor else await _searched(client, access, kind, name)
        found.append(_match(kind, labels, name, field))
    return tuple(dict.fromkeys(found))


async def _searched(client: Client, access: Access, kind: Kind, name: str) -> tuple[Label, ...]:
    # It is not documented whether the search treats punctuation as a pattern: only letters, digits and spaces are sent.
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


def _match(kind: Kind, labels: Iterable[Label], name: str, field: str) -> str:
    alike = [each for each in labels if _folded(each.name) == _folded(name)]
    exact = [each for each in alike if each.name == name]
    found = exact if len(exact) == 1 else alike
    if len(found) == 1:
        return found[0].id
    many = f"more than one {kind.singular} is" if found else f"no {kind.singular} is"
    error = OptionUnsupported(f"In HighLevel's planner {many} called {name[:80]!r}.", field=field, provider=PROVIDER)
    error.metadata |= {"value": name[:80], "found": str(len(found))}
    raise error


def _folded(name: str) -> str:
    """Return a name for comparison: case-folded, with composed accents."""
    return normalize("NFC", normalize("NFC", name).casefold()).strip()

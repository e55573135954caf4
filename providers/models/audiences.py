"""Audiences: lists of people by the digests of their identifiers, which ads are shown to or kept from.

Owns the dataclasses of audiences. No identifier is in any of them: digests travel in files only.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AudienceState(StrEnum):
    """What the vendor does with an audience now.

    BUILDING matches its members, for a day or two; it cannot be changed meanwhile. ACTIVE can be used. TOO_SMALL has
    fewer matches than the vendor shows ads to. FAILED says why in `error`. UNKNOWN is a status that we do not know.
    """

    BUILDING = "building"
    ACTIVE = "active"
    TOO_SMALL = "too_small"
    EXPIRED = "expired"
    FAILED = "failed"
    UNKNOWN = "unknown"


class MembersAction(StrEnum):
    """What the members of files do to an audience; there is no default, because the vendor's own one replaces all."""

    APPEND = "append"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class AudienceLimits:
    """The vendor's limits: rows of a file at least, its bytes at most, files of one call, matches of a usable audience,
    characters of a name.
    """

    min_rows: int
    max_file_bytes: int
    max_files: int
    min_matches: int
    max_name: int


@dataclass(frozen=True, slots=True)
class MembersFile:
    """A CSV file with the columns Email_SHA256, Phone_SHA256 and MAID_SHA256: its size in bytes, its MD5 in hex."""

    size: int
    md5: str


@dataclass(frozen=True, slots=True)
class AudienceChange:
    """One entry of an audience's history; `action` is None for one that changes no members."""

    action: MembersAction | None
    time: datetime | None


@dataclass(frozen=True, slots=True)
class Audience:
    """An audience as the vendor has it; `size` counts matches, None until the vendor has counted.

    `changes` is its history, newest first, as far as it was asked for. `editable` tells whether members can be appended
    or removed now.
    """

    id: str
    name: str = ""
    state: AudienceState = AudienceState.UNKNOWN
    size: int | None = None
    error: str = ""
    editable: bool = False
    create_time: datetime | None = None
    expire_time: datetime | None = None
    changes: tuple[AudienceChange, ...] = ()


@dataclass(frozen=True, slots=True)
class AudiencePage:
    """One page of audiences; the last has no `next_cursor`."""

    audiences: tuple[Audience, ...]
    next_cursor: str = ""

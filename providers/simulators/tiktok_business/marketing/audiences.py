"""Custom audiences from files: what TikTok checks of a file, and what becomes of an audience over time.

Owns: files, members, matching, history. Knows nothing of HTTP. Rules as in TikTok's help and portal (September 2025):
1,000 rows a file, 1,000 matches, not editable while it is matched, REPLACE unless another action is given.
"""

import csv
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from providers.simulators.common.ids import Entropy, number
from providers.simulators.tiktok_business.errors import VendorError

CALCULATE_TYPES = (
    "EMAIL_SHA256",
    "PHONE_SHA256",
    "IDFA_SHA256",
    "IDFA_MD5",
    "GAID_SHA256",
    "GAID_MD5",
    "MAID_SHA256",
    "MAID_MD5",
    "FIRST_SHA256",
    "FIRST_MD5",
    "MULTIPLE_TYPES",
)
# An audience is not made of all the types that a file may have.
AUDIENCE_TYPES = tuple(each for each in CALCULATE_TYPES if not each.startswith("MAID"))
ACTIONS = ("REPLACE", "APPEND", "REMOVE")
HEADERS = ("Email_SHA256", "Phone_SHA256", "MAID_SHA256", "MAID_MD5")
DIGEST = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")
MOST_BYTES = 1_000_000_000
FEWEST, MOST_OF_A_TYPE, MOST_FILES, LONGEST_NAME = 1_000, 3, 500, 128

Member = frozenset[str]
"""The digests of one row."""


@dataclass(slots=True, kw_only=True, eq=False)
class SimFile:
    """An uploaded file."""

    advertiser_id: str
    calculate_type: str
    members: frozenset[Member]


@dataclass(slots=True, kw_only=True, eq=False)
class SimAudience:
    """An audience; `ready_at` is when its members have been matched, `error_msg` why they cannot be."""

    audience_id: str
    advertiser_id: str
    name: str
    calculate_type: str
    created: datetime
    ready_at: datetime
    expires: datetime | None = None
    error_msg: str = ""
    members: set[Member] = field(default_factory=set)
    # What is counted until new members have been matched.
    counted: int = 0
    history: list[tuple[str, datetime]] = field(default_factory=list)

    @property
    def identifiers(self) -> set[str]:
        """Every digest in it."""
        return {each for member in self.members for each in member}


class AudienceBook:
    """The audiences and files of every advertiser; `written` are the writes in order, for tests' proofs."""

    def __init__(self, matching_seconds: float, match_rate: float, entropy: Entropy) -> None:
        self._matching, self._rate, self._entropy = timedelta(seconds=matching_seconds), match_rate, entropy
        self.files: dict[str, SimFile] = {}
        self.audiences: dict[str, SimAudience] = {}
        self.written: list[tuple[str, str, int]] = []

    def upload(self, advertiser_id: str, name: str, content: bytes | None, signature: str, calculate_type: str) -> str:
        """Keep a file and return its path. Raise VendorError."""
        if content is None:
            raise VendorError(40904, "file: Missing data for required field.")
        if not name.endswith((".csv", ".txt")):
            raise VendorError(40907, "file: the file type is not supported")
        if not content:
            raise VendorError(40905, "file: the file is empty")
        if len(content) >= MOST_BYTES:
            raise VendorError(40906, "file: the file is too large")
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != signature:
            raise VendorError(40900, "file_signature: does not match the file")
        if calculate_type not in CALCULATE_TYPES:
            raise VendorError(40908, "calculate_type: not supported")
        members = frozenset(_members(content.decode("utf-8", "replace").splitlines(), calculate_type))
        path = f"sim/{number(self._entropy)}"
        self.files[path] = SimFile(advertiser_id=advertiser_id, calculate_type=calculate_type, members=members)
        self.written.append(("upload", path, len(members)))
        return path

    def create(self, advertiser_id: str, values: dict[str, Any], now: datetime) -> str:
        """Make an audience of files. Raise VendorError."""
        name, calculate_type = str(values["custom_audience_name"]), values["calculate_type"]
        if not 1 <= len(name) <= LONGEST_NAME:
            raise VendorError(40002, "custom_audience_name: Length must be between 1 and 128.")
        if any(each.name == name for each in self.of(advertiser_id)):
            raise VendorError(40002, "custom_audience_name: the name is duplicated")
        if calculate_type not in AUDIENCE_TYPES:
            raise VendorError(40002, "calculate_type: Not a valid choice.")
        days = values.get("retention_in_days")
        if days is not None and not (isinstance(days, int) and 1 <= days <= 365):
            raise VendorError(40002, "retention_in_days: Must be between 1 and 365.")
        files = self._files(advertiser_id, values.get("file_paths"), calculate_type)
        audience = SimAudience(
            audience_id=str(number(self._entropy)),
            advertiser_id=advertiser_id,
            name=name,
            calculate_type=calculate_type,
            created=now,
            ready_at=now + self._matching,
            expires=now + timedelta(days=days) if days else None,
        )
        self.audiences[audience.audience_id] = audience
        self._change(audience, "CREATE", files, now)
        return audience.audience_id

    def update(self, advertiser_id: str, values: dict[str, Any], now: datetime) -> None:
        """Change the name or the members of an audience. Raise VendorError."""
        audience = self.get(advertiser_id, str(values["custom_audience_id"]))
        # Whoever leaves it out replaces everything.
        action = values.get("action", "REPLACE")
        if action not in ACTIONS:
            raise VendorError(40002, "action: Not a valid choice.")
        if not values.get("custom_audience_name") and not values.get("file_paths"):
            raise VendorError(40012)
        if values.get("custom_audience_name"):
            audience.name = str(values["custom_audience_name"])
        if values.get("file_paths"):
            files = self._files(advertiser_id, values["file_paths"], audience.calculate_type)
            if not self.is_valid(audience, now):
                raise VendorError(40002, "Audience is not editable")
            audience.counted, audience.ready_at = self.count(audience, now), now + self._matching
            self._change(audience, action, files, now)

    def delete(self, advertiser_id: str, ids: Sequence[str]) -> None:
        """Delete audiences. Raise VendorError."""
        for each in [self.get(advertiser_id, id) for id in ids]:
            del self.audiences[each.audience_id]
            self.written.append(("delete", each.audience_id, 0))

    def get(self, advertiser_id: str, id: str) -> SimAudience:
        """Return an audience of an advertiser. Raise VendorError 40007."""
        found = self.audiences.get(id)
        if found is None or found.advertiser_id != advertiser_id:
            raise VendorError(40007, "custom_audience_id: the audience does not exist")
        return found

    def of(self, advertiser_id: str) -> list[SimAudience]:
        """Return the audiences of an advertiser, newest first."""
        return [each for each in reversed(self.audiences.values()) if each.advertiser_id == advertiser_id]

    def count(self, audience: SimAudience, now: datetime) -> int:
        """Return how many members were matched."""
        return int(len(audience.members) * self._rate) if audience.ready_at <= now else audience.counted

    def is_valid(self, audience: SimAudience, now: datetime) -> bool:
        """Return whether an audience can be used and changed."""
        expired = audience.expires is not None and audience.expires <= now
        done = audience.ready_at <= now and not audience.error_msg
        return done and not expired and self.count(audience, now) >= FEWEST

    def details(self, audience: SimAudience, now: datetime) -> dict[str, Any]:
        """Return an audience as the API shows it."""
        return {
            "audience_id": audience.audience_id,
            "name": audience.name,
            "audience_type": "Customer File",
            "type": "Customer File",
            "calculate_type": audience.calculate_type,
            "cover_num": self.count(audience, now),
            "is_valid": self.is_valid(audience, now),
            "is_expiring": False,
            "create_time": _text(audience.created),
            "expired_time": _text(audience.expires) if audience.expires else "",
            "error_msg": audience.error_msg if audience.ready_at <= now else "",
            "msg": "",
            "shared": False,
            "is_creator": True,
            "owner_id": audience.advertiser_id,
            "audience_sub_type": "NORMAL",
        }

    def history(self, audience: SimAudience, size: int) -> list[dict[str, str]]:
        """Return the latest changes of an audience."""
        rows = [
            {"action": action, "action_detail": "", "editor": "API", "msg": "", "opt_time": _text(time)}
            for action, time in reversed(audience.history)
        ]
        return rows[:size]

    def _files(self, advertiser_id: str, paths: object, calculate_type: str) -> list[SimFile]:
        if not isinstance(paths, list) or not 1 <= len(paths) <= MOST_FILES:
            raise VendorError(40002, f"file_paths: Length must be between 1 and {MOST_FILES}.")
        found = [self.files.get(str(path)) for path in paths]
        files = [each for each in found if each is not None and each.advertiser_id == advertiser_id]
        if len(files) != len(paths):
            raise VendorError(40909, "file_paths: the file is expired or does not exist")
        if any(each.calculate_type != calculate_type for each in files):
            raise VendorError(40002, "calculate_type: does not match the files")
        return files

    def _change(self, audience: SimAudience, action: str, files: Sequence[SimFile], now: datetime) -> None:
        members = {member for file in files for member in file.members}
        if action == "REMOVE":
            gone = {each for member in members for each in member}
            audience.members = {each for each in audience.members if not each & gone}
        else:
            audience.members = members if action == "REPLACE" else audience.members | members
        audience.history.append((action, now))
        self.written.append((action.lower(), audience.audience_id, len(members)))


def _members(lines: Sequence[str], calculate_type: str) -> list[Member]:
    """Return the rows of a file. Raise VendorError for a header, a value or a number of rows that TikTok refuses."""
    rows = list(csv.reader(lines))
    if calculate_type == "MULTIPLE_TYPES":
        header, rows = rows[0], rows[1:]
        if any(name not in HEADERS or header.count(name) > MOST_OF_A_TYPE for name in header):
            raise VendorError(40910, "file: the header is not supported")
    if len(rows) < FEWEST:
        raise VendorError(40910, f"file: must have at least {FEWEST} rows")
    found = [frozenset(cell for cell in row if cell) for row in rows]
    if any(not DIGEST.fullmatch(each) for member in found for each in member):
        raise VendorError(40062)
    if not all(found):
        raise VendorError(40916, "file: a row has no identifier")
    return found


def _text(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"

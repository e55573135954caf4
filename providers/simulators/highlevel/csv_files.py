"""Files of posts: which are read, and what a row says.

Owns: the reading of CSV. Knows nothing of HTTP, nor of accounts.
"""

import csv
import io
import mimetypes
from typing import Any

from providers.simulators.highlevel.errors import CsvRefusal
from providers.simulators.highlevel.validation import parse_instant

# Column names are not in the API's documentation; a column counts by how it begins, so that "videoUrls (comma …)" does.
REQUIRED = ("postAtSpecificTime", "content")
MEDIA = ("imageUrls", "gifUrl", "videoUrls")
# Advanced files name TikTok's levels in words of their own: documentation of the CSV import, read 2026-11-20.
LEVELS = {"everyone": "PUBLIC_TO_EVERYONE", "friends": "MUTUAL_FOLLOW_FRIENDS", "only_me": "SELF_ONLY"}
TIKTOK = "tiktokPrivacy"


def read(name: str, data: bytes) -> list[dict[str, str]]:
    """The rows of a file, by the beginnings of its columns. Raises CsvRefusal."""
    if not name.lower().endswith(".csv"):
        # The API takes .xlsx too; this simulator does not read it.
        raise CsvRefusal("CSV_UNSUPPORTED_EXTENSION", "File extension is not supported")
    if not data.strip():
        raise CsvRefusal("CSV_EMPTY_FILE", "File is empty")
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig")), strict=True)
        headers = list(reader.fieldnames or ())
        rows = [{_short(each): row[each] or "" for each in headers} for row in reader]
    except (UnicodeDecodeError, csv.Error):
        raise CsvRefusal("CSV_INVALID_FORMAT", "File is not a valid CSV") from None
    if missing := [each for each in REQUIRED if not any(header.startswith(each) for header in headers)]:
        raise CsvRefusal("CSV_MISSING_HEADERS", f"Missing headers: {', '.join(missing)}")
    if not rows:
        raise CsvRefusal("CSV_NO_VALID_POST", "File has no post")
    return rows


def _short(header: str) -> str:
    return next((each for each in (*REQUIRED, *MEDIA, TIKTOK) if header.startswith(each)), header)


def body_of(row: dict[str, str]) -> dict[str, Any]:
    """The body of create that a row stands for, without accounts and user. Local times are taken as UTC here."""
    time = parse_instant(row["postAtSpecificTime"])
    urls = [url.strip() for name in MEDIA for url in row.get(name, "").split(",") if url.strip()]
    body: dict[str, Any] = {
        "type": "post",
        "status": "scheduled",
        "summary": row["content"],
        "media": [{"url": url, "type": mimetypes.guess_type(url)[0] or "application/octet-stream"} for url in urls],
    }
    if time is not None:
        body["scheduleDate"] = time.isoformat()
    if row.get(TIKTOK):
        body["tiktokPostDetails"] = {"privacyLevel": LEVELS.get(row[TIKTOK], row[TIKTOK])}
    return body

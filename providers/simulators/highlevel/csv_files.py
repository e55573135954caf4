"""CSV files of posts: which are accepted, and what a row means.

Owns: parsing CSV. Knows nothing of HTTP or accounts.
"""

import csv
import io
import mimetypes
from typing import Any

from providers.simulators.highlevel.errors import CsvRefusal
from providers.simulators.highlevel.validation import parse_instant

# Column names are not in the API's documentation; columns are matched by prefix, as in "videoUrls (comma …)".
REQUIRED = ("postAtSpecificTime", "content")
MEDIA = ("imageUrls", "gifUrl", "videoUrls")
# Advanced files have other names for TikTok's privacy levels: documentation of the CSV import, read 2026-11-20.
LEVELS = {"everyone": "PUBLIC_TO_EVERYONE", "friends": "MUTUAL_FOLLOW_FRIENDS", "only_me": "SELF_ONLY"}
TIKTOK = "tiktokPrivacy"


def read(name: str, data: bytes) -> list[dict[str, str]]:
    """Return the rows of a file, keyed by the column prefixes. Raise CsvRefusal."""
    if not name.lower().endswith(".csv"):
        # The API also accepts .xlsx; this simulator does not.
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
    """Return a row as a body of create, without accounts and user. Local times are interpreted as UTC here."""
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

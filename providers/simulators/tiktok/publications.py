"""Publications, from init to post; each becomes a post at most once.

Owns: the state of a publish_id, its chunk plan, the bytes it received. Knows nothing of HTTP or of who may publish.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.simulators.tiktok.errors import VendorError

FINAL = ("PUBLISH_COMPLETE", "FAILED")
FAIL_REASONS = (
    "file_format_check_failed",
    "duration_check_failed",
    "frame_rate_check_failed",
    "picture_size_check_failed",
    "internal",
    "video_pull_failed",
    "photo_pull_failed",
    "publish_cancelled",
    "auth_removed",
    "spam_risk_too_many_posts",
    "spam_risk_user_banned_from_posting",
    "spam_risk_text",
    "spam_risk",
)
# Page "Media Transfer Guide" of developers.tiktok.com, read 2026-11-20, does not define MB. 66,259,900 bytes in one
# chunk are refused, so the maximum is decimal; 5,242,880 is accepted, and the minimum is assumed to be decimal too. The
# final chunk is below twice the chunk size, hence always under its 128 MB.
SMALLEST_CHUNK = 5_000_000
LARGEST_CHUNK = 64_000_000
MOST_CHUNKS = 1_000
LARGEST_FILE = 4 * 1024**3


def check_plan(size: int, chunk_size: int, count: int) -> None:
    """Accept a plan of `count` chunks of `chunk_size` bytes for `size` bytes. Raise VendorError invalid_params."""
    if not 1 <= size <= LARGEST_FILE:
        raise VendorError("invalid_params", "The video size is invalid")
    single_chunk = chunk_size == size and size <= LARGEST_CHUNK
    if not single_chunk and not SMALLEST_CHUNK <= chunk_size <= min(LARGEST_CHUNK, size):
        raise VendorError("invalid_params", "The chunk size is invalid")
    if count != size // chunk_size or count > MOST_CHUNKS:
        raise VendorError("invalid_params", "The total chunk count is invalid")


class Received:
    """The bytes of one upload: counted and hashed as they arrive, stored only with `keep`.

    Only complete chunks count. The hash before each stored chunk is kept, so that the last one can be forgotten.
    """

    def __init__(self, *, keep: bool) -> None:
        self.size = 0
        self.data: bytearray | None = bytearray() if keep else None
        self._hash = hashlib.sha256()
        self._before: list[tuple[int, Any]] = []

    @property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of the stored bytes."""
        return str(self._hash.hexdigest())

    @property
    def last_chunk(self) -> tuple[int, int] | None:
        """Begin and end (exclusive) of the last stored chunk, or None."""
        return (self._before[-1][0], self.size) if self._before else None

    def chunk(self) -> "Chunk":
        """Return a new chunk that begins where the stored bytes end."""
        return Chunk(self._hash.copy(), [] if self.data is not None else None)

    def store(self, chunk: "Chunk") -> None:
        """Store a complete chunk."""
        self._before.append((self.size, self._hash))
        self._hash = chunk.hash
        self.size += chunk.size
        if self.data is not None:
            self.data += b"".join(chunk.pieces or ())

    def forget_last(self) -> None:
        """Forget the last stored chunk, as a vendor's storage may."""
        if self._before:
            self.size, self._hash = self._before.pop()
            if self.data is not None:
                del self.data[self.size :]


@dataclass(slots=True)
class Chunk:
    """A chunk that is being received."""

    hash: Any
    pieces: list[bytes] | None
    size: int = 0

    def feed(self, piece: bytes) -> None:
        """Add the next bytes."""
        self.hash.update(piece)
        self.size += len(piece)
        if self.pieces is not None:
            self.pieces.append(piece)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A post, and its row in the ledger. `sha256` is of the received bytes; `time` is aware UTC."""

    publish_id: str
    open_id: str
    sha256: str
    size: int
    mode: str
    title: str
    post_info: dict[str, Any]
    post_id: int
    time: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Publication:
    """One publish_id. `mode` is DIRECT_POST, INBOX (video draft) or MEDIA_UPLOAD (photo draft).

    `ready_at` is when all its bytes were received; `public_post_ids` are the ids of its publicly visible posts.
    """

    publish_id: str
    open_id: str
    mode: str
    media: str
    source: str
    init_at: datetime
    received: Received
    post_info: dict[str, Any] = field(default_factory=dict)
    urls: tuple[str, ...] = ()
    size: int = 0
    chunk_size: int = 0
    chunk_count: int = 0
    upload_id: str = ""
    upload_token: str = ""
    upload_expires_at: datetime | None = None
    ready_at: datetime | None = None
    status: str = "PROCESSING_UPLOAD"
    fail_reason: str = ""
    posts: list[Post] = field(default_factory=list)
    public_post_ids: set[int] = field(default_factory=set)

    @property
    def is_draft(self) -> bool:
        """Whether it goes to the user's inbox instead of the profile."""
        return self.mode != "DIRECT_POST"

    @property
    def publish_type(self) -> str:
        """The `publish_type` of webhook events."""
        return "INBOX_SHARE" if self.is_draft else "DIRECT_PUBLISH"

    @property
    def pull_failed(self) -> str:
        """The fail reason of a pull that could not fetch all media."""
        return "video_pull_failed" if self.media == "VIDEO" else "photo_pull_failed"

    @property
    def processing(self) -> bool:
        """Whether its bytes are still being received or processed."""
        return self.status in ("PROCESSING_UPLOAD", "PROCESSING_DOWNLOAD")

    @property
    def unfinished_draft(self) -> bool:
        """Whether it occupies one of the five draft slots: started, neither posted nor failed."""
        return self.is_draft and self.status not in FINAL

    def next_chunk_end(self) -> int | None:
        """Return the end (exclusive) of the chunk that is expected next; None when all bytes are stored.

        The last chunk has the remainder.
        """
        start = self.received.size
        if start >= self.size:
            return None
        return self.size if start // self.chunk_size == self.chunk_count - 1 else start + self.chunk_size

    def fail(self, reason: str) -> None:
        """Fail without a post."""
        self.status, self.fail_reason = "FAILED", reason

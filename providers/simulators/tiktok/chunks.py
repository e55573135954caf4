"""How a file is split into chunks.

Owns: which chunk plans are accepted, and where each chunk ends. Knows nothing of uploads.
"""

from providers.simulators.tiktok.errors import VendorError

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


def chunk_end(start: int, size: int, chunk_size: int, count: int) -> int:
    """Return the end (exclusive) of the chunk that begins at `start`; the last chunk has the remainder."""
    return size if start // chunk_size == count - 1 else start + chunk_size

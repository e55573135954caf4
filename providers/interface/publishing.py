"""Submitting a post to a vendor in steps that can each be resumed, and polling its status.

Owns the contract that keeps a post from being published twice: every method makes at most one vendor call and never
retries a write. The caller's journal remembers what is needed between the steps.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from providers.interface.access import Access
from providers.models.publishing import Begun, FoundPost, PublishRequest, PublishStatus, Transferred, VideoFile
from providers.models.secret import Secret
from providers.models.videos import VideoMetrics


class Publishing(Protocol):
    """Publishing at one vendor."""

    def check(self, request: PublishRequest) -> None:
        """Validate a request without any vendor call, for preflight checks and `validate_only`.

        Raises CapabilityMissing, OptionUnsupported (names the option), ContentRefused. `begin` checks the same again.
        """
        ...

    async def begin(self, access: Access, request: PublishRequest) -> Begun:
        """Submit a post: one write, and a second one only after the vendor refused the token.

        Submitting a file that is transferred afterwards publishes nothing yet. Any other content may be published by
        this call: Ambiguous (the answer was lost), ContractBroken and an error that is `unproven` then mean that it
        may have been; every other error means that nothing happened. Raises Temporary (nothing was sent),
        CreatorBlocked, ContentRefused, ScopeNotGranted, TokenRefused, Misconfigured (the upload URL is outside the
        allow-list).
        """
        ...

    async def store(
        self, access: Access, file: VideoFile, body: Callable[[], AsyncIterator[bytes]], *, name: str
    ) -> Secret:
        """Upload a file to the media library of a vendor that publishes from there; return its URL. Publishes nothing.

        `name` is shown in the library and must be different for each call. Storing again, also after Ambiguous, only
        leaves an extra file. Raises what `send_chunk` raises, and CapabilityMissing.
        """
        ...

    async def send_chunk(
        self,
        upload_url: Secret,
        file: VideoFile,
        *,
        first: int,
        end: int,
        body: Callable[[], AsyncIterator[bytes]],
    ) -> Transferred:
        """Send bytes [first, end) of the file; `body` opens a new stream of exactly those bytes.

        Sending a chunk again to the same URL is safe. A range that the vendor did not expect is not an error: the
        result says how much it has. Raises UploadGone (expired, or unknown because it is complete), Ambiguous (5xx or
        no answer: the bytes may have arrived), Temporary (nothing was sent), Rejected, Misconfigured (a URL outside
        the allow-list), and what `body` raises.
        """
        ...

    async def status(self, access: Access, publish_id: str) -> PublishStatus:
        """Return the status of a publish: a read, one vendor call. Raises NotFound for an id unknown to the vendor."""
        ...

    async def metrics(self, access: Access, publish_id: str, post_ids: Sequence[str]) -> Mapping[str, VideoMetrics]:
        """Read the counts of what a publish became, by the vendor's post ids: a read, one vendor call for each 20.

        What the vendor has no counts of is left out. Raises NotFound, ScopeNotGranted.
        """
        ...

    async def find(self, access: Access, account: str, *, since: datetime, until: datetime) -> tuple[FoundPost, ...]:
        """List what an account posted or planned between two times, to find out whether a lost answer made a post.

        Reads a few pages at most. Raises ProviderError, ContractBroken if the vendor returns only part of the list.
        """
        ...

    async def cancel(self, access: Access, publish_id: str) -> None:
        """Ask the vendor to cancel what is not published yet; `status` shows later whether it did.

        Raises Rejected if it is too late or cannot be cancelled, NotFound, Ambiguous (repeating is safe).
        """
        ...

    def public_uri(self, username: str, post_id: str, *, photos: bool = False) -> str:
        """Return the public URL of a published post, empty if it cannot be derived from the arguments."""
        ...

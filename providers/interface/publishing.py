"""Handing a post to a vendor, in steps that can each be resumed, and asking what became of it.

Owns the contract that keeps a post from being published twice: every method makes at most one vendor call and never
repeats a write by itself. What must be remembered between steps is the caller's journal's business.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Protocol

from providers.interface.access import Access
from providers.models.publishing import Begun, FoundPost, PublishRequest, PublishStatus, Transferred, VideoFile
from providers.models.secret import Secret


class Publishing(Protocol):
    """Publishing at one vendor."""

    def check(self, request: PublishRequest) -> None:
        """Refuse, without any vendor call, a request that can never be handed over: for pre-flight and `validate_only`.

        Raises CapabilityMissing, OptionUnsupported (names the option), ContentRefused. `begin` checks the same again.
        """
        ...

    async def begin(self, access: Access, request: PublishRequest) -> Begun:
        """Announce a post: one call that writes, and one more only after the vendor refused the token.

        A file that is sent afterwards posts nothing by being announced. Anything else may publish by itself: then
        Ambiguous (the answer was lost) and ContractBroken say that it may be published, else that nothing happened.
        Raises Temporary (nothing was sent), CreatorBlocked, ContentRefused, ScopeNotGranted, TokenRefused,
        Misconfigured (the upload address is outside the allow-list).
        """
        ...

    async def store(
        self, access: Access, file: VideoFile, body: Callable[[], AsyncIterator[bytes]], *, name: str
    ) -> Secret:
        """Put a file into the vendor's library, where it announces from there; give its address. Posts nothing.

        `name` is what the library shows, different for each call. Storing again, also after Ambiguous, leaves one
        file too many and does no other harm. Raises what `send_chunk` raises, and CapabilityMissing.
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
        """Send bytes [first, end) of the file; `body` opens a fresh stream of exactly those bytes.

        Sending a chunk again on its own address is safe. A range the vendor did not expect is no error: the answer says
        how much it has. Raises UploadGone (expired, or unknown because it is done), Ambiguous (5xx or no answer: the
        bytes may have arrived), Temporary (nothing was sent), Rejected, Misconfigured (an address outside the
        allow-list), and whatever `body` raises.
        """
        ...

    async def status(self, access: Access, publish_id: str) -> PublishStatus:
        """Ask how a publish stands: a read, one vendor call. Raises NotFound when the vendor does not know the id."""
        ...

    async def find(self, access: Access, account: str, *, since: datetime, until: datetime) -> tuple[FoundPost, ...]:
        """List what an account posted, or has planned, between the two times, to look for what a lost answer made.

        A read of a few pages at most. Raises ProviderError, ContractBroken when the vendor shows only a part of it.
        """
        ...

    async def cancel(self, access: Access, publish_id: str) -> None:
        """Ask the vendor to stop what is not published yet. Its status tells later whether it did.

        Raises Rejected when it is too late or nothing that can be stopped, NotFound, Ambiguous (asking again is safe).
        """
        ...

    def public_uri(self, username: str, post_id: str, *, photos: bool = False) -> str:
        """Return the page where a published post can be seen, empty when it cannot be told from these."""
        ...

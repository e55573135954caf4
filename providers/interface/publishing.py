"""Handing a post to a vendor, in steps that can each be resumed.

Owns the contract that keeps a post from being published twice: every method makes at most one vendor call and never
repeats a write by itself. What must be remembered between steps is the caller's journal's business.
"""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from providers.interface.access import Access
from providers.models.publishing import Begun, PhotoOrder, PublishStatus, PullOrder, Transferred, VideoFile, VideoOrder
from providers.models.secret import Secret


class Publishing(Protocol):
    """Publishing at one vendor."""

    def check_video(self, order: VideoOrder) -> None:
        """Refuse, without any vendor call, an order that can never be handed over: for pre-flight and `validate_only`.

        Raises CapabilityMissing, OptionUnsupported (names the option), ContentRefused. `begin_video` checks the same
        again.
        """
        ...

    async def begin_video(self, access: Access, order: VideoOrder) -> Begun:
        """Announce a video that will be sent as a file. Posts nothing by itself.

        One vendor call, and one more only after the vendor refused the token. Raises Ambiguous when the answer was lost
        (nothing was posted: begin again), Temporary (nothing was sent), CreatorBlocked, ContentRefused,
        ScopeNotGranted, TokenRefused, Misconfigured (the upload address is outside the allow-list), ContractBroken
        (nothing happened).
        """
        ...

    def check_pull(self, order: PullOrder) -> None:
        """Refuse, as `check_video` does, a pull that can never be begun. Raises what `check_video` raises."""
        ...

    async def begin_pull(self, access: Access, order: PullOrder) -> Begun:
        """Announce a video that the vendor fetches itself. May publish by itself: one vendor call, never repeated.

        Raises what `begin_video` raises, but Ambiguous and ContractBroken say that it may be published.
        """
        ...

    def check_photos(self, order: PhotoOrder) -> None:
        """Refuse, as `check_video` does, photos that can never be handed over. Raises what `check_video` raises."""
        ...

    async def begin_photos(self, access: Access, order: PhotoOrder) -> Begun:
        """Announce photos that the vendor fetches itself. May publish by itself: see `begin_pull`."""
        ...

    async def cancel(self, access: Access, publish_id: str) -> None:
        """Ask the vendor to stop a pull: one vendor call. Its status tells later whether it did.

        Raises Rejected when it is too late or nothing that can be stopped, NotFound, Ambiguous (asking again is safe).
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

    def public_uri(self, username: str, post_id: str, *, photos: bool = False) -> str:
        """Give the page where a published post can be seen, empty when it cannot be told from these."""
        ...

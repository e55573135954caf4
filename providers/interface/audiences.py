"""Audiences at a vendor: files of digests, and the lists that are made of them.

Owns the contract that keeps a member from being lost and a list from being replaced: a change names what it does, and a
write is one call that is never repeated here. Reads may be repeated.

Every method raises TokenRefused, ScopeNotGranted, Rejected (the ad account is not one of the grant's), Temporary
(nothing was sent or done) and ContractBroken, beside what it says itself.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from providers.interface.access import Access
from providers.models.audiences import Audience, AudienceLimits, AudiencePage, MembersAction, MembersFile


class Audiences(Protocol):
    """Audiences of one vendor's ad accounts; `account` is the vendor's id of one, `key` 64 hex digits of ours."""

    @property
    def limits(self) -> AudienceLimits:
        """The vendor's limits."""
        ...

    async def upload(
        self, access: Access, account: str, file: MembersFile, body: Callable[[], AsyncIterator[bytes]]
    ) -> str:
        """Upload a file and return the path by which the other calls name it: one write.

        `body` opens a new stream of exactly `file.size` bytes. A file changes nothing until an audience is made of it,
        so that repeating is safe, also after Ambiguous. Raises ContentRefused (too few rows, a wrong MD5), Ambiguous,
        and what `body` raises.
        """
        ...

    async def create(self, access: Access, account: str, name: str, paths: Sequence[str], *, key: str) -> str:
        """Make an audience of files and return its id: one write.

        `key` is part of its name at the vendor, so that `find_created` can tell. Raises UploadGone (the vendor forgot
        the files), ContentRefused, ValueError (no files, or more than the limit), and Ambiguous: it may exist, ask
        `find_created` before any repeat.
        """
        ...

    async def find_created(self, access: Access, account: str, key: str) -> Audience | None:
        """Return the audience that `create` made with this key, None if there is none: one vendor call for 100 others.

        A vendor may show a new audience with a delay of seconds: None soon after the call is not a proof.
        """
        ...

    async def change(self, access: Access, account: str, id: str, action: MembersAction, paths: Sequence[str]) -> None:
        """Append the members of files to an audience, or remove them from it: one write.

        An audience is a set: the same files with the same action once more change nothing, also after Ambiguous, and
        its history tells whether that is needed. Raises Unavailable while the vendor cannot change it (nothing was
        done), UploadGone (the vendor forgot the files), NotFound, ContentRefused, ValueError, Ambiguous.
        """
        ...

    async def get(self, access: Access, account: str, ids: Sequence[str]) -> tuple[Audience, ...]:
        """Read audiences with their latest changes: one vendor call for 100 ids at most; unknown ids are left out."""
        ...

    async def page(self, access: Access, account: str, *, cursor: str = "") -> AudiencePage:
        """List the audiences of an ad account without their history: one vendor call.

        Raises ContentRefused (an invalid cursor).
        """
        ...

    async def delete(self, access: Access, account: str, id: str) -> None:
        """Delete an audience: one write, safe to repeat. One that is gone is no error.

        Raises ContentRefused (an ad group uses it), Ambiguous.
        """
        ...

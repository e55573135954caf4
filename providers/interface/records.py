"""The records that a vendor's planner keeps of posts: read many at once, changed, taken away.

Owns the contract of a planner's own copy. What is on the network already is not touched by it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from providers.interface.access import Access
from providers.models.publishing import PublishRequest, PublishStatus


class Records(Protocol):
    """A planner's records of posts."""

    async def statuses(
        self, access: Access, publish_ids: Sequence[str], *, since: datetime, until: datetime
    ) -> Mapping[str, PublishStatus]:
        """Ask how many publishes stand, all made or planned between the two times: one call for a page of them.

        One that is missing among the answers must be asked for by itself.
        """
        ...

    async def edit(self, access: Access, publish_id: str, request: PublishRequest) -> None:
        """Put the request's words, options and time in place of those of a post that is not published yet.

        Its media stay as they are. Asking again is safe, also after Ambiguous. Raises NotFound, Rejected when it is too
        late, ContentRefused when media would be lost or when the planner took something else than it was given.
        """
        ...

    async def delete(self, access: Access, publish_id: str) -> None:
        """Take the record away; a published post stays on its network. One that is gone is no error."""
        ...

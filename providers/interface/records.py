"""The records that a vendor's planner keeps of posts: read many at once, edited, deleted.

Owns the contract of the planner's own copy. Posts that are already on the network are not touched.
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
        """Return the status of many publishes created or planned between two times: one vendor call for each page.

        One that is missing in the result must be looked up on its own.
        """
        ...

    async def edit(self, access: Access, publish_id: str, request: PublishRequest) -> None:
        """Replace the texts, options and schedule time of a post that is not published yet with those of the request.

        Its media stay unchanged. Repeating it is safe, also after Ambiguous, because it never publishes: a post without
        a time in the future is Rejected. Raises NotFound, Rejected if it is too late, ContentRefused if media would be
        lost or if the planner stored something other than it was sent.
        """
        ...

    async def delete(self, access: Access, publish_id: str) -> None:
        """Delete the record; a published post stays on its network. A missing record is not an error."""
        ...

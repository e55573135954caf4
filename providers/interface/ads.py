"""Paid campaigns at a vendor: ad accounts, the tree below them, creatives, reports.

Owns the contract that keeps money from being spent twice or unasked: a write is one call that is never repeated here,
what is created is paused, and only `switch` starts a delivery. The caller's journal remembers what is needed between
the steps. Reads may be repeated.

Every method that makes a call raises TokenRefused, ScopeNotGranted, Rejected (also: the ad account is not one of the
grant's), Temporary (nothing was sent or done) and, if it only reads, ContractBroken, beside what it says itself.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from providers.interface.access import Access
from providers.models.ads import (
    AdAccount,
    AdLevel,
    AdMedia,
    AdMediaFile,
    AdMediaKind,
    AdNode,
    AdPage,
    AdParents,
    AdQuery,
    AuthorizedPost,
    Difference,
    IdentityPage,
    ItemError,
    PostAuthorization,
    ReportPage,
    ReportQuery,
    ReportRow,
    ReportTask,
    Spec,
    Switch,
)


class Ads(Protocol):
    """Paid campaigns at one vendor; `account` is an ad account as `ad_accounts` returned it, `key` 64 hex digits."""

    async def ad_accounts(self, access: Access) -> tuple[AdAccount, ...]:
        """Return all ad accounts that the grant reaches: one vendor call, and one more for each 100 of them."""
        ...

    def check(
        self, account: AdAccount, spec: Spec, *, parents: AdParents, now: datetime, before: Spec | None = None
    ) -> None:
        """Validate what is to be created, or updated if `before` says how the vendor has it; no call.

        Raises OptionUnsupported (the vendor has no such option, value or change), ContentRefused (a rule is broken: a
        minimum budget, a schedule, a length). Each names our field in its metadata under `field`
        (`budget.amount`, `targeting.age_bands`), ContentRefused with the bound under `allowed` where there is one.
        """
        ...

    async def create(self, access: Access, account: AdAccount, spec: Spec, *, parents: AdParents, key: str) -> AdNode:
        """Create one node, paused: a few reads where names have to be looked up, then one write.

        The answer is what the vendor's answer to the write says: read it back with `find` and compare it with
        `differences`, because vendors drop what they do not like without a word, even the pause. `key` is the vendor's
        deduplication id where it has one, and part of the name there, so that `find_created` can tell.

        Raises what `check` raises (without the rules that depend on the time), and Ambiguous. After Ambiguous and after
        an error that is `unproven` it may have been created: ask `find_created` before any repeat, which must have the
        same key. Any other error means that nothing was created.
        """
        ...

    async def find_created(
        self, access: Access, account_id: str, spec: Spec, *, parents: AdParents, key: str
    ) -> AdNode | None:
        """Return the node that `create` made of this spec with this key, None if there is none, deleted ones included.

        One vendor call, more where there are many nodes. Vendors show a new node with a delay of seconds at
        times: None soon after the call is not a proof.
        """
        ...

    def differences(self, spec: Spec, node: AdNode) -> tuple[Difference, ...]:
        """Compare what was wanted with what the vendor has; no call. A node that is not paused is a difference."""
        ...

    async def find(
        self, access: Access, account_id: str, query: AdQuery, *, cursor: str = "", limit: int = 100
    ) -> AdPage:
        """Read nodes as the vendor has them: one vendor call, one more if one of the page is rejected, for its reason,
        and once a day one more for the names of regions.

        `limit` is clamped to the vendor's maximum. Unknown ids are left out. Raises ContentRefused (an invalid cursor).
        """
        ...

    async def update(
        self,
        access: Access,
        account: AdAccount,
        id: str,
        spec: Spec,
        *,
        before: Spec,
        tag: str,
        parents: AdParents,
    ) -> None:
        """Change what differs between `before`, as `find` returned it with its `tag`, and `spec`: one write after a few
        reads.

        Nothing is called if nothing differs. A node that is delivered keeps being delivered, with its new budget.
        Repeating it is safe, also after Ambiguous: read the node first. Raises what `check` raises for an update,
        NotFound, Ambiguous.
        """
        ...

    async def switch(
        self, access: Access, account_id: str, level: AdLevel, ids: Sequence[str], switch: Switch
    ) -> Mapping[str, ItemError]:
        """Set nodes of a level to `switch`: one write for 20 ids at most; return those that the vendor refused.

        ENABLED may spend money at once if the nodes above are enabled and the review is done. Repeating it is safe,
        also after Ambiguous, which means that it may have happened to any of them. Raises ValueError for more ids.
        """
        ...

    async def upload_media(
        self,
        access: Access,
        account_id: str,
        file: AdMediaFile,
        body: Callable[[int, int], AsyncIterator[bytes]],
        *,
        key: str,
    ) -> AdMedia:
        """Upload a file to the ad account's library: one write, or for a large file one for each chunk and two more.

        `body(first, end)` opens a new stream of exactly the bytes [first, end). The name in the library comes from
        `key`: if a file of that name is there already, it is looked up and returned. Repeating it with the same key is
        safe, also after Ambiguous. Raises ContentRefused, Ambiguous, and what `body` raises.
        """
        ...

    async def media(
        self, access: Access, account_id: str, kind: AdMediaKind, ids: Sequence[str]
    ) -> tuple[AdMedia, ...]:
        """Read files of the library, to see whether they are ready: one vendor call for 60 ids at most.

        Unknown ids are left out.
        """
        ...

    async def covers(self, access: Access, account_id: str, video_id: str) -> tuple[AdMedia, ...]:
        """Return images that the vendor suggests as covers of a video, best first: one vendor call.

        Raises Unavailable while the video is not transcoded.
        """
        ...

    async def identities(self, access: Access, account_id: str, *, cursor: str = "", limit: int = 100) -> IdentityPage:
        """List as whom the ad account may show ads: one vendor call. Raises ContentRefused (an invalid cursor)."""
        ...

    async def authorize_post(self, access: Access, account_id: str, code: str) -> AuthorizedPost:
        """Redeem a code by which the author of a post lets the ad account advertise it: one write and one read.

        Redeeming the same code again is safe, also after Ambiguous. Raises ContentRefused (the code is not valid).
        """
        ...

    async def share_post(self, access: Access, post_id: str, *, days: int) -> PostAuthorization:
        """Make the code with which an ad account can advertise a post, for some days: one write and one read.

        `access` is to the grant of the account that published the post, not an advertiser's. Repeating it is safe, and
        returns the code that is there. Raises CapabilityMissing (such grants cannot), OptionUnsupported (`days`),
        NotFound.
        """
        ...

    async def report(
        self, access: Access, account_id: str, query: ReportQuery, *, cursor: str = "", limit: int = 1000
    ) -> ReportPage:
        """Read one page of a report: one vendor call. The last days may still change.

        Raises OptionUnsupported, which names the field (`dimensions`, `metrics`, `end`: a span that is too long),
        ContentRefused (an invalid cursor).
        """
        ...

    def check_long_report(self, query: ReportQuery) -> None:
        """Raise OptionUnsupported, which names the field, for what a long report cannot have; no call.

        Such a report has no limit of days or rows, but not every combination of dimensions and metrics.
        """
        ...

    async def request_report(self, access: Access, account_id: str, query: ReportQuery) -> str:
        """Let the vendor make a long report, and return the id of its task: one write.

        Repeating it is safe: another task costs quota, and nothing else. Raises ContentRefused, Ambiguous.
        """
        ...

    async def report_task(self, access: Access, account_id: str, id: str) -> ReportTask:
        """Return how far a long report is: one vendor call. Raises ContentRefused (the vendor has no such task)."""
        ...

    def report_rows(self, access: Access, account_id: str, id: str, query: ReportQuery) -> AsyncIterator[ReportRow]:
        """Yield the rows of a long report that is made, in the vendor's order: one vendor call, streamed.

        Memory does not grow with the rows. Raises Unavailable if it breaks, also between rows; ContractBroken.
        """
        ...

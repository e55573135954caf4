"""Reading the comments below an account's videos, for a sync: page by page, replies too, until nothing is missing.

Owns when a scan of a video ends, and what is deleted then. Each step is one vendor call and one transaction.
"""

from collections.abc import Mapping
from typing import Any

from gateway.domain.engagement import store
from gateway.domain.engagement.sync_run import Reading, empty_pages, end, is_passed_over, is_too_empty, moved
from providers.errors import NotFound, ProviderError, ScopeNotGranted
from providers.models.engagement import CommentPage
from storage import engagement, engagement_videos
from storage.database import Transaction
from storage.engagement import StoredComment
from storage.engagement_syncs import RunRow
from storage.engagement_videos import VideoRow

COMMENT_PAGE = 30


async def read_comments(reading: Reading) -> RunRow | None:
    """Read one page of comments of the video that is next, or of replies to one of its comments."""
    location, account = reading.account.location, reading.account.id
    async with reading.domain.db.read() as tx:
        video = await engagement_videos.next_scan(tx, location, account)
        parent = None
        if video is not None and video.scan_cursor == _TOP_DONE:
            parent = await engagement.next_replies(tx, location, account, video.video)
    if video is None:
        await end(reading.domain, reading.run, None)
        return None
    try:
        if video.scan_cursor != _TOP_DONE:
            return await _read_page(reading, video)
        return await (_finish_scan(reading, video) if parent is None else _read_replies(reading, video, parent))
    except ScopeNotGranted:
        # The grant has lost the scope of comments: what was read counts, and the videos stay to be scanned.
        await end(reading.domain, reading.run, None)
        return None
    except ProviderError as error:
        if not is_passed_over(reading, error, video=video.video, comment="" if parent is None else parent.comment):
            raise
        return await _pass_over(reading, video, parent)


async def _pass_over(reading: Reading, video: VideoRow, parent: StoredComment | None) -> RunRow | None:
    """Go on without a video, which the next sync reads again, or without the replies to one of its comments."""
    async with reading.domain.db.transaction() as tx:
        key = (tx, video.location, video.account)
        if parent is None:
            await engagement_videos.change_video(*key, video.video, **_UNREAD)
        else:
            await engagement.change_comment(*key, parent.comment, replies_due=False)
        return await moved(tx, reading, cursor="", video="")


_UNREAD: Mapping[str, Any] = {"scan_due": False, "scan_cursor": "", "scan_time": None}
"""What a video has that is left in this sync, and read by the next one."""

_TOP_DONE = "done"
"""The cursor of a scan that has read every comment directly below the video."""


async def _list(reading: Reading, video: VideoRow, *, parent: str = "", cursor: str = "") -> CommentPage | None:
    """Return one page; None if the vendor does not know the video or the comment any more."""
    try:
        page: CommentPage = await reading.provider.engagement.list_comments(
            reading.access,
            reading.ref,
            parent=parent or video.video,
            post=video.video,
            cursor=cursor,
            limit=COMMENT_PAGE,
        )
    except NotFound:
        return None
    return page


async def _read_page(reading: Reading, video: VideoRow) -> RunRow | None:
    page = await _list(reading, video, cursor=video.scan_cursor)
    if page is None:
        return await _finish_scan(reading, video)
    now, account = reading.domain.clock(), reading.account
    async with reading.domain.db.transaction() as tx:
        added, former = await store.save_comments(
            tx, account, page.comments, now, reading.domain.engagement_retention, video.scan
        )
        for each in page.comments:
            changed = each.id in former and former[each.id] != each.reply_count
            if changed and each.reply_count is not None and each.reply_count <= len(each.replies):
                # All of them are shown: others that are stored were deleted.
                await engagement.remove_unseen(tx, video, now, reply_to=each.id)
        found = video.scan_found + len(added)
        whole = not page.next_cursor
        done = whole or (not added and _all_found(video, found))
        given_up = not done and is_too_empty(reading.run, page.comments)
        if whole:
            await engagement.remove_unseen(tx, video, now, reply_to="")
        values: dict[str, Any] = {"scan_cursor": _TOP_DONE if done else page.next_cursor, "scan_found": found}
        key = (tx, video.location, video.account, video.video)
        await engagement_videos.change_video(*key, **(_UNREAD if given_up else values))
        empty = 0 if done or given_up else empty_pages(reading.run, page.comments)
        return await _counted(tx, reading, len(page.comments), added, empty_pages=empty)


def _all_found(video: VideoRow, found: int) -> bool:
    """Return whether as many comments were found as the vendor counts more than at the last scan: none is missing then.

    When it counts fewer, some were deleted, and only a whole scan shows which.
    """
    if video.scan_time is None or video.comment_count is None or video.scanned_count is None:
        return False
    return 0 <= video.comment_count - video.scanned_count <= found


async def _counted(
    tx: Transaction, reading: Reading, seen: int, added: list[StoredComment], **values: Any
) -> RunRow | None:
    run = reading.run
    return await moved(tx, reading, comments=run.comments + seen, new_comments=run.new_comments + len(added), **values)


async def _read_replies(reading: Reading, video: VideoRow, parent: StoredComment) -> RunRow | None:
    run, account = reading.run, reading.account
    cursor = run.cursor if run.video == parent.comment else ""
    page = await _list(reading, video, parent=parent.comment, cursor=cursor)
    now = reading.domain.clock()
    async with reading.domain.db.transaction() as tx:
        comments = page.comments if page is not None else ()
        added, _ = await store.save_comments(
            tx, account, comments, now, reading.domain.engagement_retention, video.scan
        )
        following = page.next_cursor if page is not None else ""
        if page is not None and not following:
            await engagement.remove_unseen(tx, video, now, reply_to=parent.comment)
        if is_too_empty(run, comments):
            following = ""
        if not following:
            await engagement.change_comment(tx, account.location, account.id, parent.comment, replies_due=False)
        place: dict[str, Any] = {"cursor": following, "video": parent.comment if following else ""}
        place["empty_pages"] = empty_pages(run, comments) if following else 0
        return await _counted(tx, reading, len(comments), added, **place)


async def _finish_scan(reading: Reading, video: VideoRow) -> RunRow | None:
    """Record the count at which a video was scanned: it is scanned again when the vendor counts another."""
    now = reading.domain.clock()
    async with reading.domain.db.transaction() as tx:
        values: dict[str, Any] = {"scan_due": False, "scan_cursor": "", "scan_time": now}
        await engagement_videos.change_video(
            tx, video.location, video.account, video.video, scanned_count=video.comment_count, **values
        )
        return await moved(tx, reading)

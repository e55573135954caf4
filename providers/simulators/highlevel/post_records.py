"""A post as HighLevel stores it and as the API shows it.

Owns: the record. Knows nothing of time or of who changes it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.simulators.highlevel.validation import parse_instant

NETWORK_DETAILS = tuple(f"{each}PostDetails" for each in ("facebook", "instagram", "linkedin", "pinterest", "youtube"))
# The details that a body may set; an update removes those that it omits.
DETAIL_FIELDS = (
    "followUpComment",
    "ogTagsDetails",
    "postApprovalDetails",
    "categoryId",
    "tiktokPostDetails",
    "gmbPostDetails",
    "applyWatermark",
    *NETWORK_DETAILS,
)


@dataclass(slots=True, kw_only=True, eq=False)
class PostRecord:
    """A post. `due` is when it will be published; None for drafts and posts in review.

    `started` is when publishing began, `fetched` is True when its media were fetched or need not be, `waiting` is True
    when it was due while an account was expired. `insights` are the counts `like`, `share` and `comment`, empty until
    they are read from the network: v3 shows them.
    """

    id: str
    location_id: str
    created_at: datetime
    updated_at: datetime
    user_id: str
    source: str = "composer"
    account_ids: list[str] = field(default_factory=list)
    platform: str = ""
    type: str = "post"
    status: str = "draft"
    summary: str = ""
    media: list[dict[str, Any]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    schedule: datetime | None = None
    due: datetime | None = None
    started: datetime | None = None
    fetched: bool = True
    waiting: bool = False
    sha256: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    error: str = ""
    platform_post_id: str = ""
    preview_link: str = ""
    published_at: datetime | None = None
    deleted: bool = False
    insights: dict[str, int] = field(default_factory=dict)

    @property
    def display_date(self) -> datetime:
        """The date that the planner shows."""
        return self.published_at or self.due or self.schedule or self.created_at

    @property
    def active(self) -> bool:
        """Whether it still changes over time. A post that is deleted in progress cannot be stopped any more."""
        return self.status in ("scheduled", "in_progress") or (self.deleted and self.publishing)

    @property
    def publishing(self) -> bool:
        """Whether it is being published."""
        return self.started is not None and self.published_at is None and not self.error

    def fill(self, body: dict[str, Any], now: datetime) -> None:
        """Replace the content by a body; everything that the body omits is removed."""
        self.type = body["type"]
        self.account_ids = list(body.get("accountIds") or [])
        self.user_id = body.get("userId") or self.user_id
        self.media = [dict(each) for each in body.get("media") or []]
        self.tags = list(body.get("tags") or [])
        self.details = {name: body[name] for name in DETAIL_FIELDS if body.get(name) is not None}
        self.updated_at = now
        self.error, self.started, self.waiting = "", None, False
        self.sha256, self.sizes = (), ()
        self.place(body.get("status"), parse_instant(body.get("scheduleDate")), now)

    def place(self, status: str | None, schedule: datetime | None, now: datetime) -> None:
        """Set what happens next. Without a status it is published now despite scheduleDate: live notes, 2026-11."""
        self.schedule = None if status in (None, "published") else schedule
        if status in ("draft", "in_review"):
            self.status, self.due = status, None
        else:
            self.status = "scheduled"
            self.due = now if self.schedule is None else self.schedule


def post_json(
    record: PostRecord, *, echo_schedule_date: bool, v3: bool, user: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a post as the API shows it. With several accounts `platform` is google: live notes, 2026-11-20."""
    many = len(record.account_ids) != 1
    shown: dict[str, Any] = {
        "_id": record.id,
        "source": record.source,
        "locationId": record.location_id,
        "platform": "google" if many else record.platform,
        "displayDate": record.display_date.isoformat(),
        "createdAt": record.created_at.isoformat(),
        "updatedAt": record.updated_at.isoformat(),
        "accountIds": record.account_ids,
        "summary": record.summary,
        "media": record.media,
        "status": record.status,
        "createdBy": record.user_id,
        "type": record.type,
        "tags": record.tags,
        "parentPostId": None,
        "deleted": record.deleted,
        **record.details,
    }
    optional = {
        "accountId": "" if many else record.account_ids[0],
        "error": record.error,
        "postId": record.platform_post_id,
        "previewLink": record.preview_link,
        "publishedAt": record.published_at.isoformat() if record.published_at else "",
        "scheduleDate": record.schedule.isoformat() if record.schedule and echo_schedule_date else "",
        "insights": record.insights if v3 else {},
        "user": user,
    }
    return {**shown, **{name: value for name, value in optional.items() if value}}

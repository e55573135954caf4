"""The states of every state machine: one enum per machine.

Owns the names. Each value is the text in its column, in events and in JSON, so renaming a member needs a migration.
Which transitions are allowed is described with each table and decided in `gateway/domain`.
"""

from enum import StrEnum


class PostState(StrEnum):
    """How far a post is: `posts.state`."""

    SCHEDULED = "SCHEDULED"
    QUEUED = "QUEUED"
    TRANSFERRING = "TRANSFERRING"
    PROCESSING = "PROCESSING"
    CANCELLING = "CANCELLING"
    PUBLISHED = "PUBLISHED"
    AWAITING_CREATOR = "AWAITING_CREATOR"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    INDETERMINATE = "INDETERMINATE"


class AttemptState(StrEnum):
    """The publish journal's state of one attempt: `attempts.state`."""

    INTENT = "INTENT"
    INIT_SENT = "INIT_SENT"
    INIT_OK = "INIT_OK"
    UPLOADING = "UPLOADING"
    FINAL_SENT = "FINAL_SENT"
    PROCESSING = "PROCESSING"
    PUBLISHED = "PUBLISHED"
    AWAITING_CREATOR = "AWAITING_CREATOR"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    INDETERMINATE = "INDETERMINATE"
    ABANDONED = "ABANDONED"


class ConnectionStatus(StrEnum):
    """Whether a connection can be used: `connections.status`."""

    PENDING = "PENDING"
    VALID = "VALID"
    LIMITED = "LIMITED"
    ERROR = "ERROR"
    EXPIRED = "EXPIRED"
    DISCONNECTED = "DISCONNECTED"


class GrantOrigin(StrEnum):
    """Where a connection's grant comes from, UNSPECIFIED before there is one: `connections.grant_origin`."""

    UNSPECIFIED = ""
    CONSENT = "CONSENT"
    """A person's consent."""
    STATIC_TOKEN = "STATIC_TOKEN"  # noqa: S105
    """A token that a person supplied."""
    PARENT = "PARENT"
    """The grant of an agency."""


class AuthorizationOutcome(StrEnum):
    """How an authorization ended, UNDECIDED until then: `authorizations.outcome`."""

    UNDECIDED = ""
    COMPLETED = "completed"
    DENIED = "denied"
    """The person, or the vendor, did not give the grant."""
    REFUSED = "refused"
    """The grant is for another account or place than the connection."""
    MISCONFIGURED = "misconfigured"
    """The operator's application at the vendor is wrong."""
    LOST = "lost"
    """The vendor's answer was lost, or it could not answer after the code was used."""
    FAILED = "failed"
    """Any other failure."""


class AccountState(StrEnum):
    """Whether an account is reached through its connection: `accounts.state`."""

    ACTIVE = "ACTIVE"
    DETACHED = "DETACHED"
    UNREACHABLE = "UNREACHABLE"


class AccountHealth(StrEnum):
    """Whether posts can go out through an account inside a grant of several, UNSPECIFIED for an account that is a
    grant of its own: `accounts.health`.
    """

    UNSPECIFIED = ""
    USABLE = "USABLE"
    EXPIRED = "EXPIRED"
    INACTIVE = "INACTIVE"


class UploadState(StrEnum):
    """How far an upload is: `uploads.state`."""

    OPEN = "OPEN"
    COMPLETE = "COMPLETE"
    EXPIRED = "EXPIRED"


class ImportState(StrEnum):
    """How far a planner import is: `imports.state`."""

    SENDING = "SENDING"
    SENT = "SENT"
    ASSIGNING = "ASSIGNING"
    CHECKING = "CHECKING"
    READY = "READY"
    FINALIZING = "FINALIZING"
    FINALIZED = "FINALIZED"
    INDETERMINATE = "INDETERMINATE"
    FAILED = "FAILED"
    DELETING = "DELETING"


class CommentState(StrEnum):
    """How far the writing of a comment is: `comments.state`."""

    SENDING = "SENDING"
    DONE = "DONE"


class SyncState(StrEnum):
    """How far an engagement sync is: `engagement_syncs.state`."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class SyncPhase(StrEnum):
    """What a sync reads next of one account: `engagement_runs.phase`; DONE and FAILED are its ends."""

    ACCOUNT = "ACCOUNT"
    VIDEOS = "VIDEOS"
    COMMENTS = "COMMENTS"
    DONE = "DONE"
    FAILED = "FAILED"


class MetricPeriod(StrEnum):
    """What a point of a metric counts: `metric_points.period`. TOTAL is everything until its time, DAY one day."""

    TOTAL = "TOTAL"
    DAY = "DAY"


class LocationClaim(StrEnum):
    """What an agency's claim of a location rests on: `locations.claim`."""

    FIRST_USE = "FIRST_USE"
    """Its key for all locations used the location first: the weakest claim."""
    NAMED = "NAMED"
    """An operator named the location in a key of the agency."""
    ASSIGNED = "ASSIGNED"
    """An operator assigned it."""
    GRANTED = "GRANTED"
    """A vendor's grant was connected in it."""


class EndpointState(StrEnum):
    """Whether events are delivered to a webhook endpoint: `webhook_endpoints.state`."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class DisableReason(StrEnum):
    """Why a webhook endpoint is disabled, empty while it is not: `webhook_endpoints.disable_reason`."""

    NONE = ""
    CALLER = "CALLER"
    FAILING = "FAILING"
    """It took nothing for days."""
    GONE = "GONE"
    """It answered that it is gone."""


class AdLevel(StrEnum):
    """The level of an advertiser's tree on which something is: `ads.level`."""

    CAMPAIGN = "CAMPAIGN"
    AD_GROUP = "AD_GROUP"
    AD = "AD"


class DeliveryState(StrEnum):
    """Whether a campaign, an ad group or an ad delivers, UNSPECIFIED for a word that is not known: `ads.state`."""

    UNSPECIFIED = ""
    PAUSED = "PAUSED"
    IN_REVIEW = "IN_REVIEW"
    DELIVERING = "DELIVERING"
    NOT_DELIVERING = "NOT_DELIVERING"
    ENDED = "ENDED"
    REJECTED = "REJECTED"
    PREPARING = "PREPARING"
    INDETERMINATE = "INDETERMINATE"
    FAILED = "FAILED"
    DELETED = "DELETED"


class AdOperationKind(StrEnum):
    """What a write does at the vendor: `ad_operations.kind`."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    LAUNCH = "LAUNCH"
    PAUSE = "PAUSE"


class AdOperationState(StrEnum):
    """The journal's state of one write: `ad_operations.state`."""

    INTENT = "INTENT"
    SENT = "SENT"
    DONE = "DONE"
    REFUSED = "REFUSED"
    INDETERMINATE = "INDETERMINATE"


class AdReportState(StrEnum):
    """How far a long report is: `ad_reports.state`."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class AudienceState(StrEnum):
    """What callers see of an audience, UNSPECIFIED for a word that is not known: `audiences.state`."""

    UNSPECIFIED = ""
    COLLECTING = "COLLECTING"
    SENDING = "SENDING"
    BUILDING = "BUILDING"
    ACTIVE = "ACTIVE"
    TOO_SMALL = "TOO_SMALL"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"


class AudienceAction(StrEnum):
    """What happens with the members that an audience is getting: `audiences.action`."""

    APPEND = "APPEND"
    REMOVE = "REMOVE"


class AudienceStep(StrEnum):
    """How far the members are that an audience is getting, NONE if it gets none: `audiences.step`."""

    NONE = ""
    GATHERING = "GATHERING"
    """Members come in."""
    UPLOADING = "UPLOADING"
    """All are here: their files go to the vendor."""
    SUBMITTED = "SUBMITTED"
    """The vendor is called, or its answer was lost."""


class AgencyState(StrEnum):
    """Whether an agency can be used: `agencies.state`."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    DELETING = "DELETING"


class AdminJobKind(StrEnum):
    """What a job of an operator does: `admin_jobs.kind`."""

    DELETE_AGENCY = "DELETE_AGENCY"
    DELETE_LOCATION = "DELETE_LOCATION"
    REWRAP_KEYS = "REWRAP_KEYS"


class AdminJobState(StrEnum):
    """How far a job of an operator is: `admin_jobs.state`."""

    RUNNING = "RUNNING"
    SETTLING = "SETTLING"
    """Everything was deleted; what was under way meanwhile is looked for once more."""
    SUCCEEDED = "SUCCEEDED"


class ApiKeyState(StrEnum):
    """Whether an API key is accepted; it follows from its times and has no column."""

    VALID = "VALID"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"


class EncryptionKeyState(StrEnum):
    """What a process can say of an encryption key; it follows from the configuration and has no column."""

    ACTIVE = "ACTIVE"
    RETIRING = "RETIRING"
    RETIRED = "RETIRED"
    MISSING = "MISSING"


class AuditOutcome(StrEnum):
    """What became of what a row of the audit log is about: `audit.outcome`."""

    COMMITTED = "COMMITTED"
    """The row was written in the transaction that made the change."""
    ANSWERED = "ANSWERED"
    """The call succeeded, and left nothing to write: it was repeated, or changed nothing that is stored here."""
    REFUSED = "REFUSED"
    """The call ended with an error; what it had committed before has a row of its own."""
    ANNOUNCED = "ANNOUNCED"
    """A token is about to be used for a call to its vendor."""

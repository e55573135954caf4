"""Converts stored events to the contract's message.

Owns which payload belongs to which type. Makes no decisions.
"""

import json
from collections.abc import Collection
from typing import Any

import structlog
from google.protobuf import json_format

from gateway.aip import names
from gateway.domain.context import ConnectionView
from gateway.rpc import accounts, connections, engagement_to_proto, post_to_proto
from socialgateway.v1 import connection_pb2, event_pb2
from storage.accounts import AccountRow
from storage.connections import ConnectionRow
from storage.engagement import StoredComment
from storage.engagement_syncs import RunRow, SyncRow
from storage.events import EventRow
from storage.posts import PostRow

log = structlog.get_logger(__name__)

PREFIX = "EVENT_TYPE_"
MAX_DEPTH = 16
"""Of a vendor's content: each level of JSON is three of a message, of which clients read a hundred."""

_TYPES = frozenset(event_pb2.EventType.keys())


def to_proto(row: EventRow, with_videos: Collection[str]) -> event_pb2.Event:
    """Return an event; `with_videos` are the providers whose videos can be looked up.

    A snapshot that another version wrote and this one cannot read is left out: the event itself is still worth knowing.
    """
    event = _bare(row)
    try:
        _write_resource(event, row, with_videos)
        _write_details(event, row)
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, json_format.Error) as error:
        log.warning("event.not_read", location=row.location, number=row.number, error=type(error).__name__)
        return _bare(row)
    return event


def _bare(row: EventRow) -> event_pb2.Event:
    """Return an event without what it carries."""
    event = event_pb2.Event(
        name=names.EVENT.format(row.location, str(row.number)),
        type=f"{PREFIX}{row.type}" if f"{PREFIX}{row.type}" in _TYPES else "EVENT_TYPE_UNSPECIFIED",
        subject=row.subject,
        provider_event_id=row.provider_event_id or "",
    )
    event.create_time.FromDatetime(row.create_time)
    return event


def to_json(row: EventRow, with_videos: Collection[str]) -> str:
    """Return the body of an event's delivery, in the form of the Standard Webhooks specification."""
    noun, _, verb = row.type.lower().partition("_")
    message = to_proto(row, with_videos)
    try:
        data = json_format.MessageToDict(message)
    except (ValueError, json_format.Error):
        # A number of the vendor's that JSON has no form for: the event itself is still worth knowing.
        message.ClearField("provider_event")
        data = json_format.MessageToDict(message)
    return json.dumps({"type": f"{noun}.{verb}", "timestamp": row.create_time.isoformat(), "data": data})


def _write_resource(event: event_pb2.Event, row: EventRow, with_videos: Collection[str]) -> None:
    if post := row.payload.get("post"):
        event.post.CopyFrom(post_to_proto.to_proto(PostRow.model_validate(post), with_videos))
    elif connection := row.payload.get("connection"):
        event.connection.CopyFrom(connections.to_proto(ConnectionView(ConnectionRow.model_validate(connection))))
    elif account := row.payload.get("account"):
        event.account.CopyFrom(accounts.to_proto(AccountRow.model_validate(account), row.create_time))
    elif comment := row.payload.get("comment"):
        event.comment.CopyFrom(engagement_to_proto.stored_comment(StoredComment.model_validate(comment)))
    elif sync := row.payload.get("engagement_sync"):
        runs = [RunRow.model_validate(each) for each in row.payload.get("runs", [])]
        event.engagement_sync.CopyFrom(engagement_to_proto.sync_of(SyncRow.model_validate(sync), runs))


def _write_details(event: event_pb2.Event, row: EventRow) -> None:
    found: dict[str, Any] = row.payload
    if "previous_status" in found:
        status = connection_pb2.Connection.Status.Value(found["previous_status"])
        event.previous_status = status  # type: ignore[assignment]
    event.merged_into = found.get("merged_into", "")
    event.provider_post_id = found.get("provider_post_id", "")
    if row.type == "CONNECTION_DENIED":
        event.consent_denial.reason = found.get("reason", "")
        event.consent_denial.provider_code = found.get("error", "")
        event.consent_denial.provider_message = found.get("error_description", "")
    if row.type == "AD_STATE_CHANGED":
        for name in ("previous_state", "state", "rejection_reason"):
            setattr(event.ad_state_change, name, found["ad_state"].get(name, ""))
    if row.type == "PROVIDER_UNKNOWN":
        event.provider_event.provider = names.PROVIDER.format(found["provider"])
        event.provider_event.event = found["event"]
        content = found.get("content") or {}
        if _is_deeper(content, MAX_DEPTH):
            content = {"truncated": json.dumps(content)}
        json_format.ParseDict(content, event.provider_event.content)


def _is_deeper(value: Any, levels: int) -> bool:
    """Return whether JSON is nested deeper than so many levels."""
    if not isinstance(value, dict | list):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in inside)

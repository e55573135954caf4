"""States of HighLevel's posts: each of them, deleted posts, undocumented states, and hostile values.

Owns the parsing of one record.
"""

from typing import Any

import pytest

from providers.highlevel.states import PHASES, read_status
from providers.models.publishing import FailureKind, PublishPhase, PublishStatus
from tests.providers.highlevel.support import FakeAccess, highlevel, ok

PAGE = "https://www.tiktok.com/@baker/video/7400000000000000001"
OUT = {"postId": "7400000000000000001", "publishedAt": "2026-11-20T12:00:00Z", "previewLink": PAGE}
DONE = PublishStatus(PublishPhase.PUBLISHED, post_ids=("7400000000000000001",), public_uri=PAGE)


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        ("draft", PublishPhase.AWAITING_CREATOR),
        ("in_review", PublishPhase.AWAITING_CREATOR),
        ("notification_sent", PublishPhase.AWAITING_CREATOR),
        ("scheduled", PublishPhase.SCHEDULED),
        ("pending", PublishPhase.RUNNING),
        ("in_progress", PublishPhase.RUNNING),
        ("published", PublishPhase.PUBLISHED),
        ("failed", PublishPhase.FAILED),
        ("deleted", PublishPhase.FAILED),
        ("going_live", PublishPhase.RUNNING),
        ("PUBLISHED", PublishPhase.RUNNING),
        ("constructor", PublishPhase.RUNNING),
    ],
)
def test_each_state_is_mapped_to_a_phase(state: str, phase: PublishPhase) -> None:
    """An undocumented state counts as still running."""
    status = read_status({"_id": "a", "status": state})

    assert (phase, state) == (status.phase, status.vendor_status)


def test_every_documented_state_is_known() -> None:
    """The table contains the states of both API versions."""
    both = {"in_progress", "draft", "failed", "published", "scheduled", "in_review", "notification_sent", "deleted"}
    assert both | {"pending"} == PHASES.keys()


async def test_a_published_post_has_an_id_and_a_uri() -> None:
    """`status` returns both with one call."""
    provider, vendor = highlevel(ok({"post": {"_id": "a", "status": "published", **OUT}}))

    status = await provider.publishing.status(FakeAccess(), "a")

    assert (DONE.post_ids, PAGE, 1) == (status.post_ids, status.public_uri, len(vendor.requests))


@pytest.mark.parametrize("state", ["deleted", "published", "scheduled", "in_progress", "failed", "what"])
@pytest.mark.parametrize("proof", ["postId", "publishedAt"])
def test_a_published_post_stays_published_when_its_record_is_deleted(state: str, proof: str) -> None:
    """Only HighLevel's record was deleted; a post id or a publish time proves that it was published."""
    status = read_status({"status": state, "deleted": True, proof: OUT[proof]})

    assert (PublishPhase.PUBLISHED, "", None) == (status.phase, status.fail_code, status.fail_kind)


@pytest.mark.parametrize("row", [{"status": "deleted"}, {"status": "scheduled", "deleted": True}])
def test_a_post_deleted_before_it_was_published_is_cancelled(row: dict[str, Any]) -> None:
    """It failed with the code `deleted`, whatever its error says."""
    status = read_status({**row, "error": "Please reconnect", "postId": "", "publishedAt": None})

    assert (PublishPhase.FAILED, "deleted", FailureKind.CANCELLED) == (status.phase, status.fail_code, status.fail_kind)


@pytest.mark.parametrize("value", ["true", 1, None, "", {}, [True]])
def test_only_true_is_deleted(value: Any) -> None:
    """Any other value counts as not deleted."""
    assert PublishPhase.SCHEDULED is read_status({"status": "scheduled", "deleted": value}).phase


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("The social account has expired. Please reconnect it", FailureKind.GRANT),
        ("Your account has expired", FailureKind.GRANT),
        ("Access token has expired", FailureKind.GRANT),
        ("You reached 15 Posts Per Day", FailureKind.CAP),
        ("The daily limit of posts of this TikTok user is reached", FailureKind.CAP),
        ("TikTok will not support thumbnail in the Video", FailureKind.CONTENT),
        ("The address of the media has expired", FailureKind.UNKNOWN),
        ("Something else", FailureKind.UNKNOWN),
        ("", FailureKind.UNKNOWN),
        (None, FailureKind.UNKNOWN),
        ({"message": "reconnect"}, FailureKind.UNKNOWN),
        (["reconnect"], FailureKind.UNKNOWN),
    ],
)
def test_failure_messages_are_classified(error: Any, kind: FailureKind) -> None:
    """An unknown message has the kind UNKNOWN; the message itself is kept."""
    status = read_status({"status": "failed", "error": error})

    assert (kind, error if isinstance(error, str) and error else "failed") == (status.fail_kind, status.fail_code)


def test_failure_messages_are_redacted_and_bounded() -> None:
    """URLs, which may grant access to media, and tokens are removed, and the rest is truncated."""
    message = "Could not get HTTPS://gateway.example/media/canary1?a=b, Bearer canary2, token=canary3 " + "x" * 10_000
    status = read_status({"status": "failed", "error": message})

    assert "canary" not in status.fail_code
    assert status.fail_code.startswith("Could not get … Bearer …, token=… x")
    assert 300 == len(status.fail_code)


def test_a_published_post_has_no_failure() -> None:
    """Its `error` is ignored."""
    status = read_status({"status": "published", "error": "reconnect", **OUT})

    assert ("", None) == (status.fail_code, status.fail_kind)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        None,
        7,
        ["https://a.example/"],
        "http://a.example/",
        "javascript:alert(1)",
        "//a.example/",
        "https://user:secret@a.example/",
        "https://a.example/\nX: y",
        "https://a.example/ <script>",
        "https://[::1",
        "https://",
        "https://\u202ea.example/",
        "https://a.example/" + "x" * 2_000,
    ],
    ids=repr,
)
def test_an_unsafe_uri_is_left_out(uri: Any) -> None:
    """Only https URIs without user info and without unsafe characters are returned."""
    status = read_status({"status": "published", **OUT, "previewLink": uri})

    assert (("7400000000000000001",), "") == (status.post_ids, status.public_uri)


@pytest.mark.parametrize("state", ["scheduled", "in_progress", "failed", "draft"])
def test_an_unpublished_post_has_no_uri_and_no_id(state: str) -> None:
    """A preview link alone is not a published post."""
    status = read_status({"status": state, **OUT})

    assert ((), "") == (status.post_ids, status.public_uri)


@pytest.mark.parametrize("id", ["", "  ", None, 7, 7.5, True, {"a": 1}, ["7"], "x" * 257], ids=repr)
def test_an_invalid_id_is_left_out(id: Any) -> None:
    """The post is still published, and its id may come later."""
    status = read_status({"status": "published", "postId": id})

    assert (PublishPhase.PUBLISHED, ()) == (status.phase, status.post_ids)


def test_the_vendor_status_is_bounded() -> None:
    """It is truncated, as operators see it."""
    assert 128 >= len(read_status({"status": "x" * 100_000}).vendor_status)

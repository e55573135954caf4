"""What a connection's status is: the documented model as a table.

Owns the status that follows from capabilities; how these are found out is in tests/rpc/test_connections.
"""

import pytest

from gateway.domain.credentials.connection_status import REASONS, assess
from providers.tiktok import TABLE

ALL = dict.fromkeys(REASONS, True)


def test_everything_works_is_valid() -> None:
    """All capabilities together are VALID, with VERIFICATION_OK."""
    assert ("VALID", "VERIFICATION_OK") == assess(ALL)[:2]


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("can_read_profile", "MISSING_PROFILE_SCOPE"),
        ("can_list_videos", "MISSING_VIDEO_LIST_SCOPE"),
        ("can_read_video_metrics", "MISSING_VIDEO_METRICS_SCOPE"),
        ("can_publish", "MISSING_PUBLISH_SCOPE"),
        ("can_upload_drafts", "MISSING_PUBLISH_SCOPE"),
    ],
)
def test_one_missing_capability_limits_and_is_named(missing: str, reason: str) -> None:
    """Each capability that is missing alone makes the connection LIMITED for its own reason."""
    status, code, message = assess(ALL | {missing: False})

    assert ("LIMITED", reason) == (status, code)
    assert "scope" in message


def test_the_first_of_several_names_the_reason() -> None:
    """Of several missing scopes, the one that a page needs first is the reason."""
    assert "MISSING_PROFILE_SCOPE" == assess({})[1]
    assert "MISSING_VIDEO_LIST_SCOPE" == assess({"can_read_profile": True})[1]


def test_what_was_not_asked_for_is_not_missing() -> None:
    """A connection for reading only is VALID without publishing, and LIMITED without what it asked for."""
    reading = {"can_read_profile": True, "can_list_videos": True, "can_read_video_metrics": True}

    assert "VALID" == assess(reading, wanted=reading)[0]
    assert "MISSING_PUBLISH_SCOPE" == assess(reading, wanted=ALL)[1]
    assert "VALID" == assess({}, wanted={})[0]


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (["user.info.basic", "user.info.profile"], {"can_read_profile"}),
        (["user.info.basic"], set()),
        (["video.list"], {"can_list_videos", "can_read_video_metrics"}),
        (["video.publish"], {"can_publish"}),
        (["video.upload"], {"can_upload_drafts"}),
        ([], set()),
        (["a.scope.of.tomorrow"], set()),
    ],
)
def test_tiktoks_scopes_allow_what_its_table_says(scopes: list[str], allowed: set[str]) -> None:
    """Granted scopes decide capabilities, and a scope that nobody knows decides none."""
    assert allowed == {name for name, granted in TABLE.granted(scopes).items() if granted}

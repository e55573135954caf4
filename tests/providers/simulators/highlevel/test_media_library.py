"""The media library: uploads, size limits, the list, deletion.

Owns: /medias as a client sees it. Knows nothing of posts.
"""

import hashlib
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from providers.simulators.highlevel.tenants import GARAGE
from tests.providers.simulators.highlevel.world import BAKERY, V3, World, status_and_message, world

UPLOAD = "/medias/upload-file"
CLIP = {"file": ("clip.mp4", b"video", "video/mp4")}
LIST = {"altType": "location", "altId": BAKERY, "type": "file", "sortBy": "createdAt", "sortOrder": "asc"}
HERE = {"altType": "location", "altId": BAKERY}


@pytest.mark.parametrize("version", ["2021-07-28", V3])
async def test_a_file_is_uploaded_as_multipart(highlevel: World, version: str) -> None:
    """An upload is 200 with id and URL; the location is the token's."""
    answer = await highlevel.call("POST", UPLOAD, files=CLIP, version=version)
    body = answer.json()

    assert (200, {"fileId", "url"}) == (answer.status_code, body.keys())
    assert f"https://assets.cdn.filesafe.space/{BAKERY}/media/{body['fileId']}.mp4" == body["url"]
    assert hashlib.sha256(b"video").hexdigest() == highlevel.vendor.media_files.files[body["fileId"]].sha256


async def test_a_form_that_is_not_multipart_is_the_wrong_media_type(highlevel: World) -> None:
    """It is 415."""
    assert 415 == (await highlevel.call("POST", UPLOAD, data={"hosted": "true"})).status_code


@pytest.mark.parametrize("hosted", [True, "true"])
async def test_a_hosted_file_may_be_named_in_json(highlevel: World, hosted: object) -> None:
    """HighLevel's own SDKs send `hosted` and the rest as JSON."""
    body = {"hosted": hosted, "fileUrl": "https://a.example/x.mp4", "name": "own.mp4", "altType": "location"}
    answer = await highlevel.call("POST", UPLOAD, {**body, "altId": BAKERY})

    assert 200 == answer.status_code
    assert "own.mp4" == highlevel.vendor.media_files.files[answer.json()["fileId"]].name


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "file should not be empty"),
        ({"hosted": False, "fileUrl": "https://a.example/x.mp4"}, "file should not be empty"),
        ({"file": "bytes"}, "file should not be empty"),
        ({"hosted": True}, "fileUrl should not be empty"),
        ({"hosted": True, "fileUrl": 1}, "fileUrl should not be empty"),
    ],
)
async def test_no_file_comes_in_json(highlevel: World, body: dict[str, Any], message: str) -> None:
    """JSON without the URL of a hosted file is refused."""
    assert (422, [message]) == status_and_message(await highlevel.call("POST", UPLOAD, body))


@pytest.mark.parametrize(
    ("kind", "size", "status"),
    [("video/mp4", 40, 200), ("video/mp4", 41, 413), ("image/jpeg", 20, 200), ("image/jpeg", 21, 413)],
)
async def test_videos_may_be_larger_than_other_files(kind: str, size: int, status: int) -> None:
    """Videos have a larger limit than other files."""
    async with world(file_bytes=20, video_bytes=40) as highlevel:
        answer = await highlevel.call("POST", UPLOAD, files={"file": ("x", bytes(size), kind)})

    assert status == answer.status_code


async def test_the_limits_are_the_documented_ones(highlevel: World) -> None:
    """The limits are 25 MB, and 500 MB for videos."""
    assert (25_000_000, 500_000_000) == (highlevel.vendor.config.file_bytes, highlevel.vendor.config.video_bytes)


async def test_a_hosted_file_is_named_by_url(highlevel: World) -> None:
    """A hosted file is a multipart form with hosted=true and fileUrl."""
    fields = {"hosted": (None, "true"), "fileUrl": (None, "https://a.example/x.mp4"), "name": (None, "own.mp4")}
    answer = await highlevel.call("POST", UPLOAD, files=fields)

    assert 200 == answer.status_code
    assert "own.mp4" == highlevel.vendor.media_files.files[answer.json()["fileId"]].name


@pytest.mark.parametrize(("status", "expected"), [(200, 200), (404, 400)])
async def test_a_hosted_file_is_fetched_with_pull_media(status: int, expected: int) -> None:
    """A hosted file that cannot be fetched is refused."""

    async def serve(request: Request) -> Response:
        return Response(b"video", status, media_type="video/mp4")

    transport = httpx.ASGITransport(Starlette(routes=[Route("/{path:path}", serve)]))
    async with world(pull_media=True, transport=transport) as highlevel:
        fields = {"hosted": (None, "true"), "fileUrl": (None, "https://a.example/x.mp4")}
        answer = await highlevel.call("POST", UPLOAD, files=fields)

    assert expected == answer.status_code


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": (None, "x")}, "file should not be empty"),
        ({"hosted": (None, "true")}, "fileUrl should not be empty"),
        ({**CLIP, "altType": (None, "company")}, "altType must be one of the following values: location"),
    ],
)
async def test_uploads_are_checked(highlevel: World, fields: dict[str, Any], message: str) -> None:
    """An upload without file and URL, or with a wrong altType, is refused."""
    assert (422, [message]) == status_and_message(await highlevel.call("POST", UPLOAD, files=fields))


async def test_altid_must_be_the_tokens_location(highlevel: World) -> None:
    """altId, which live users send, must be the token's location."""
    answers = [
        await highlevel.call("POST", UPLOAD, files={**CLIP, "altType": (None, "location"), "altId": (None, each)})
        for each in (BAKERY, GARAGE)
    ]

    assert [200, 403] == [answer.status_code for answer in answers]


async def test_a_companys_token_cannot_upload(highlevel: World) -> None:
    """A company's token cannot upload, since the location is the token's."""
    assert 403 == (await highlevel.call("POST", UPLOAD, files=CLIP, token=highlevel.grant(None))).status_code


async def test_files_are_listed(highlevel: World) -> None:
    """Files are listed by location; there are no folders."""
    for name in ("one.mp4", "two.mp4"):
        await highlevel.call("POST", UPLOAD, files={"file": (name, b"v", "video/mp4")})
        highlevel.clock.advance(1)
    found = []
    for more in ({}, {"sortOrder": "desc"}, {"query": "two"}, {"type": "folder"}):
        answer = await highlevel.call("GET", "/medias/files", params={**LIST, **more})
        found.append([row["name"] for row in answer.json()["files"]])

    assert [["one.mp4", "two.mp4"], ["two.mp4", "one.mp4"], ["two.mp4"], []] == found


@pytest.mark.parametrize(("change", "status"), [({"altId": ""}, 422), ({"altId": GARAGE}, 403), ({"type": "any"}, 422)])
async def test_the_list_is_checked(highlevel: World, change: dict[str, str], status: int) -> None:
    """The list checks required values, the location and the type."""
    assert status == (await highlevel.call("GET", "/medias/files", params={**LIST, **change})).status_code


async def test_a_file_is_deleted(highlevel: World) -> None:
    """A file is deleted once; then its URL is unknown."""
    uploaded = (await highlevel.call("POST", UPLOAD, files=CLIP)).json()
    answers = [await highlevel.call("DELETE", f"/medias/{uploaded['fileId']}", params=HERE) for _ in range(2)]

    assert [200, 404] == [answer.status_code for answer in answers]
    assert highlevel.vendor.media_files.by_url(uploaded["url"]) is None


async def test_deleting_needs_the_location(highlevel: World) -> None:
    """Deletion requires altType and altId."""
    answer = await highlevel.call("DELETE", "/medias/x")

    assert (422, ["altType should not be empty", "altId should not be empty"]) == status_and_message(answer)


@pytest.mark.parametrize(("status", "expected"), [("trashed", 200), ("deleted", 200), ("gone", 422)])
async def test_many_files_are_deleted(highlevel: World, status: str, expected: int) -> None:
    """Several files can be deleted or trashed; other statuses are refused."""
    uploaded = (await highlevel.call("POST", UPLOAD, files=CLIP)).json()
    body = {"filesToBeDeleted": [{"_id": uploaded["fileId"]}], **HERE, "status": status}
    answer = await highlevel.call("PUT", "/medias/delete-files", body)

    assert expected == answer.status_code
    assert (expected == 422) == bool(highlevel.vendor.media_files.files)

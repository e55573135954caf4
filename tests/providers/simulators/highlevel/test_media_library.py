"""The media library: uploads, limits, the list, deletion.

Owns: /medias as a client meets it. Knows nothing of posts.
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
from tests.providers.simulators.highlevel.world import BAKERY, V3, World, said, world

UPLOAD = "/medias/upload-file"
CLIP = {"file": ("clip.mp4", b"video", "video/mp4")}
LIST = {"altType": "location", "altId": BAKERY, "type": "file", "sortBy": "createdAt", "sortOrder": "asc"}
HERE = {"altType": "location", "altId": BAKERY}


@pytest.mark.parametrize("version", ["2021-07-28", V3])
async def test_a_file_is_uploaded_as_multipart(highlevel: World, version: str) -> None:
    """200 with id and URL; the location is the token's."""
    answer = await highlevel.call("POST", UPLOAD, files=CLIP, version=version)
    body = answer.json()

    assert (200, {"fileId", "url"}) == (answer.status_code, body.keys())
    assert f"https://assets.cdn.filesafe.space/{BAKERY}/media/{body['fileId']}.mp4" == body["url"]
    assert hashlib.sha256(b"video").hexdigest() == highlevel.vendor.media_files.files[body["fileId"]].sha256


async def test_json_is_the_wrong_media_type(highlevel: World) -> None:
    """415, as for a form that is not multipart."""
    json = await highlevel.call("POST", UPLOAD, {"hosted": True, "fileUrl": "https://a.example/x.mp4"})
    form = await highlevel.call("POST", UPLOAD, data={"hosted": "true"})

    assert [415, 415] == [json.status_code, form.status_code]


@pytest.mark.parametrize(
    ("kind", "size", "status"),
    [("video/mp4", 40, 200), ("video/mp4", 41, 413), ("image/jpeg", 20, 200), ("image/jpeg", 21, 413)],
)
async def test_videos_may_be_larger_than_other_files(kind: str, size: int, status: int) -> None:
    """Each has its limit, which is 25 and 500 megabytes unless a test makes it small."""
    async with world(file_bytes=20, video_bytes=40) as highlevel:
        answer = await highlevel.call("POST", UPLOAD, files={"file": ("x", bytes(size), kind)})

    assert status == answer.status_code


async def test_the_limits_are_the_documented_ones(highlevel: World) -> None:
    """25 MB and 500 MB."""
    assert (25_000_000, 500_000_000) == (highlevel.vendor.config.file_bytes, highlevel.vendor.config.video_bytes)


async def test_a_hosted_file_is_named_by_url(highlevel: World) -> None:
    """hosted=true with fileUrl, as multipart."""
    fields = {"hosted": (None, "true"), "fileUrl": (None, "https://a.example/x.mp4"), "name": (None, "own.mp4")}
    answer = await highlevel.call("POST", UPLOAD, files=fields)

    assert 200 == answer.status_code
    assert "own.mp4" == highlevel.vendor.media_files.files[answer.json()["fileId"]].name


@pytest.mark.parametrize(("status", "expected"), [(200, 200), (404, 400)])
async def test_a_hosted_file_is_fetched_when_told(status: int, expected: int) -> None:
    """What cannot be fetched is refused."""

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
    """Neither file nor URL, or a wrong altType."""
    assert (422, [message]) == said(await highlevel.call("POST", UPLOAD, files=fields))


async def test_altid_must_be_the_tokens_location(highlevel: World) -> None:
    """Live users send it along, and it works with the right one."""
    answers = [
        await highlevel.call("POST", UPLOAD, files={**CLIP, "altType": (None, "location"), "altId": (None, each)})
        for each in (BAKERY, GARAGE)
    ]

    assert [200, 403] == [answer.status_code for answer in answers]


async def test_a_companys_token_uploads_nothing(highlevel: World) -> None:
    """The location comes from the token."""
    assert 403 == (await highlevel.call("POST", UPLOAD, files=CLIP, token=highlevel.grant(None))).status_code


async def test_files_are_listed(highlevel: World) -> None:
    """By location; folders there are none."""
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
    """Required values, the location, and the type."""
    assert status == (await highlevel.call("GET", "/medias/files", params={**LIST, **change})).status_code


async def test_a_file_is_deleted(highlevel: World) -> None:
    """Once; then its URL is nobody's."""
    uploaded = (await highlevel.call("POST", UPLOAD, files=CLIP)).json()
    answers = [await highlevel.call("DELETE", f"/medias/{uploaded['fileId']}", params=HERE) for _ in range(2)]

    assert [200, 404] == [answer.status_code for answer in answers]
    assert highlevel.vendor.media_files.by_url(uploaded["url"]) is None


async def test_deleting_needs_the_location(highlevel: World) -> None:
    """altType and altId are required."""
    answer = await highlevel.call("DELETE", "/medias/x")

    assert (422, ["altType should not be empty", "altId should not be empty"]) == said(answer)


@pytest.mark.parametrize(("status", "expected"), [("trashed", 200), ("deleted", 200), ("gone", 422)])
async def test_many_files_are_deleted(highlevel: World, status: str, expected: int) -> None:
    """deleted or trashed, and nothing else."""
    uploaded = (await highlevel.call("POST", UPLOAD, files=CLIP)).json()
    body = {"filesToBeDeleted": [{"_id": uploaded["fileId"]}], **HERE, "status": status}
    answer = await highlevel.call("PUT", "/medias/delete-files", body)

    assert expected == answer.status_code
    assert (expected == 422) == bool(highlevel.vendor.media_files.files)

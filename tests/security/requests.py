"""One sound request for every method of the contract: what the sweeps spoil, or send with the wrong key.

Owns the table; a method without a row here fails the sweeps. Does not know what is done with a request.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from socialgateway.v1 import account_pb2, connection_pb2, engagement_pb2, planner_pb2, post_pb2, upload_pb2
from storage import imports
from storage.imports import ImportRow
from tests.fixtures.client import METHODS
from tests.fixtures.settings import REDIRECT_URI
from tests.security.scene import Scene
from tests.security.walking import VIDEO, Walk

ABSENT = "absent"
VIDEO_ID = 7602997517160123666


@dataclass(frozen=True, slots=True)
class Things:
    """The names of what a location holds, and the state of a consent that is open in it."""

    location: str
    connection: str
    account: str
    upload: str
    post: str
    state: str
    imported: str

    @property
    def parent(self) -> str:
        """The location's name."""
        return f"locations/{self.location}"

    def name(self, kind: str, id: str) -> str:
        """Write a name."""
        return f"{self.parent}/{kind}/{id}"

    def moved(self, location: str) -> "Things":
        """Return the same ids in another location."""
        return replace(self, location=location)

    def absent(self) -> "Things":
        """Return names of what is not there, in the same location."""
        state = ("a" if self.state[0] != "a" else "b") + self.state[1:]
        return Things(self.location, ABSENT, ABSENT, ABSENT, ABSENT, state, ABSENT)


async def make(scene: Scene, key: str) -> Things:
    """Make one of each in the location l1, an open consent included."""
    walk = Walk(scene, key)
    await walk.connect()
    scene.vendor.add_video(next(iter(scene.vendor.users)), id=VIDEO_ID)
    upload = await walk.upload()
    post = await walk.post(upload)
    consent = (await walk.reauthorize()).authorization.uri
    connection, account, upload, post_id = (
        name.rpartition("/")[2] for name in (walk.connection, walk.account, upload, post.name)
    )
    state = parse_qs(urlsplit(consent).query)["state"][0]
    imported = await _imported(scene, connection, account, upload)
    return Things("l1", connection, account, upload, post_id, state, imported)


async def _imported(scene: Scene, connection: str, account: str, upload: str) -> str:
    """Let there be an import: TikTok, which the location is connected to, has no planner that would take one."""
    row = ImportRow(
        location="l1",
        id="i1",
        connection=connection,
        provider="tiktok",
        accounts=[account],
        upload=upload,
        state="FAILED",
        file_name="i1-1.csv",
        error={"reason": "CONTENT_REJECTED", "message": "The file has no rows.", "metadata": {"provider": "tiktok"}},
        create_time=scene.gateway.domain.clock(),
        update_time=scene.gateway.domain.clock(),
    )
    async with scene.gateway.domain.db.transaction() as tx:
        await imports.insert(tx, row)
    return row.id


def _post(things: Things) -> dict[str, Any]:
    post = post_pb2.Post(account=things.name("accounts", things.account), mode=post_pb2.POST_MODE_DIRECT, caption="hi")
    post.video.source.upload = things.name("uploads", things.upload)
    post.options.privacy_level = account_pb2.PRIVACY_LEVEL_ONLY_ME
    post.consent.subject, post.consent.declaration = "somebody", "I agree"
    post.consent.time.FromSeconds(1_700_000_000)
    return {"parent": things.parent, "post": post}


def _upload(things: Things) -> dict[str, Any]:
    wanted = upload_pb2.Upload(mime_type="video/mp4", size_bytes=5, sha256=hashlib.sha256(VIDEO[:5]).hexdigest())
    return {"parent": things.parent, "upload": wanted}


def _connection(things: Things) -> dict[str, Any]:
    wanted = connection_pb2.Connection(provider="providers/tiktok")
    return {"parent": things.parent, "connection": wanted, "redirect_uri": REDIRECT_URI}


def _named(kind: str, **values: Any) -> Callable[[Things], dict[str, Any]]:
    return lambda things: {"name": things.name(kind, getattr(things, kind.removesuffix("s"))), **values}


def _listed(things: Things) -> dict[str, Any]:
    return {"parent": things.parent}


def _of_account(**values: Any) -> Callable[[Things], dict[str, Any]]:
    return lambda things: {"parent": things.name("accounts", things.account), **values}


def _network(**values: Any) -> Callable[[Things], dict[str, Any]]:
    return lambda things: {
        "parent": things.name("connections", things.connection),
        "platform": "tiktok",
        **values,
    }


def _import(verb: str = "name") -> Callable[[Things], dict[str, Any]]:
    return lambda things: {verb: things.name("postImports", things.imported)}


def _labels(things: Things) -> dict[str, Any]:
    return {"parent": things.name("connections", things.connection)}


def _comment(things: Things) -> dict[str, Any]:
    comment = engagement_pb2.Comment(text="hi", post=things.name("posts", things.post))
    return {"parent": things.name("accounts", things.account), "comment": comment}


def _liked(things: Things) -> dict[str, Any]:
    return {"name": f"{things.name('accounts', things.account)}/comments/{'0' * 24}"}


def _new_import(things: Things) -> dict[str, Any]:
    wanted = planner_pb2.PostImport(
        upload=things.name("uploads", things.upload), accounts=[things.name("accounts", things.account)]
    )
    return {"parent": things.parent, "post_import": wanted}


def _video(things: Things) -> str:
    return f"{things.name('accounts', things.account)}/videos/{VIDEO_ID}"


NOW = {"seconds": 0}
VALUES: dict[str, Callable[[Things], dict[str, Any]]] = {
    "AccountService/DeleteAccount": _named("accounts"),
    "AccountService/GetAccount": _named("accounts", max_staleness=NOW),
    "AccountService/GetCreatorInfo": lambda things: {
        "name": f"{things.name('accounts', things.account)}/creatorInfo",
        "max_staleness": NOW,
    },
    "AccountService/ListAccounts": _listed,
    "ConnectionService/AttachAccount": _network(authorization_id="a", provider_account_id="b"),
    "ConnectionService/CompleteConnection": lambda things: {"state": things.state, "code": "a-code-of-the-vendor"},
    "ConnectionService/CreateConnection": _connection,
    "ConnectionService/DeleteConnection": _named("connections"),
    "ConnectionService/DisconnectConnection": _named("connections"),
    "ConnectionService/GetConnection": _named("connections"),
    "ConnectionService/GetConnectionStatus": lambda things: {"parent": things.parent, "provider": "providers/tiktok"},
    "ConnectionService/ListAttachableAccounts": _network(authorization_id="a"),
    "ConnectionService/ListConnections": _listed,
    "ConnectionService/ReauthorizeConnection": _named("connections"),
    "ConnectionService/StartAccountAuthorization": _network(),
    "ConnectionService/VerifyConnection": _named("connections"),
    "EngagementService/CreateComment": _comment,
    "EngagementService/LikeComment": _liked,
    "EngagementService/ListComments": _of_account(),
    "EngagementService/QueryMetrics": _of_account(),
    "EngagementService/UnlikeComment": _liked,
    "PlannerService/CreatePostImport": _new_import,
    "PlannerService/DeletePostImport": _import(),
    "PlannerService/FinalizePostImport": _import(),
    "PlannerService/GetPostImport": _import(),
    "PlannerService/ListCategories": _labels,
    "PlannerService/ListPostImportRows": _import("parent"),
    "PlannerService/ListPostImports": _listed,
    "PlannerService/ListTags": _labels,
    "PostService/CancelPost": _named("posts"),
    "PostService/CreatePost": _post,
    "PostService/DeletePost": _named("posts"),
    "PostService/GetPost": _named("posts"),
    "PostService/ListPosts": _listed,
    "PostService/RefreshPost": _named("posts"),
    "PostService/RetryPost": _named("posts"),
    "PostService/UpdatePost": lambda things: {
        "post": post_pb2.Post(name=things.name("posts", things.post), caption="other words")
    },
    "PostService/WatchPost": _named("posts"),
    "ProviderService/GetProvider": lambda things: {"name": "providers/tiktok"},
    "ProviderService/ListProviders": lambda things: {},
    "QuotaService/ListQuotas": _of_account(),
    "UploadService/CreateUpload": _upload,
    "UploadService/DeleteUpload": _named("uploads"),
    "UploadService/GetUpload": _named("uploads"),
    "UploadService/WriteUpload": _named("uploads", data=b"12345"),
    "VideoService/GetVideo": lambda things: {"name": _video(things), "max_staleness": NOW},
    "VideoService/ListVideos": _of_account(max_staleness=NOW),
    "VideoService/QueryVideos": lambda things: {
        "parent": things.name("accounts", things.account),
        "names": [_video(things)],
    },
}


def sound(method: str, things: Things) -> Any:
    """Make a request of the method that nothing is wrong with."""
    return METHODS[method].request(**VALUES[method](things))

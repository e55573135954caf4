"""An ordinary client of the gateway: generated stubs on a synchronous channel, and an API key.

Owns the calls of the demo. Knows only the contract.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import google_crc32c
import grpc

from gateway.command_error import CommandError
from socialgateway.v1 import (
    account_pb2,
    account_service_pb2,
    account_service_pb2_grpc,
    connection_pb2,
    connection_service_pb2,
    connection_service_pb2_grpc,
    engagement_pb2,
    engagement_service_pb2,
    engagement_service_pb2_grpc,
    post_pb2,
    post_service_pb2,
    post_service_pb2_grpc,
    upload_pb2,
    upload_service_pb2,
    upload_service_pb2_grpc,
)

USER = connection_pb2.GRANT_KIND_USER
LOCATION = "locations/demo"
PROVIDER = "providers/tiktok"
PIECE = 1024 * 1024
SECONDS = 60.0
WATCH_SECONDS = 300.0
PUBLIC_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Client:
    """A channel, and the API key that is sent with every call."""

    channel: grpc.Channel
    key: str

    @property
    def options(self) -> dict[str, Any]:
        """The key and the deadline of a call."""
        return {"metadata": (("authorization", f"Bearer {self.key}"),), "timeout": SECONDS}

    def connect(self, kind: connection_pb2.GrantKind = USER) -> connection_pb2.Connection:
        """Create a connection, which then waits for its consent."""
        stub = connection_service_pb2_grpc.ConnectionServiceStub(self.channel)
        wanted = connection_pb2.Connection(provider=PROVIDER, grant_kind=kind)
        request = connection_service_pb2.CreateConnectionRequest(
            parent=LOCATION, connection=wanted, request_id=new_id()
        )
        return stub.CreateConnection(request, **self.options)

    def connection(self, name: str) -> connection_pb2.Connection:
        """Return a connection's current state."""
        stub = connection_service_pb2_grpc.ConnectionServiceStub(self.channel)
        return stub.GetConnection(connection_service_pb2.GetConnectionRequest(name=name), **self.options)

    def verify(self, name: str) -> connection_pb2.Connection:
        """Ask the vendor whether the connection works."""
        stub = connection_service_pb2_grpc.ConnectionServiceStub(self.channel)
        return stub.VerifyConnection(connection_service_pb2.VerifyConnectionRequest(name=name), **self.options)

    def account(self, connection: str) -> account_pb2.Account:
        """Return the connection's account, with its profile."""
        stub = account_service_pb2_grpc.AccountServiceStub(self.channel)
        listed = stub.ListAccounts(
            account_service_pb2.ListAccountsRequest(parent=LOCATION, connection=connection), **self.options
        )
        if not listed.accounts:
            raise CommandError("the connection has no account")
        return stub.GetAccount(account_service_pb2.GetAccountRequest(name=listed.accounts[0].name), **self.options)

    def creator(self, account: str) -> account_pb2.CreatorInfo:
        """Return what the creator may post now."""
        stub = account_service_pb2_grpc.AccountServiceStub(self.channel)
        request = account_service_pb2.GetCreatorInfoRequest(name=f"{account}/creatorInfo")
        return stub.GetCreatorInfo(request, **self.options)

    def upload(self, path: Path, mime_type: str, sha256: str, progress: Callable[[int], None]) -> upload_pb2.Upload:
        """Upload a file in pieces of 1 MiB; `progress` is called with the number of bytes sent so far."""
        stub = upload_service_pb2_grpc.UploadServiceStub(self.channel)
        announced = upload_pb2.Upload(mime_type=mime_type, size_bytes=path.stat().st_size, sha256=sha256)
        made = stub.CreateUpload(
            upload_service_pb2.CreateUploadRequest(parent=LOCATION, upload=announced, request_id=new_id()),
            **self.options,
        )
        return stub.WriteUpload(_pieces(made.name, path, progress), **{**self.options, "timeout": WATCH_SECONDS})

    def post(self, post: post_pb2.Post) -> post_pb2.Post:
        """Create a post; it is queued when this returns."""
        stub = post_service_pb2_grpc.PostServiceStub(self.channel)
        request = post_service_pb2.CreatePostRequest(parent=LOCATION, post=post, request_id=new_id())
        return stub.CreatePost(request, **self.options)

    def watch(self, name: str) -> Iterator[post_pb2.Post]:
        """Yield the post's current state, then every change, until a final state."""
        stub = post_service_pb2_grpc.PostServiceStub(self.channel)
        request = post_service_pb2.WatchPostRequest(name=name)
        for answer in stub.WatchPost(request, **{**self.options, "timeout": WATCH_SECONDS}):
            if not answer.checkpoint:
                yield answer.post

    def public(self, name: str) -> post_pb2.Post:
        """Return the post once it has its public URL, which the vendor assigns after moderation."""
        stub = post_service_pb2_grpc.PostServiceStub(self.channel)
        deadline = time.monotonic() + PUBLIC_SECONDS
        while True:
            post: post_pb2.Post = stub.GetPost(post_service_pb2.GetPostRequest(name=name), **self.options)
            if post.public_uri or time.monotonic() > deadline:
                return post
            stub.RefreshPost(post_service_pb2.RefreshPostRequest(name=name), **self.options)
            time.sleep(0.5)

    def sync(self, account: str) -> engagement_pb2.EngagementSync:
        """Let the gateway read what happened with an account's videos."""
        stub = engagement_service_pb2_grpc.EngagementServiceStub(self.channel)
        wanted = engagement_pb2.EngagementSync(account=account)
        request = engagement_service_pb2.CreateEngagementSyncRequest(
            parent=LOCATION, engagement_sync=wanted, request_id=new_id()
        )
        return stub.CreateEngagementSync(request, **self.options)

    def synced(self, name: str) -> engagement_pb2.EngagementSync:
        """Return a sync as it is now."""
        stub = engagement_service_pb2_grpc.EngagementServiceStub(self.channel)
        return stub.GetEngagementSync(engagement_service_pb2.GetEngagementSyncRequest(name=name), **self.options)

    def comments(self, account: str) -> list[engagement_pb2.Comment]:
        """Return the newest comments below an account's videos."""
        stub = engagement_service_pb2_grpc.EngagementServiceStub(self.channel)
        answer = stub.ListComments(engagement_service_pb2.ListCommentsRequest(parent=account), **self.options)
        return list(answer.comments)

    def answer(self, account: str, comment: str, text: str) -> engagement_pb2.Comment:
        """Answer a comment."""
        stub = engagement_service_pb2_grpc.EngagementServiceStub(self.channel)
        written = engagement_pb2.Comment(text=text, reply_to=comment)
        request = engagement_service_pb2.CreateCommentRequest(parent=account, comment=written, request_id=new_id())
        return stub.CreateComment(request, **self.options)

    def points(self, account: str, age: timedelta) -> list[engagement_pb2.MetricPoint]:
        """Return the points that were kept of an account."""
        stub = engagement_service_pb2_grpc.EngagementServiceStub(self.channel)
        request = engagement_service_pb2.QueryMetricsRequest(parent=account, max_staleness=age)
        return list(stub.QueryMetrics(request, **self.options).points)


@contextmanager
def connected(address: str, key: str) -> Iterator[Client]:
    """Yield a client of the gateway at `host:port`; gRPC errors are raised as CommandError."""
    with grpc.insecure_channel(address) as channel:
        try:
            yield Client(channel, key)
        except grpc.RpcError as error:
            raise CommandError(f"the gateway answered {error.code().name}: {error.details()}") from None


def _pieces(name: str, path: Path, progress: Callable[[int], None]) -> Iterator[upload_service_pb2.WriteUploadRequest]:
    """Split a file into messages; the last one has `finish` set."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for offset in range(0, size, PIECE):
            data = file.read(PIECE)
            yield upload_service_pb2.WriteUploadRequest(
                # Only the first message names the upload.
                name="" if offset else name,
                write_offset=offset,
                data=data,
                crc32c=google_crc32c.value(data),
                finish=offset + len(data) == size,
            )
            progress(offset + len(data))


def new_id() -> str:
    """Return a new request id, which makes a retry of the call idempotent."""
    return str(uuid.uuid4())

"""Connect a TikTok account, upload a video, publish it and watch it go out; then show what a refusal says.

Usage: python main.py VIDEO   (GATEWAY=host:port, GATEWAY_KEY=…, GATEWAY_LOCATION=locations/…)
"""

import os
import sys
import time
import uuid
from pathlib import Path

import grpc
from google.rpc import error_details_pb2, status_pb2

from socialgateway.v1 import (
    account_pb2,
    account_service_pb2,
    account_service_pb2_grpc,
    connection_pb2,
    connection_service_pb2,
    connection_service_pb2_grpc,
    post_pb2,
    post_service_pb2,
    post_service_pb2_grpc,
    upload_pb2,
    upload_service_pb2,
    upload_service_pb2_grpc,
)

LOCATION = os.environ["GATEWAY_LOCATION"]
CALL = {"metadata": [("authorization", f"Bearer {os.environ['GATEWAY_KEY']}")], "timeout": 60}
PIECE = 1024 * 1024
# OUT_OF_RANGE, ABORTED: bytes of the broken stream came after the gateway was asked where it stands, or still come.
BROKEN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.ABORTED}
FINAL = {
    post_pb2.Post.PUBLISHED,
    post_pb2.Post.AWAITING_CREATOR,
    post_pb2.Post.FAILED,
    post_pb2.Post.CANCELLED,
    post_pb2.Post.INDETERMINATE,
}


def connect(channel: grpc.Channel) -> str:
    """Ask for a connection, wait for the consent, and return the connected account's name."""
    connections = connection_service_pb2_grpc.ConnectionServiceStub(channel)
    accounts = account_service_pb2_grpc.AccountServiceStub(channel)
    wanted = connection_pb2.Connection(provider="providers/tiktok", grant_kind=connection_pb2.GRANT_KIND_USER)
    connection = connections.CreateConnection(
        connection_service_pb2.CreateConnectionRequest(
            parent=LOCATION, connection=wanted, request_id=str(uuid.uuid4())
        ),
        **CALL,
    )
    print("open", connection.authorization.uri, flush=True)
    while connection.status == connection_pb2.Connection.PENDING:
        time.sleep(0.5)
        request = connection_service_pb2.GetConnectionRequest(name=connection.name)
        connection = connections.GetConnection(request, **CALL)
    listed = accounts.ListAccounts(
        account_service_pb2.ListAccountsRequest(parent=LOCATION, connection=connection.name), **CALL
    )
    print("connected", listed.accounts[0].name)
    return listed.accounts[0].name


def upload(channel: grpc.Channel, path: Path) -> str:
    """Upload a file; after a broken stream go on where the gateway stands. Return the upload's name."""
    uploads = upload_service_pb2_grpc.UploadServiceStub(channel)
    announced = upload_pb2.Upload(mime_type="video/mp4", size_bytes=path.stat().st_size)
    request = upload_service_pb2.CreateUploadRequest(parent=LOCATION, upload=announced, request_id=str(uuid.uuid4()))
    made = uploads.CreateUpload(request, **CALL)
    while made.state == upload_pb2.Upload.OPEN:
        try:
            made = uploads.WriteUpload(pieces(made, path), **CALL)
        except grpc.RpcError as error:
            if error.code() not in BROKEN:
                raise
            time.sleep(0.2)
            request = upload_service_pb2.GetUploadRequest(name=made.name)
            made = uploads.GetUpload(request, wait_for_ready=True, **CALL)
            print("resuming at", made.committed_size)
    print("uploaded", made.name)
    return made.name


def pieces(made: upload_pb2.Upload, path: Path):
    """Yield the rest of a file in pieces of 1 MiB; only the first names the upload, the last has `finish` set."""
    name, offset = made.name, made.committed_size
    with path.open("rb") as file:
        file.seek(offset)
        while data := file.read(PIECE):
            finish = offset + len(data) == made.size_bytes
            yield upload_service_pb2.WriteUploadRequest(name=name, write_offset=offset, data=data, finish=finish)
            name, offset = "", offset + len(data)


def publish(channel: grpc.Channel, account: str, media: str) -> None:
    """Create a post and follow it until its state is final; a watch that breaks off begins again."""
    posts = post_service_pb2_grpc.PostServiceStub(channel)
    post = post_pb2.Post(account=account, mode=post_pb2.POST_MODE_DIRECT, caption="Hello from Python")
    post.video.source.upload = media
    post.options.privacy_level = account_pb2.PRIVACY_LEVEL_ONLY_ME
    request = post_service_pb2.CreatePostRequest(parent=LOCATION, post=post, request_id=str(uuid.uuid4()))
    post = posts.CreatePost(request, **CALL)
    print("created", post.name, flush=True)
    while post.state not in FINAL:
        try:
            watch = post_service_pb2.WatchPostRequest(name=post.name)
            for change in posts.WatchPost(watch, wait_for_ready=True, **CALL):
                post = post if change.checkpoint else change.post
        except grpc.RpcError as error:
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise
    print("post", post_pb2.Post.State.Name(post.state), post.error.message)


def refused(channel: grpc.Channel) -> None:
    """Ask for a post that does not exist, and print everything that the refusal says."""
    posts = post_service_pb2_grpc.PostServiceStub(channel)
    try:
        posts.GetPost(post_service_pb2.GetPostRequest(name=f"{LOCATION}/posts/missing"), **CALL)
    except grpc.RpcError as error:
        print("refused", error.code().name, error.details())
        trailers = dict(error.trailing_metadata())
        for detail in status_pb2.Status.FromString(trailers["grpc-status-details-bin"]).details:
            kind = detail.type_url.rpartition(".")[2]
            message = getattr(error_details_pb2, kind)()
            detail.Unpack(message)
            print("detail", kind, str(message).replace("\n", " "))


if __name__ == "__main__":
    with grpc.insecure_channel(os.environ["GATEWAY"]) as gateway:
        name = connect(gateway)
        publish(gateway, name, upload(gateway, Path(sys.argv[1])))
        refused(gateway)

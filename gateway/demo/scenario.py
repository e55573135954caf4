"""The demo's scenario: connect an account, verify it, upload a video, publish it, prove that every byte arrived, answer
a comment, and run a campaign until its budget is spent.

Owns the order of the steps. How each is done is in the neighbouring files.
"""

import hashlib
import mimetypes
import subprocess
import sys
import time
import webbrowser
from pathlib import Path

from google.protobuf.timestamp_pb2 import Timestamp

from gateway.clock import now
from gateway.command_error import CommandError
from gateway.demo import ads, client, commands, consent, engagement, video
from gateway.demo.client import Client
from gateway.demo.processes import interruptible
from gateway.demo.sandbox import Sandbox, running_sandbox
from gateway.demo.screen import Screen
from socialgateway.v1 import account_pb2, connection_pb2, post_pb2

Status = connection_pb2.Connection.Status
CAPTION = "Hello from the social gateway"
BROWSER_SECONDS = 600.0


def run(*, file: Path | None, keep: bool, browser: bool, then: str) -> int:
    """Run the demo; return 0 if the vendor received exactly the bytes that were sent, or the exit code of `then`."""
    screen = Screen()
    if file is not None and not file.is_file():
        raise CommandError(f"there is no file {file}")
    if file is not None and not file.stat().st_size:
        raise CommandError(f"{file} is empty")
    with interruptible():
        screen.step("Starting a simulated TikTok and a gateway, each in its own process")
        with running_sandbox() as sandbox:
            screen.fact("gateway", f"gRPC {sandbox.grpc}, HTTP {sandbox.http}")
            screen.fact("TikTok", f"simulated at {sandbox.simulator}, for business at {sandbox.business}")
            with client.connected(sandbox.grpc, sandbox.key) as caller:
                post, identical = _publish(screen, sandbox, caller, file, browser)
                if identical:
                    engagement.run(screen, sandbox, caller)
                    ads.run(screen, sandbox, caller)
            if not identical:
                return 1
            return _afterwards(screen, sandbox, post, keep=keep, then=then)


def _publish(
    screen: Screen, sandbox: Sandbox, caller: Client, file: Path | None, browser: bool
) -> tuple[post_pb2.Post, bool]:
    """Do what a caller does; return the post, and whether the vendor received the same bytes."""
    account = _account(screen, caller, browser)
    path, mime_type = _media(screen, sandbox, file)
    sha256 = _sha256(path)
    screen.step("Uploading the video to the gateway")
    with screen.bar("uploading", path.stat().st_size) as move:
        upload = caller.upload(path, mime_type, sha256, move)
    screen.fact("upload", upload.name)
    post = _post(screen, caller, account, upload.name)
    return post, _compare(screen, sandbox, sha256)


def _account(screen: Screen, caller: Client, browser: bool) -> account_pb2.Account:
    """Connect an account through the consent page, verify it, and show its profile."""
    screen.step("Connecting an account through the consent page")
    connection = caller.connect()
    if browser:
        _ask_person(screen, caller, connection)
    else:
        screen.fact("the page says", consent.approve(connection.authorization.uri))
    verified = caller.verify(connection.name)
    screen.fact("connection", f"{verified.name} is {Status.Name(verified.status)}")
    if verified.status != Status.VALID:
        raise CommandError(f"the connection is not valid: {verified.reason_message}")
    account = caller.account(connection.name)
    followers = f", {account.follower_count:,} followers" if account.HasField("follower_count") else ""
    screen.fact("profile", f"@{account.username} ({account.display_name}{followers})")
    return account


def _ask_person(screen: Screen, caller: Client, connection: connection_pb2.Connection) -> None:
    """Wait for a person to approve in their own browser."""
    screen.line("  Open this page and press Continue:")
    screen.line(f"  {connection.authorization.uri}")
    webbrowser.open(connection.authorization.uri)
    deadline = time.monotonic() + BROWSER_SECONDS
    while caller.connection(connection.name).status == Status.PENDING:
        if time.monotonic() > deadline:
            raise CommandError("nobody pressed Continue within ten minutes")
        time.sleep(0.5)


def _media(screen: Screen, sandbox: Sandbox, file: Path | None) -> tuple[Path, str]:
    """Return the video's path and MIME type: the caller's own, or one that is encoded now."""
    if file is not None:
        mime_type = mimetypes.guess_type(file.name)[0] or "video/mp4"
        screen.step(f"Using the video {file}")
        screen.fact("size", f"{file.stat().st_size:,} bytes, {mime_type}")
        return file, mime_type
    screen.step("Encoding a real video: H.264, portrait, with motion")
    path = sandbox.folder / "demo.mp4"
    with screen.bar("encoding", video.MIN_BYTES) as move:
        video.make(path, move)
    screen.fact("size", f"{path.stat().st_size:,} bytes")
    return path, "video/mp4"


def _post(screen: Screen, caller: Client, account: account_pb2.Account, upload: str) -> post_pb2.Post:
    """Create the post and print every state it goes through."""
    creator = caller.creator(account.name)
    levels = list(creator.privacy_levels)
    public = account_pb2.PRIVACY_LEVEL_PUBLIC
    draft = post_pb2.Post(
        account=account.name,
        mode=post_pb2.POST_MODE_DIRECT,
        caption=CAPTION,
        video=post_pb2.VideoContent(source=post_pb2.MediaSource(upload=upload)),
        options=post_pb2.PostOptions(privacy_level=public if public in levels or not levels else levels[0]),
        consent=post_pb2.Consent(subject="the demo", declaration="TikTok's Music Usage Confirmation", time=_now()),
    )
    screen.step("Creating the post and watching it")
    post = caller.post(draft)
    printed = ""
    for each in caller.watch(post.name):
        post, text = each, _state_text(each)
        if text != printed:
            screen.fact("state", text)
        printed = text
    if post.state != post_pb2.Post.PUBLISHED:
        raise CommandError(f"the post ended as {post_pb2.Post.State.Name(post.state)}: {post.error.message}")
    post = caller.public(post.name)
    screen.fact("post", post.name)
    screen.fact("TikTok's id", post.provider_post_id)
    screen.fact("public URL", post.public_uri)
    return post


def _state_text(post: post_pb2.Post) -> str:
    """Return a post's state, with its progress during the transfer."""
    state = post_pb2.Post.State.Name(post.state)
    if post.state != post_pb2.Post.TRANSFERRING:
        return state
    return f"{state}, {post.progress.sent_bytes:,} of {post.progress.total_bytes:,} bytes"


def _compare(screen: Screen, sandbox: Sandbox, sha256: str) -> bool:
    """Compare what the vendor received with what was sent."""
    screen.step("Comparing what TikTok received with what was sent")
    received = [str(each["sha256"]) for each in consent.get_json(f"{sandbox.simulator}/_sim/ledger")["posts"]]
    screen.fact("sent", sha256)
    for each in received:
        screen.fact("received", each)
    if received == [sha256]:
        screen.good("Published once, and identical byte for byte.")
        return True
    screen.bad(f"NOT identical: TikTok has {len(received)} posts; there must be exactly one, with the same bytes.")
    return False


def _afterwards(screen: Screen, sandbox: Sandbox, post: post_pb2.Post, *, keep: bool, then: str) -> int:
    """Run `then` in the sandbox, keep everything running, or print what to try next."""
    if then:
        environment = commands.environment(sandbox, post.name)
        return subprocess.run(["/bin/sh", "-c", then], env=environment, check=False).returncode
    if not keep:
        screen.line("\nTo explore further, try these; each starts what it needs:\n")
        for command in commands.after():
            screen.line(f"  {command}\n")
        return 0
    screen.line("\nEverything keeps running. Try these in another terminal:\n")
    for command in commands.beside(sandbox, post.name):
        screen.line(f"  {command}\n")
    screen.line("Press Ctrl-C to stop.")
    sys.stdout.flush()
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        screen.line("\nStopping.")
    return 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _now() -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(now())
    return stamp

"""The demo's story: connect an account, verify it, upload a video, publish it, and prove that it arrived as it left.

Owns the order of the steps. How each is done stands in the files beside it.
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
from gateway.demo import client, commands, consent, video
from gateway.demo.client import Client
from gateway.demo.processes import interruptible
from gateway.demo.show import Screen
from gateway.demo.world import World, world
from socialgateway.v1 import account_pb2, connection_pb2, post_pb2

Status = connection_pb2.Connection.Status
CAPTION = "Hello from the social gateway"
BROWSER_SECONDS = 600.0


def run(*, file: Path | None, keep: bool, browser: bool, then: str) -> int:
    """Tell the story; gives 0 when the vendor holds the very bytes that left, the code of `then` when that ran."""
    screen = Screen()
    if file is not None and not file.is_file():
        raise CommandError(f"there is no file {file}")
    if file is not None and not file.stat().st_size:
        raise CommandError(f"{file} is empty")
    with interruptible():
        screen.step("A simulated TikTok and a gateway start, each a process of its own")
        with world() as around:
            screen.fact("gateway", f"gRPC {around.grpc}, HTTP {around.http}")
            screen.fact("TikTok", f"simulated at {around.simulator}")
            with client.connected(around.grpc, around.key) as caller:
                post, identical = _publish(screen, around, caller, file, browser)
            if not identical:
                return 1
            return _afterwards(screen, around, post, keep=keep, then=then)


def _publish(
    screen: Screen, around: World, caller: Client, file: Path | None, browser: bool
) -> tuple[post_pb2.Post, bool]:
    """Do what a caller does; tell whether the bytes are the same at both ends."""
    account = _account(screen, caller, browser)
    path, mime_type = _media(screen, around, file)
    sha256 = _sha256(path)
    screen.step("The video goes to the gateway")
    with screen.bar("uploading", path.stat().st_size) as move:
        upload = caller.upload(path, mime_type, sha256, move)
    screen.fact("upload", upload.name)
    post = _post(screen, caller, account, upload.name)
    return post, _compare(screen, around, sha256)


def _account(screen: Screen, caller: Client, browser: bool) -> account_pb2.Account:
    """Connect an account through the consent page, verify it, and show its profile."""
    screen.step("An account is connected through the consent page")
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
    """Let a person press the button in their own browser."""
    screen.line("  Open this page and press Continue:")
    screen.line(f"  {connection.authorization.uri}")
    webbrowser.open(connection.authorization.uri)
    deadline = time.monotonic() + BROWSER_SECONDS
    while caller.connection(connection.name).status == Status.PENDING:
        if time.monotonic() > deadline:
            raise CommandError("nobody pressed the button within ten minutes")
        time.sleep(0.5)


def _media(screen: Screen, around: World, file: Path | None) -> tuple[Path, str]:
    """Return the video and its type: the caller's own, or one made now."""
    if file is not None:
        mime_type = mimetypes.guess_type(file.name)[0] or "video/mp4"
        screen.step(f"The video is {file}")
        screen.fact("size", f"{file.stat().st_size:,} bytes, {mime_type}")
        return file, mime_type
    screen.step("A real video is made: H.264, upright, moving")
    path = around.folder / "demo.mp4"
    with screen.bar("encoding", video.MIN_BYTES) as move:
        video.make(path, move)
    screen.fact("size", f"{path.stat().st_size:,} bytes")
    return path, "video/mp4"


def _post(screen: Screen, caller: Client, account: account_pb2.Account, upload: str) -> post_pb2.Post:
    """Create the post and show every state it goes through."""
    creator = caller.creator(account.name)
    levels = list(creator.privacy_levels)
    public = account_pb2.PRIVACY_LEVEL_PUBLIC
    wanted = post_pb2.Post(
        account=account.name,
        mode=post_pb2.POST_MODE_DIRECT,
        caption=CAPTION,
        video=post_pb2.VideoContent(source=post_pb2.MediaSource(upload=upload)),
        options=post_pb2.PostOptions(privacy_level=public if public in levels or not levels else levels[0]),
        consent=post_pb2.Consent(subject="the demo", declaration="TikTok's Music Usage Confirmation", time=_now()),
    )
    screen.step("The post is created, and watched")
    post = caller.post(wanted)
    shown = ""
    for each in caller.watch(post.name):
        post, told = each, _told(each)
        if told != shown:
            screen.fact("state", told)
        shown = told
    if post.state != post_pb2.Post.PUBLISHED:
        raise CommandError(f"the post ended as {post_pb2.Post.State.Name(post.state)}: {post.error.message}")
    post = caller.public(post.name)
    screen.fact("post", post.name)
    screen.fact("TikTok's id", post.provider_post_id)
    screen.fact("public URL", post.public_uri)
    return post


def _told(post: post_pb2.Post) -> str:
    """Say where a post stands."""
    state = post_pb2.Post.State.Name(post.state)
    if post.state != post_pb2.Post.TRANSFERRING:
        return state
    return f"{state}, {post.progress.sent_bytes:,} of {post.progress.total_bytes:,} bytes"


def _compare(screen: Screen, around: World, sha256: str) -> bool:
    """Hold what the vendor received against what left."""
    screen.step("What TikTok holds is compared with what left")
    held = [str(each["sha256"]) for each in consent.get_json(f"{around.simulator}/_sim/ledger")["posts"]]
    screen.fact("sent", sha256)
    for each in held:
        screen.fact("received", each)
    if held == [sha256]:
        screen.good("Published once, and identical byte for byte.")
        return True
    screen.bad(f"NOT identical: TikTok holds {len(held)} posts, and none may differ.")
    return False


def _afterwards(screen: Screen, around: World, post: post_pb2.Post, *, keep: bool, then: str) -> int:
    """Say how to go on; keep everything running, or run a command in it, when asked to."""
    if then:
        surroundings = commands.environment(around, post.name)
        return subprocess.run(["/bin/sh", "-c", then], env=surroundings, check=False).returncode
    if not keep:
        screen.line("\nTo explore further; each of these starts what it needs:\n")
        for command in commands.after():
            screen.line(f"  {command}\n")
        return 0
    screen.line("\nEverything keeps running. From another terminal:\n")
    for command in commands.beside(around, post.name):
        screen.line(f"  {command}\n")
    screen.line("Ctrl-C ends it.")
    sys.stdout.flush()
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        screen.line("\nEnding.")
    return 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _now() -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(now())
    return stamp

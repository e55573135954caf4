"""The demo's second act: comments come in, one is answered, and a series of a metric is drawn.

Owns the order of its steps. The account is another one, of a simulated API for Business.
"""

import time
from datetime import timedelta

from gateway.command_error import CommandError
from gateway.demo import consent
from gateway.demo.client import Client
from gateway.demo.sandbox import Sandbox
from gateway.demo.screen import Screen, bars
from socialgateway.v1 import connection_pb2, engagement_pb2

COMMENTS = ("Are you open on Sunday?", "Best croissants in town.")
ANSWER = "Yes, from seven to noon."
SYNC_SECONDS = 60.0


def run(screen: Screen, sandbox: Sandbox, caller: Client) -> None:
    """Connect a business account, read its comments, answer one, and draw its views. Raises CommandError."""
    screen.step("Connecting a business account, whose comments are kept")
    connection = caller.connect(connection_pb2.GRANT_KIND_BUSINESS_ACCOUNT)
    consent.approve(connection.authorization.uri)
    account = caller.account(connection.name)
    screen.fact("account", f"@{account.username}, {account.platform}")
    video = consent.post_json(f"{sandbox.business}/_sim/video", {"caption": "Croissants"})["video_id"]
    for text in COMMENTS:
        consent.post_json(f"{sandbox.business}/_sim/comment", {"video_id": video, "text": text})
    _sync(screen, caller, account.name)
    inbox = caller.comments(account.name)
    for each in inbox:
        screen.fact(each.author_display_name, each.text)
    asked = next((each for each in inbox if each.text == COMMENTS[0]), None)
    if asked is None:
        raise CommandError("the comment that was written is not in the inbox")
    answer = caller.answer(account.name, asked.name, ANSWER)
    screen.fact("answered", f"{answer.text} ({answer.name})")
    _draw(screen, caller, account.name)


def _sync(screen: Screen, caller: Client, account: str) -> None:
    """Let the gateway read the account, and wait until it has."""
    made, deadline = caller.sync(account), time.monotonic() + SYNC_SECONDS
    while made.state == engagement_pb2.EngagementSync.RUNNING:
        if time.monotonic() > deadline:
            raise CommandError("the account was not read within a minute")
        time.sleep(0.2)
        made = caller.synced(made.name)
    [row] = made.accounts
    state = engagement_pb2.EngagementSync.State.Name(made.state)
    screen.fact("sync", f"{state}: {row.video_count} video, {row.comment_count} comments")


def _draw(screen: Screen, caller: Client, account: str) -> None:
    """Draw the account's views by the day, from the points that the sync has kept."""
    points = caller.points(account, timedelta(hours=1))
    views = [each.value for each in points if each.metric == engagement_pb2.METRIC_VIEWS]
    screen.fact("views", f"{bars(views)}  {len(views)} days, at most {max(views, default=0):,.0f}")

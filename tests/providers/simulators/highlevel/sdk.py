"""A simulated HighLevel on a socket for HighLevel's own SDKs, and the bodies that their tests send.

Owns what the tests of both SDKs share. Knows neither SDK.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from providers.simulators import serving
from tests.fixtures import consent
from tests.fixtures.consent import decide, query_of
from tests.providers.simulators.highlevel.world import BAKERY, OWNER, World, world

MEDIA_URL = "https://media.example/clip.mp4"
CSV = (
    "postAtSpecificTime (YYYY-MM-DD HH:mm:ss),content,videoUrls (comma separated),tiktokPrivacy\n"
    f"2026-11-21 10:00:00,Bread,{MEDIA_URL},everyone\n"
)
PERSON = {"originId": "tiktok-1-origin", "name": "Me", "avatar": "https://a.example/1.jpg", "type": "profile"}


@asynccontextmanager
async def served(**config: Any) -> AsyncIterator[tuple[World, str]]:
    """Serve a simulated HighLevel, and yield its world and its base URL.

    Its `…/start` answers with the URL in JSON: neither SDK returns the `Location` of a redirect.
    """
    async with world(start_answer="json", **config) as made, serving.serve(made.app) as url:
        yield made, url


async def pick(made: World, page: str) -> str:
    """Consent on the page that an SDK names, as a person in the bakery, and return the code."""
    return query_of(await decide(made.http, page, location=[BAKERY]))["code"]


async def allow(made: World, popup: str) -> str:
    """Press the button of a network's popup, and return the account id of the message to its opener."""
    return await consent.allow(made.http, popup, origin_id=PERSON["originId"])


def search(made: World) -> dict[str, str]:
    """Return the body of posts/list."""
    month = 30 * 86_400
    dates = {"fromDate": made.clock.later(-month), "toDate": made.clock.later(month)}
    return {"type": "all", "skip": "0", "limit": "10", "includeUsers": "false", **dates}


async def uploaded(made: World, version: str) -> dict[str, Any]:
    """Upload a CSV without an SDK, and return the body that sets its accounts."""
    path = f"/social-media-posting/{BAKERY}/csv"
    answer = await made.call("POST", path, files={"file": ("a.csv", CSV.encode(), "text/csv")}, version=version)
    return accounts_of(made, answer.json()["results"])


def accounts_of(made: World, results: dict[str, Any]) -> dict[str, Any]:
    """Return the body that sets the accounts of an uploaded CSV, without an approver."""
    named = {name: results[name] for name in ("filePath", "rowsCount", "fileName")}
    return {**named, "accountIds": [made.tiktok.id], "userId": OWNER, "approver": ""}


def week(made: World) -> dict[str, str]:
    """Return the last seven days without today, to their last millisecond."""
    today = made.clock().replace(hour=0, minute=0, second=0, microsecond=0)
    end = today - timedelta(milliseconds=1)
    return {"startDate": (today - timedelta(days=7)).isoformat(), "endDate": end.isoformat(timespec="milliseconds")}

"""Calls of an advertiser on the simulated Marketing API, written from the vendor's documentation.

Owns: bodies that are accepted, and the answers to them. Knows nothing of our provider.
"""

from hashlib import md5
from typing import Any

from tests.providers.simulators.tiktok_business.conftest import BASE, World

ACCOUNT, GARAGE, TOKYO = (f"710000000000000000{number}" for number in (1, 2, 3))
CAMPAIGN = {
    "campaign_name": "n",
    "objective_type": "TRAFFIC",
    "budget_mode": "BUDGET_MODE_DAY",
    "budget": 100,
    "operation_status": "DISABLE",
}
GROUP = {
    "adgroup_name": "n",
    "promotion_type": "WEBSITE",
    "placement_type": "PLACEMENT_TYPE_NORMAL",
    "placements": ["PLACEMENT_TIKTOK"],
    "location_ids": ["6252001"],
    "gender": "GENDER_UNLIMITED",
    "budget_mode": "BUDGET_MODE_DAY",
    "budget": 21,
    "schedule_type": "SCHEDULE_FROM_NOW",
    "schedule_start_time": "2026-11-20 00:00:00",
    "optimization_goal": "CLICK",
    "billing_event": "CPC",
    "bid_type": "BID_TYPE_NO_BID",
    "pacing": "PACING_MODE_SMOOTH",
    "operation_status": "DISABLE",
}
CREATIVE = {
    "ad_name": "n",
    "identity_type": "TT_USER",
    "ad_format": "SINGLE_VIDEO",
    "ad_text": "t",
    "call_to_action": "LEARN_MORE",
    "landing_page_url": "https://shop.example/",
    "operation_status": "DISABLE",
}


class Advertiser:
    """An advertiser with a token for every ad account."""

    def __init__(self, world: World, **grant: Any) -> None:
        self.world = world
        self.marketing = world.vendor.marketing
        self.token = self.marketing.grant(**grant)

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Return the envelope of a GET."""
        return await self.world.get(path, **{"token": self.token, "advertiser_id": ACCOUNT, **query})

    async def download(self, path: str, **query: str) -> str:
        """Return the text of a GET whose answer is a file."""
        asked = {"advertiser_id": ACCOUNT, **query}
        answer = await self.world.http.get(f"{BASE}{path}", params=asked, headers={"access-token": self.token})
        assert answer.headers["content-type"].startswith("text/csv"), answer.text
        return answer.text

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Return the envelope of a POST with a JSON body."""
        return await self.world.post(path, **{"token": self.token, "advertiser_id": ACCOUNT, **body})

    async def campaign(self, **changes: Any) -> str:
        """Create a campaign; return its id."""
        answer = await self.post("/campaign/create/", **{**CAMPAIGN, **changes})
        assert answer["code"] == 0, answer
        return str(answer["data"]["campaign_id"])

    async def group(self, campaign_id: str, **changes: Any) -> str:
        """Create an ad group; return its id."""
        answer = await self.post("/adgroup/create/", **{**GROUP, "campaign_id": campaign_id, **changes})
        assert answer["code"] == 0, answer
        return str(answer["data"]["adgroup_id"])

    async def upload(self, kind: str = "video", name: str = "a.mp4", *, body: bytes = b"bytes", **fields: str) -> Any:
        """Upload a file; return the envelope."""
        signature = md5(body, usedforsecurity=False).hexdigest()
        form = {"advertiser_id": ACCOUNT, "file_name": name, f"{kind}_signature": signature, **fields}
        answer = await self.world.http.post(
            f"{BASE}/file/{kind}/ad/upload/",
            data=form,
            files={f"{kind}_file": (name, body)},
            headers={"Access-Token": self.token},
        )
        return answer.json()

    async def creative(self, **changes: Any) -> dict[str, Any]:
        """Return a creative with an uploaded video that is transcoded, and a cover."""
        number = len(self.marketing.library.files)
        video = (await self.upload(name=f"{number}.mp4"))["data"][0]["video_id"]
        image = (await self.upload("image", f"{number}.jpg"))["data"]["image_id"]
        self.world.vendor.advance_clock(60)
        who = self.marketing.identities[ACCOUNT][0].identity_id
        return {**CREATIVE, "video_id": video, "image_ids": [image], "identity_id": who, **changes}

    async def ad(self, group_id: str, **changes: Any) -> str:
        """Create an ad; return its id."""
        creative = await self.creative(**changes)
        answer = await self.post("/ad/create/", adgroup_id=group_id, creatives=[creative])
        assert answer["code"] == 0, answer
        return str(answer["data"]["ad_ids"][0])

    async def tree(self, **campaign: Any) -> tuple[str, str, str]:
        """Create a campaign, an ad group and an ad, all switched on; return their ids."""
        on = {"operation_status": "ENABLE"}
        first = await self.campaign(**on, **campaign)
        second = await self.group(first, **on)
        return first, second, await self.ad(second, **on)

    async def status(self, level: str, id: str, **filtering: Any) -> str:
        """Return the secondary status of a node."""
        answer = await self.get(f"/{level}/get/", filtering={f"{level}_ids": [id], **filtering})
        return str(answer["data"]["list"][0]["secondary_status"])

    async def switch(self, level: str, ids: list[str], status: str, **more: Any) -> dict[str, Any]:
        """Switch nodes."""
        return await self.post(f"/{level}/status/update/", **{f"{level}_ids": ids, "operation_status": status, **more})

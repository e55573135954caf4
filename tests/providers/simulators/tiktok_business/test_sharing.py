"""Codes of posts at the simulated API for Business: made by the account that published them, extended, refused.

Owns: /business/post/authorize/… of the simulator.
"""

from typing import Any

import pytest

from tests.providers.simulators.tiktok_business.conftest import World

PATH = "/business/post/authorize/"


async def test_a_code_is_made_and_extended(world: World) -> None:
    """The setting makes it, extending it keeps it, and the status shows it."""
    item = {"item_id": world.vendor.add_post().id}
    assert {} == (await world.get(f"{PATH}status/", **item))["data"]
    assert 40007 == (await world.post(PATH, **item, authorization_days=7))["code"]
    await world.post(f"{PATH}setting/", **item, is_ad_promotable=True, authorization_days=7)
    first = (await world.get(f"{PATH}status/", **item))["data"]
    assert 0 == (await world.post(PATH, **item, authorization_days=365))["code"]
    second = (await world.get(f"{PATH}status/", **item))["data"]
    assert (first["auth_code"], "NOT_USED") == (second["auth_code"], second["auth_code_status"])
    assert first["auth_code_end_time"] < second["auth_code_end_time"]


@pytest.mark.parametrize(
    ("code", "change"),
    [
        (40002, {"is_ad_promotable": None}),
        (40002, {"authorization_days": 8}),
        (40002, {"authorization_days": None}),
        (40007, {"item_id": "12"}),
    ],
)
async def test_a_wrong_setting_is_refused(world: World, code: int, change: dict[str, Any]) -> None:
    """A post that is not there, days that are none of TikTok's, and a missing choice."""
    body = {"item_id": world.vendor.add_post().id, "is_ad_promotable": True, "authorization_days": 30, **change}
    assert code == (await world.post(f"{PATH}setting/", **body))["code"]


async def test_the_scope_is_needed(world: World) -> None:
    """Without `biz.spark.auth` nothing is shared."""
    token, item = world.narrow("user.info.basic"), world.vendor.add_post().id
    body = {"item_id": item, "is_ad_promotable": True, "authorization_days": 30}
    assert 40130 == (await world.post(f"{PATH}setting/", token=token, **body))["code"]

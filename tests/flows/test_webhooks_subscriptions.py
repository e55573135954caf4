"""The address for events, set by the gateway at vendors that have a call for it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.webhooks import subscriptions
from providers.simulators.tiktok_business import Fault
from tests.fixtures import business as fixture
from tests.fixtures.business import BusinessWorld
from tests.fixtures.gateway import PUBLIC_URL

ADDRESS = f"{PUBLIC_URL}/webhooks/tiktok"
ALL = dict.fromkeys(("COMMENT", "VIDEO", "DEFAULT"), ADDRESS)


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[BusinessWorld]:
    """Yield a gateway that sets its address by itself."""
    async with fixture.opened(database_url, tmp_path, tiktok_business_webhooks=True) as world:
        yield world


async def test_the_gateway_subscribes_itself(stage: BusinessWorld) -> None:
    """Comments, posts and ended authorizations come to the gateway's own address; doing it again changes nothing."""
    for _ in range(2):
        await subscriptions.keep(stage.world.domain)
    assert ALL == stage.vendor.subscriptions


async def test_it_is_left_to_the_operator_unless_chosen(business: BusinessWorld) -> None:
    """Without the setting nothing is called: another installation of the same app may have its address there."""
    business.vendor.subscriptions["COMMENT"] = "https://production.example/webhooks/tiktok"
    await subscriptions.keep(business.world.domain)
    assert {"COMMENT": "https://production.example/webhooks/tiktok"} == business.vendor.subscriptions
    assert 0 == business.calls("webhook.update")


async def test_a_list_of_single_posts_is_lifted(stage: BusinessWorld) -> None:
    """Once the app had a list of posts, only their comments are told: it is removed, and all comments are told."""
    stage.vendor.subscriptions["COMMENT"], stage.vendor.told_posts = ADDRESS, ["7602997517160123000"]
    await subscriptions.keep(stage.world.domain)
    assert (ALL, []) == (stage.vendor.subscriptions, stage.vendor.told_posts)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "html", "error"])
async def test_what_failed_is_done_in_the_next_round(stage: BusinessWorld, kind: str) -> None:
    """A refusal or a lost answer stops nothing else, and the next round sets what is missing."""
    stage.vendor.faults.add(Fault(match="webhook.update", kind=kind, code="50000"))
    await subscriptions.keep(stage.world.domain)
    await subscriptions.keep(stage.world.domain)
    assert ALL == stage.vendor.subscriptions


async def test_a_wrong_secret_says_so_in_the_log(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refusal is logged by its code, without the secret."""
    secret = "canary-not-the-secret"
    told: dict[str, Any] = {"tiktok_business_webhooks": True, "tiktok_business_secret": secret}
    async with fixture.opened(database_url, tmp_path, **told) as stage:
        await subscriptions.keep(stage.world.domain)
        assert {} == stage.vendor.subscriptions
    shown = capsys.readouterr()
    assert "40101" in shown.out + shown.err
    assert secret not in shown.out + shown.err

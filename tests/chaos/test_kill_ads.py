"""A gateway killed at every step of a creation and of a launch of ads: none twice, and nothing that nobody confirmed.

Owns the places, each proved to be reached. The clock is set ahead only when all deaths have happened, so that each
process has nothing to do but what it dies of. The ledger of the simulated Marketing API is the judge.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2

from gateway.domain.ads.writes import GIVE_UP
from providers.simulators.serving import serve
from providers.simulators.tiktok_business import SimulatorConfig, create_app
from socialgateway.ads.v1 import delivery_pb2
from socialgateway.ads.v1.ad_report_pb2 import AdReport
from socialgateway.ads.v1.ad_report_service_pb2 import StreamAdReportRequest
from tests.chaos import business, processes
from tests.chaos.forks import Ahead, nursery
from tests.chaos.test_kill_publish import KILLED
from tests.fixtures.ads import campaign, group
from tests.fixtures.client import Client
from tests.fixtures.waiting import until
from tests.rpc.answers import detail, status_of

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

PAUSED, FAILED = delivery_pb2.DELIVERY_STATE_PAUSED, delivery_pb2.DELIVERY_STATE_FAILED
SENT, DONE = "ads.after-commit.SENT", "ads.after-commit.DONE"
COMMITS = ("ads.after-commit.INTENT", SENT, DONE)
CREATING = (*COMMITS, "ads.after-call.create")
UPLOADING = "ads.after-call.upload"
LAUNCHING = (*COMMITS, "ads.before-call.launch", "ads.after-call.launch")
REPORTING = "ad_reports.after-call.request"
PLACES = (*CREATING, UPLOADING, REPORTING, *LAUNCHING)
LAUNCH = "CampaignService/LaunchCampaign"
VIDEO = processes.pattern(300_000)


@dataclass
class Advertiser:
    """An advertiser of gateways that die, what TikTok has of it, and the name of its ad account."""

    gateway: processes.Gateway
    marketing: Any
    ahead: Ahead
    account: str = ""

    @asynccontextmanager
    async def preparing(self) -> AsyncIterator[Client]:
        """Connect at a gateway that does nothing by itself; it ends with the block."""
        quiet = replace(self.gateway, options=("--no-jobs",))
        async with processes.running(quiet), quiet.client() as client:
            self.account = await business.connect_advertiser(client)
            yield client

    async def dies(self, place: str, method: str, **values: Any) -> None:
        """Call a method of a new process, which dies at a place."""
        async with processes.running(self.gateway, failpoint=f"{place}=kill"), self.gateway.client() as client:
            with suppress(grpc.aio.AioRpcError):
                await client.call(method, **values)
            assert KILLED == await self.gateway.died(processes.PATIENCE_SECONDS), f"{place} was not reached"

    @asynccontextmanager
    async def afterwards(self) -> AsyncIterator[Client]:
        """Run a gateway when all leases are over, and whatever was on its way has arrived or never will."""
        self.ahead.be(GIVE_UP + timedelta(minutes=1))
        async with processes.running(self.gateway), self.gateway.client() as client:
            yield client

    def ad(self, name: str, **creative: Any) -> dict[str, Any]:
        """Return the fields of an ad, of a post whose author gave a code unless told otherwise."""
        code = {} if creative else {"authorization_code": self.marketing.add_spark_code("7000000000000000042")}
        return {"display_name": name, "creative": {**code, **creative, "landing_uri": "https://bakery.example/"}}


@asynccontextmanager
async def opened(database_url: str, folder: Path) -> AsyncIterator[Advertiser]:
    """Open the simulated Marketing API for the length of a block; no gateway runs yet."""
    ahead = Ahead(folder / "clock")
    app = create_app(SimulatorConfig(rate_limits=False, transcoding_seconds=0), clock=ahead)
    async with serve(app) as vendor_url, nursery(ahead) as forks:
        settings = business.settings(vendor_url, app.state.vendor)
        gateway = processes.Gateway(database_url, vendor_url, folder, settings=settings, nursery=forks)
        yield Advertiser(gateway, app.state.vendor.marketing, ahead)


async def settled(client: Client, method: str, **values: Any) -> Any:
    """Repeat a call until it is known what came of it, and return that."""
    found: list[Any] = []

    async def is_known() -> bool:
        found.append(await client.call(method, **values))
        return not found[-1].reconciling

    await until(is_known, processes.PATIENCE_SECONDS)
    return found[-1]


async def test_a_kill_while_creating_makes_none_twice(database_url: str, tmp_path: Path) -> None:
    """Campaigns, ad groups and ads: each is made once and paused, or never and FAILED; the same request gives it."""
    async with opened(database_url, tmp_path) as advertiser:
        async with advertiser.preparing() as client:
            top = await client.call("CampaignService/CreateCampaign", parent=advertiser.account, campaign=campaign())
            middle = await client.call("AdGroupService/CreateAdGroup", parent=top.name, ad_group=group())
            video = await client.upload(VIDEO, "video/mp4", parent=processes.LOCATION)
            listed = await client.call("AdAccountService/ListAdIdentities", parent=advertiser.account)
        wanted: dict[str, tuple[str, dict[str, Any]]] = {}
        for place in CREATING:
            of = {"campaign": campaign(display_name=f"c {place}")}
            wanted[f"c {place}"] = "CampaignService/CreateCampaign", {"parent": advertiser.account, **of}
            of = {"ad_group": group(display_name=f"g {place}")}
            wanted[f"g {place}"] = "AdGroupService/CreateAdGroup", {"parent": top.name, **of}
            of = {"ad": advertiser.ad(f"a {place}")}
            wanted[f"a {place}"] = "AdService/CreateAd", {"parent": middle.name, **of}
        shown = {"upload": video, "text": "Fresh", "identity": listed.identities[0].identity}
        of = {"ad": advertiser.ad(f"a {UPLOADING}", **shown)}
        wanted[f"a {UPLOADING}"] = "AdService/CreateAd", {"parent": middle.name, **of}
        for _, values in wanted.values():
            values["request_id"] = str(uuid4())
        for name, (method, values) in wanted.items():
            await advertiser.dies(name.partition(" ")[2], method, **values)
        async with advertiser.afterwards() as client:
            made = {name: await settled(client, method, **values) for name, (method, values) in wanted.items()}

    never = {name for name in wanted if name.endswith(SENT)}
    assert never == {name for name, each in made.items() if each.state == FAILED}
    assert set(wanted) - never == {name for name, each in made.items() if each.state == PAUSED}
    counted = Counter(name.partition(" [")[0] for _, _, name in advertiser.marketing.created)
    assert dict.fromkeys(set(wanted) - never, 1) == {name: counted[name] for name in wanted if counted[name]}
    assert [] == advertiser.marketing.launched


async def test_a_kill_while_a_report_is_asked_for(database_url: str, tmp_path: Path) -> None:
    """The next process asks again, which costs a task at the vendor and nothing else, and the report is made."""
    async with opened(database_url, tmp_path) as advertiser:
        async with advertiser.preparing() as client:
            day = {"year": 2026, "month": 11, "day": 20}
            of = {"level": "AD_REPORT_LEVEL_AD", "metrics": ["AD_METRIC_SPEND"], "start_date": day, "end_date": day}
            method = "AdReportService/CreateAdReport"
            made = await client.call(method, parent=advertiser.account, ad_report=of)
        async with processes.running(advertiser.gateway, failpoint=f"{REPORTING}=kill"):
            assert KILLED == await advertiser.gateway.died(processes.PATIENCE_SECONDS)
        async with advertiser.afterwards() as client:

            async def is_made() -> bool:
                found = await client.call("AdReportService/GetAdReport", name=made.name)
                return bool(found.state == AdReport.SUCCEEDED)

            await until(lambda: len(advertiser.marketing.reports) == 2)
            advertiser.ahead.be(timedelta(hours=1))
            await until(is_made, processes.PATIENCE_SECONDS)
            [empty] = await client.stream("AdReportService/StreamAdReport", [StreamAdReportRequest(name=made.name)])
    assert ([], 2) == (list(empty.rows), len(advertiser.marketing.reports))


async def confirmation(client: Client, wanted: dict[str, Any]) -> str:
    """Return what lets a launch pass that needs to be confirmed."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.call(LAUNCH, **wanted)
    info = detail(status_of(caught.value), error_details_pb2.ErrorInfo)
    assert info is not None
    return str(info.metadata["spendConfirmation"])


async def tree(client: Client, advertiser: Advertiser, name: str) -> dict[str, Any]:
    """Create a campaign with an ad group and an ad, and return the request to launch all of it, not confirmed."""
    top = await client.call(
        "CampaignService/CreateCampaign", parent=advertiser.account, campaign=campaign(display_name=name)
    )
    middle = await client.call("AdGroupService/CreateAdGroup", parent=top.name, ad_group=group())
    await client.call("AdService/CreateAd", parent=middle.name, ad=advertiser.ad(name))
    return {"name": top.name, "etag": top.etag, "include_children": True, "request_id": str(uuid4())}


async def test_a_kill_while_launching_launches_nothing_that_was_not_meant(database_url: str, tmp_path: Path) -> None:
    """What the dead process had called stays on, which without its campaign spends nothing; nobody goes on with it."""
    async with opened(database_url, tmp_path) as advertiser:
        async with advertiser.preparing() as client:
            await confirmation(client, await tree(client, advertiser, "nobody confirms this one"))
            wanted = {place: await tree(client, advertiser, place) for place in LAUNCHING}
            for each in wanted.values():
                each["spend_confirmation"] = await confirmation(client, each)
        marketing = advertiser.marketing
        called = {}
        for place, values in wanted.items():
            before = len(marketing.launched)
            await advertiser.dies(place, LAUNCH, **values)
            called[place] = [level for level, _ in marketing.launched[before:]]
        at_death = list(marketing.launched)
        async with advertiser.afterwards() as client:
            made = {place: await settled(client, LAUNCH, **values) for place, values in wanted.items()}

    expected = {"ads.after-call.launch": ["ad"], DONE: ["ad", "adgroup", "campaign"]}
    assert expected == {place: levels for place, levels in called.items() if levels}
    assert at_death == marketing.launched
    assert {place: place != DONE for place in LAUNCHING} == {place: made[place].state == PAUSED for place in made}
    assert {place: place != DONE for place in LAUNCHING} == {place: bool(made[place].error.message) for place in made}

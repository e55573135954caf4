"""The harness of the contract tests for TikTok's Marketing API: the provider over the simulator, for advertisers.

Owns what the contract of ads needs of a vendor: an ad account, specs that it accepts, money that was spent.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from hashlib import md5, sha256
from typing import Any, ClassVar

import httpx

from providers.capabilities import Capability, Cell, Support
from providers.checked import checked
from providers.models.ads import (
    AdAccount,
    AdBudget,
    AdGroupSpec,
    AdLevel,
    AdMediaFile,
    AdMediaKind,
    AdNode,
    AdParents,
    AdSpec,
    BudgetKind,
    CampaignSpec,
    IdentityKind,
    IdentityRef,
    Switch,
    Targeting,
    UploadedVideo,
)
from providers.models.grants import GrantKind
from providers.simulators.tiktok_business import SimulatorConfig, create_app
from providers.tiktok import build
from providers.tiktok.capabilities import TABLE
from tests.providers import faking
from tests.providers.conformance.harness import Harness
from tests.providers.faking import NOW, Line
from tests.providers.tiktok_business.sandbox import REDIRECT, Sandbox

_ADVERTISED = (Capability.ADS, Capability.AUDIENCES)
_NOT_ADS = Cell(Support.NOT_YET, "Through the grant of an advertiser there are ads only.")
ADS_TABLE = replace(TABLE, cells={each: TABLE.cells[each] if each in _ADVERTISED else _NOT_ADS for each in Capability})
"""What of TikTok's table the grant of an advertiser can do; how it is obtained is tested beside the contract."""


def key_of(name: str) -> str:
    """Return a key for a create or an upload."""
    return sha256(name.encode()).hexdigest()


class Advertising(Harness):
    """The harness over the simulator, for the grant of an advertiser."""

    redirect_uri = REDIRECT
    operations: ClassVar = {
        "profile": "user.info",
        "ad_accounts": "advertiser.info",
        "nodes": "campaign.get",
        "campaign": "campaign.create",
        "ad_group": "adgroup.create",
        "ad": "ad.create",
        "switch": "campaign.status",
        "upload": "video.upload",
        "report": "report.get",
        "audience": "audience.create",
        "audiences": "audience.list",
    }
    refusals: ClassVar = {
        "rate": {"kind": "error", "code": "40100", "message": "App 7 reaches the QPS limit 10, current QPS is 11"},
        "unknown": {"kind": "error", "code": "49999"},
    }

    @property
    def unchecked(self) -> Any:
        """The provider without the check of its table."""
        changes: dict[str, Any] = {"table": ADS_TABLE, "authorization": self.sandbox.authorization}
        return replace(self.sandbox.provider, **changes)

    @property
    def provider(self) -> Any:
        """The provider as the gateway uses it for such a grant."""
        return checked(self.unchecked)

    @property
    def marketing(self) -> Any:
        """What the simulator knows of ads."""
        return self.sandbox.vendor.marketing

    @property
    def advertiser(self) -> str:
        """The id of the first ad account."""
        found: str = next(iter(self.marketing.advertisers))
        return found

    def match(self) -> None:
        """Let time pass until the members of audiences are matched."""
        self.sandbox.vendor.advance_clock(self.sandbox.vendor.config.matching_seconds)

    def make_report(self) -> None:
        """Let time pass until a long report is made."""
        self.sandbox.vendor.advance_clock(self.sandbox.vendor.config.report_seconds)

    def count(self) -> int:
        """Return how many nodes were ever created."""
        return len(self.marketing.created)

    def launched(self) -> int:
        """Return how often a node was switched on."""
        return len(self.marketing.launched)

    async def ad_account(self, access: Any) -> AdAccount:
        """Return the first ad account."""
        found: tuple[AdAccount, ...] = await self.provider.ads.ad_accounts(access)
        return found[0]

    def campaign(self, name: str = "Spring") -> CampaignSpec:
        """Return a campaign that the ad account may have."""
        return CampaignSpec(name, "TRAFFIC", AdBudget(BudgetKind.DAILY, Decimal("120.50")))

    def too_small(self) -> CampaignSpec:
        """Return a campaign whose budget is too small."""
        return replace(self.campaign(), budget=AdBudget(BudgetKind.DAILY, Decimal("50")))

    def ad_group(self, name: str = "Everybody") -> AdGroupSpec:
        """Return an ad group for the campaign."""
        return AdGroupSpec(
            name,
            AdBudget(BudgetKind.DAILY, Decimal("30")),
            Targeting(("DE", "FR"), ("18-24", "55+"), ("female",), ("de",)),
            "CLICK",
            "CPC",
            promotion_type="WEBSITE",
        )

    async def ad(self, access: Any, account_id: str, name: str = "Video") -> AdSpec:
        """Return an ad for the ad group, with a video that is uploaded and ready."""
        ads = self.provider.ads
        file = self.file(AdMediaKind.VIDEO)
        video = await ads.upload_media(access, account_id, file, faking.content, key=key_of(name))
        self.sandbox.vendor.advance_clock(600)
        [cover, *_] = await ads.covers(access, account_id, video.id)
        identity = IdentityRef(IdentityKind.ACCOUNT, self.marketing.identities[account_id][0].identity_id)
        creative = UploadedVideo(video.id, cover.id)
        return AdSpec(name, creative, identity, "Come in.", "LEARN_MORE", "https://shop.example/")

    def file(self, kind: AdMediaKind, size: int = 100_000) -> AdMediaFile:
        """Return a file of the endless content of all tests."""
        body = (faking.PIECE * (size // len(faking.PIECE) + 1))[:size]
        mime_type = "video/mp4" if kind is AdMediaKind.VIDEO else "image/jpeg"
        return AdMediaFile(kind, size, md5(body, usedforsecurity=False).hexdigest(), mime_type)

    async def tree(self, access: Any, account: AdAccount) -> tuple[AdNode, AdNode, AdNode]:
        """Create a campaign with an ad group with an ad; return them."""
        ads = self.provider.ads
        campaign = await ads.create(access, account, self.campaign(), parents=AdParents(), key=key_of("c"))
        above = AdParents(campaign.id, self.campaign())
        group = await ads.create(access, account, self.ad_group(), parents=above, key=key_of("g"))
        above = replace(above, ad_group_id=group.id, ad_group=self.ad_group())
        ad = await ads.create(access, account, await self.ad(access, account.id), parents=above, key=key_of("a"))
        return campaign, group, ad

    async def spend(self, access: Any, account: AdAccount, hours: float) -> tuple[AdNode, AdNode, AdNode]:
        """Create a tree, launch it, and let it spend for some hours after its review."""
        found = await self.tree(access, account)
        for node, level in zip(reversed(found), reversed(AdLevel), strict=True):
            await self.provider.ads.switch(access, account.id, level, [node.id], Switch.ENABLED)
        self.sandbox.vendor.advance_clock(3_600 + hours * 3_600)
        return found


@asynccontextmanager
async def advertising(**more: Any) -> AsyncIterator[Advertising]:
    """Yield the harness over a new simulator without rate limits."""
    config = SimulatorConfig(**{"rate_limits": False, **more})
    app = create_app(config, clock=lambda: NOW)
    vendor, transport = app.state.vendor, httpx.ASGITransport(app)
    line = Line(transport)
    settings = {"business_app_id": config.client_key, "business_secret": config.client_secret}
    provider = build(settings, clock=vendor.now, transport=line)
    async with httpx.AsyncClient(transport=transport) as browser:
        yield Advertising(Sandbox(provider, vendor, browser, line, GrantKind.ADVERTISER))
    await provider.close()

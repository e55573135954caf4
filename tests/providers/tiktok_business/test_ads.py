"""Ads over the simulated Marketing API: what TikTok drops, looks up, splits and rejects, and what that means to us.

Owns what is TikTok's own. The contract of every provider is in conformance/test_ads.py.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from providers.errors import (
    Ambiguous,
    CapabilityMissing,
    ContentRefused,
    NotFound,
    OptionUnsupported,
    ProviderError,
    ScopeNotGranted,
    Unavailable,
)
from providers.models.ads import (
    AdLevel,
    AdMediaKind,
    AdMetric,
    AdParents,
    AdQuery,
    AdSpec,
    AuthorizedPost,
    DeliveryState,
    ReportDimension,
    ReportLevel,
    ReportQuery,
    Switch,
    Targeting,
    UploadedVideo,
)
from providers.simulators.tiktok_business import Fault
from providers.tiktok_business.ads.media import WHOLE_MAX
from tests.providers import faking
from tests.providers.faking import NOW
from tests.providers.tiktok_business.ads_harness import Advertising, advertising, key_of
from tests.providers.tiktok_business.support import AdsAccess, FakeAccess, ok, tiktok

SHARED = "7602997517160123000"


async def above(harness: Advertising, access: Any, account: Any) -> AdParents:
    """Create a campaign and an ad group; return them as the parents of an ad."""
    ads = harness.provider.ads
    campaign = await ads.create(access, account, harness.campaign(), parents=AdParents(), key=key_of("c"))
    parents = AdParents(campaign.id, harness.campaign())
    group = await ads.create(access, account, harness.ad_group(), parents=parents, key=key_of("g"))
    return replace(parents, ad_group_id=group.id, ad_group=harness.ad_group())


async def node(harness: Advertising, access: Any, account: Any, level: AdLevel, id: str) -> Any:
    """Return a node as TikTok has it."""
    return (await harness.provider.ads.find(access, account.id, AdQuery(level, (id,)))).nodes[0]


async def test_a_pause_that_was_ignored_is_told() -> None:
    """A campaign that TikTok switched on all the same is a difference, and nothing below it is delivered."""
    async with advertising(ignore_disable=True) as harness:
        access = await harness.access()
        account = await harness.ad_account(access)
        parents = await above(harness, access, account)
        found = await node(harness, access, account, AdLevel.CAMPAIGN, parents.campaign_id)

        assert ["switch"] == [each.field for each in harness.provider.ads.differences(harness.campaign(), found)]
        harness.sandbox.vendor.advance_clock(86_400)
        assert 0 == harness.marketing.nodes[parents.campaign_id].spent()


async def test_a_field_that_was_dropped_is_told() -> None:
    """What TikTok forgets without a word is named with what was wanted."""
    async with advertising(dropped=("languages",)) as harness:
        access = await harness.access()
        account = await harness.ad_account(access)
        parents = await above(harness, access, account)
        found = await node(harness, access, account, AdLevel.AD_GROUP, parents.ad_group_id)

        [lost] = harness.provider.ads.differences(harness.ad_group(), found)
        assert ("targeting.language_codes", "de", "") == (lost.field, lost.wanted, lost.actual)


async def test_countries_are_looked_up_once() -> None:
    """Codes become TikTok's ids and come back as codes, with one look-up a day for each ad account."""
    async with advertising() as harness:
        access = await harness.access()
        account = await harness.ad_account(access)
        parents = await above(harness, access, account)
        found = await node(harness, access, account, AdLevel.AD_GROUP, parents.ad_group_id)

        assert ("DE", "FR") == found.spec.targeting.region_codes
        assert ["2921044", "3017382"] == harness.marketing.nodes[parents.ad_group_id].fields["location_ids"]
        assert 1 == sum(each.operation == "region.get" for each in harness.sandbox.vendor.requests)
        nowhere = replace(harness.ad_group("other"), targeting=Targeting(("AQ",)))
        with pytest.raises(OptionUnsupported) as caught:
            await harness.provider.ads.create(access, account, nowhere, parents=parents, key=key_of("n"))
        assert "targeting.region_codes" == caught.value.field


async def test_a_rejection_comes_with_its_reason() -> None:
    """A rejected ad says why, and what TikTok suggests."""
    async with advertising() as harness:
        harness.marketing.deny("Video", "Misleading claim.")
        access = await harness.access()
        account = await harness.ad_account(access)
        _, group, ad = await harness.spend(access, account, hours=0)

        for level, id in ((AdLevel.AD, ad.id), (AdLevel.AD_GROUP, group.id)):
            found = await node(harness, access, account, level, id)
            assert DeliveryState.REJECTED is found.state
            assert found.rejection_reason.startswith("Misleading claim. Change the ad")


async def test_an_ad_whose_answer_was_lost_is_found_by_its_mark() -> None:
    """There is no deduplication of ads: the mark in the name tells whether the first call made one."""
    async with advertising() as harness:
        access, ads = await harness.access(), harness.provider.ads
        account = await harness.ad_account(access)
        parents = await above(harness, access, account)
        spec = await harness.ad(access, account.id)
        harness.fail("ad", "after")
        with pytest.raises(Ambiguous):
            await ads.create(access, account, spec, parents=parents, key=key_of("a"))

        found = await ads.find_created(access, account.id, spec, parents=parents, key=key_of("a"))

        assert found is not None
        assert ("Video", Switch.PAUSED, ()) == (found.name, found.switch, ads.differences(spec, found))


async def test_a_video_that_is_being_transcoded_is_waited_for() -> None:
    """TikTok refuses such an ad: nothing was made, and the same call may be made again."""
    async with advertising() as harness:
        access, ads = await harness.access(), harness.provider.ads
        account = await harness.ad_account(access)
        parents = await above(harness, access, account)
        spec = await harness.ad(access, account.id)
        fresh = await ads.upload_media(
            access, account.id, harness.file(AdMediaKind.VIDEO), faking.content, key=key_of("f")
        )
        assert isinstance(spec.creative, UploadedVideo)
        early = replace(spec, creative=UploadedVideo(fresh.id, spec.creative.cover_id))

        with pytest.raises(Unavailable) as caught:
            await ads.create(access, account, early, parents=parents, key=key_of("a"))

        assert ("40901", False, 2) == (caught.value.code, fresh.ready, harness.count())
        with pytest.raises(Unavailable):
            await ads.covers(access, account.id, fresh.id)
        harness.sandbox.vendor.advance_clock(60)
        await ads.create(access, account, early, parents=parents, key=key_of("a"))


async def test_a_large_video_goes_in_chunks() -> None:
    """Each chunk is read for its signature and once more to be sent; TikTok has the whole file afterwards."""
    async with advertising() as harness:
        access, reads = await harness.access(), []
        account, file = await harness.ad_account(access), harness.file(AdMediaKind.VIDEO, WHOLE_MAX + 1)

        def body(first: int, end: int) -> AsyncIterator[bytes]:
            reads.append((first, end))
            return faking.content(first, end)

        made = await harness.provider.ads.upload_media(access, account.id, file, body, key=key_of("large"))

        kept = harness.marketing.library.files[made.id]
        assert (file.size, file.md5) == (kept.size, kept.md5)
        assert 6 == len(reads)
        assert all(reads.count(each) == 2 for each in reads)


async def test_a_file_that_tiktok_does_not_take_is_refused_before_any_call() -> None:
    """Types and sizes are checked first."""
    async with advertising() as harness:
        access, ads, video = await harness.access(), harness.provider.ads, harness.file(AdMediaKind.VIDEO)
        before = harness.sent()
        for file in (replace(video, mime_type="video/webm"), replace(video, size=0), replace(video, size=2**30)):
            with pytest.raises(ContentRefused) as caught:
                await ads.upload_media(access, "1", file, faking.content, key=key_of("x"))
            assert caught.value.metadata["field"] in ("mime_type", "size")
        assert before == harness.sent()


async def test_a_wrong_signature_is_refused() -> None:
    """A file whose bytes are others than announced is not kept."""
    async with advertising() as harness:
        access = await harness.access()
        account, file = await harness.ad_account(access), replace(harness.file(AdMediaKind.VIDEO), md5="0" * 32)
        with pytest.raises(ContentRefused) as caught:
            await harness.provider.ads.upload_media(access, account.id, file, faking.content, key=key_of("x"))
        assert ("40900", {}) == (caught.value.code, harness.marketing.library.files)


async def test_an_ad_group_changes_and_keeps_its_start() -> None:
    """Lists that became empty are emptied, the start stays unless another is wanted, the mark stays in the name."""
    async with advertising() as harness:
        access, ads = await harness.access(), harness.provider.ads
        account = await harness.ad_account(access)
        parents = await above(harness, access, account)
        before = await node(harness, access, account, AdLevel.AD_GROUP, parents.ad_group_id)
        wanted = replace(harness.ad_group("Few"), targeting=Targeting(("US",)), end=NOW + timedelta(days=3))

        rest = {"before": before.spec, "tag": before.tag, "parents": parents}
        await ads.update(access, account, before.id, wanted, **rest)

        after = await node(harness, access, account, AdLevel.AD_GROUP, before.id)
        assert ((), before.tag) == (ads.differences(wanted, after), after.tag)
        assert before.spec.start == after.spec.start


async def test_an_ad_changes_as_a_whole() -> None:
    """What the ad says now is what was wanted."""
    async with advertising() as harness:
        access, ads = await harness.access(), harness.provider.ads
        account = await harness.ad_account(access)
        parents = await above(harness, access, account)
        spec = await harness.ad(access, account.id)
        made = await ads.create(access, account, spec, parents=parents, key=key_of("a"))
        wanted = replace(spec, text="Come back.", call_to_action="SHOP_NOW")

        await ads.update(access, account, made.id, wanted, before=spec, tag=made.tag, parents=parents)

        assert () == ads.differences(wanted, await node(harness, access, account, AdLevel.AD, made.id))


async def test_a_node_that_we_cannot_describe_has_no_spec() -> None:
    """A campaign whose ad groups share its budget is listed and can be paused, and is not taken for another kind."""
    async with advertising() as harness:
        access, ads = await harness.access(), harness.provider.ads
        account = await harness.ad_account(access)
        made = await ads.create(access, account, harness.campaign(), parents=AdParents(), key=key_of("c"))
        harness.marketing.nodes[made.id].fields["budget_optimize_on"] = True

        found = await node(harness, access, account, AdLevel.CAMPAIGN, made.id)

        assert (None, "Spring") == (found.spec, found.name)
        assert ["spec"] == [each.field for each in ads.differences(harness.campaign(), found)]
        assert {} == await ads.switch(access, account.id, AdLevel.CAMPAIGN, [made.id], Switch.PAUSED)


async def test_a_post_becomes_an_ad_with_its_authors_code() -> None:
    """Redeeming a code gives post and identity of the ad; a second time it is the same."""
    async with advertising() as harness:
        access, ads = await harness.access(), harness.provider.ads
        account = await harness.ad_account(access)
        parents, code = await above(harness, access, account), harness.marketing.add_spark_code(SHARED)
        first: AuthorizedPost = await ads.authorize_post(access, account.id, code)
        again: AuthorizedPost = await ads.authorize_post(access, account.id, code)

        spec = AdSpec("Spark", first.creative, first.identity, landing_uri="https://shop.example/")
        made = await ads.create(access, account, spec, parents=parents, key=key_of("s"))

        assert (first, SHARED) == (again, first.creative.post_id)
        assert () == ads.differences(spec, await node(harness, access, account, AdLevel.AD, made.id))
        with pytest.raises(ContentRefused):
            await ads.authorize_post(access, account.id, "#unknown")


async def test_a_report_by_day_is_in_the_accounts_time() -> None:
    """Days are dates, hours have no minutes, and what has no number is None."""
    async with advertising() as harness:
        access, ads = await harness.access(), harness.provider.ads
        account = await harness.ad_account(access)
        await harness.spend(access, account, hours=30)
        today = (NOW + timedelta(hours=1)).date()
        query = ReportQuery(
            ReportLevel.AD,
            (AdMetric.SPEND, AdMetric.RESULTS, AdMetric.CLICK_RATE),
            today,
            today + timedelta(days=1),
            (ReportDimension.DAY,),
        )

        by_day = (await ads.report(access, account.id, query)).rows
        by_hour = (
            await ads.report(access, account.id, replace(query, end=query.start, dimensions=(ReportDimension.HOUR,)))
        ).rows

        assert [today.isoformat(), (today + timedelta(days=1)).isoformat()] == [
            each.dimensions[ReportDimension.DAY] for each in by_day
        ]
        assert by_day[0].metrics[AdMetric.SPEND] == sum(row.metrics[AdMetric.SPEND] or Decimal(0) for row in by_hour)
        assert all(len(row.dimensions[ReportDimension.HOUR]) == len("2026-11-20T13") for row in by_hour)
        assert {None} == {row.metrics[AdMetric.RESULTS] for row in by_day}


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("metrics", {"metrics": ()}),
        ("dimensions", {"dimensions": (ReportDimension.DAY, ReportDimension.HOUR)}),
        ("dimensions", {"start": None, "end": None, "dimensions": (ReportDimension.DAY,)}),
        ("end", {"end": None}),
        ("end", {"end": date(2026, 10, 31)}),
        ("end", {"end": date(2027, 11, 1)}),
        ("end", {"end": date(2026, 12, 1), "dimensions": (ReportDimension.DAY,)}),
        ("end", {"end": date(2026, 11, 2), "dimensions": (ReportDimension.HOUR,)}),
        ("ids", {"ids": tuple(str(each) for each in range(101))}),
    ],
)
async def test_a_report_that_tiktok_does_not_have_is_refused_before_any_call(
    field: str, change: dict[str, Any]
) -> None:
    """Spans of days and dimensions are checked first, and named."""
    provider, vendor = tiktok()
    query = ReportQuery(ReportLevel.AD, (AdMetric.SPEND,), date(2026, 11, 1), date(2026, 11, 7))
    with pytest.raises(OptionUnsupported) as caught:
        await provider.ads.report(AdsAccess(), "1", replace(query, **change))
    assert (field, []) == (caught.value.field, vendor.requests)


@pytest.mark.parametrize("code", ["40002", "40050", "40700"])
async def test_a_refusal_that_a_repeat_may_cause_proves_nothing(code: str) -> None:
    """What a repeated create is answered with is not documented: whoever keeps a journal looks first."""
    async with advertising() as harness:
        access = await harness.access()
        account = await harness.ad_account(access)
        harness.sandbox.vendor.faults.add(Fault(match="campaign.create", kind="error", code=code))
        with pytest.raises(ProviderError) as caught:
            await harness.provider.ads.create(access, account, harness.campaign(), parents=AdParents(), key=key_of("c"))
        assert isinstance(caught.value, Ambiguous) or caught.value.unproven


async def test_a_post_is_shared_by_the_account_that_published_it() -> None:
    """Two writes and a read make its code; an advertiser's grant, and one without the scope, cannot."""
    code = ok({"auth_code": "#code=", "auth_code_start_time": "2026-11-20 00:00:00", "auth_code_status": "NOT_USED"})
    provider, vendor = tiktok(ok({}), ok({}), code)
    shared = await provider.ads.share_post(FakeAccess("biz.spark.auth"), SHARED, days=30)
    paths = [each.url.path.removeprefix("/open_api/v1.3/business/post/authorize/") for each in vendor.requests]

    assert ("#code=", ["setting/", "", "status/"]) == (shared.code.reveal(), paths)
    assert "#code=" not in repr(shared)
    with pytest.raises(CapabilityMissing):
        await provider.ads.share_post(AdsAccess("biz.spark.auth"), SHARED, days=30)
    with pytest.raises(ScopeNotGranted):
        await provider.ads.share_post(FakeAccess("video.list"), SHARED, days=30)
    with pytest.raises(OptionUnsupported):
        await provider.ads.share_post(FakeAccess("biz.spark.auth"), SHARED, days=8)
    none, _ = tiktok(ok({}), ok({}), ok({}))
    with pytest.raises(NotFound):
        await none.ads.share_post(FakeAccess("biz.spark.auth"), SHARED, days=30)


@pytest.mark.parametrize("data", [{}, {"list": "none"}, {"list": None}])
async def test_an_answer_without_its_list_is_a_broken_contract(data: dict[str, Any]) -> None:
    """Nothing is taken for an empty list that is none."""
    provider, _ = tiktok(ok(data))
    for call in (
        provider.ads.ad_accounts(AdsAccess()),
        provider.ads.find(AdsAccess(), "1", AdQuery(AdLevel.CAMPAIGN)),
        provider.ads.identities(AdsAccess(), "1"),
        provider.ads.report(AdsAccess(), "1", ReportQuery(ReportLevel.AD, (AdMetric.SPEND,))),
    ):
        with pytest.raises(Exception, match="no list"):
            await call


@pytest.mark.parametrize("data", [[], {}, {"campaign_id": 1.5}, {"campaign_id": None}])
async def test_a_create_whose_answer_names_nothing_is_in_doubt(data: Any) -> None:
    """A success without an id may have made a node."""
    async with advertising() as harness:
        spec, account = harness.campaign(), await harness.ad_account(await harness.access())
    provider, _ = tiktok(httpx.Response(200, json={"code": 0, "message": "OK", "request_id": "1", "data": data}))
    with pytest.raises(Ambiguous):
        await provider.ads.create(AdsAccess(), account, spec, parents=AdParents(), key=key_of("c"))

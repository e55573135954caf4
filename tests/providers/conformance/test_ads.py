"""The contract of ads: what is created is paused, once, and is what was wanted; nothing else starts a delivery.

Owns the contract of `providers/interface/ads.py`.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest

from providers.capabilities import Capability
from providers.errors import Ambiguous, ContentRefused, OptionUnsupported, ProviderError
from providers.models.ads import (
    AdBudget,
    AdLevel,
    AdMediaKind,
    AdMetric,
    AdNode,
    AdParents,
    AdQuery,
    BudgetKind,
    DeliveryState,
    ReportLevel,
    ReportQuery,
    ReportTaskState,
    Switch,
)
from tests.providers import faking
from tests.providers.conformance.harness import FAILED_READS, Power, assert_silent, needs, read_pages

KEY, OTHER = (sha256(each).hexdigest() for each in (b"one", b"other"))
NOBODY = "7999999999999999999"


async def read(harness: Any, access: Any, account_id: str, level: AdLevel, id: str) -> AdNode:
    """Return a node as the vendor has it."""
    query = AdQuery(level, (id,), include_deleted=True)
    [found] = (await harness.provider.ads.find(access, account_id, query)).nodes
    node: AdNode = found
    return node


@needs(Capability.ADS)
async def test_ad_accounts_say_what_their_money_is(harness: Any) -> None:
    """Every ad account of the grant comes once, with its currency and its time zone."""
    accounts = await harness.provider.ads.ad_accounts(await harness.access())

    assert accounts
    assert len({each.id for each in accounts}) == len(accounts)
    assert all(len(each.currency) == 3 and each.time_zone for each in accounts)
    assert all(each.balance is None or isinstance(each.balance, Decimal) for each in accounts)


@needs(Capability.ADS, Power.FAULTS)
@pytest.mark.parametrize(("how", "kind"), FAILED_READS)
async def test_a_read_that_fails_says_how(harness: Any, how: str, kind: type[Exception]) -> None:
    """A lost read is temporary, and no token is in the error."""
    access = await harness.access()
    account = await harness.ad_account(access)
    harness.fail("nodes", how, times=None)

    with pytest.raises(kind) as caught:
        await harness.provider.ads.find(access, account.id, AdQuery(AdLevel.CAMPAIGN))

    assert_silent(caught.value, access.grant.access_token)


@needs(Capability.ADS, Power.MONEY)
async def test_what_is_created_is_paused_and_as_wanted(harness: Any) -> None:
    """On every level the node that is read back is paused, and differs in nothing from what was wanted."""
    access = await harness.access()
    account = await harness.ad_account(access)

    made = await harness.tree(access, account)

    for node, level in zip(made, AdLevel, strict=True):
        found = await read(harness, access, account.id, level, node.id)
        assert (node.id, Switch.PAUSED, DeliveryState.PAUSED) == (found.id, found.switch, found.state)
        assert node.spec is not None
        assert () == harness.provider.ads.differences(node.spec, found)
    assert 0 == harness.launched()


@needs(Capability.ADS)
async def test_a_difference_names_the_field(harness: Any) -> None:
    """What the vendor has otherwise is named by our field, and so is a node that is not paused."""
    access = await harness.access()
    account = await harness.ad_account(access)
    spec = harness.campaign()
    node = await harness.provider.ads.create(access, account, spec, parents=AdParents(), key=KEY)
    found = await read(harness, access, account.id, AdLevel.CAMPAIGN, node.id)

    more = replace(spec, budget=AdBudget(BudgetKind.DAILY, Decimal("99.99")))
    fields = {each.field for each in harness.provider.ads.differences(more, replace(found, switch=Switch.ENABLED))}

    assert {"budget.amount", "switch"} == fields


@needs(Capability.ADS, Power.FAULTS)
@pytest.mark.parametrize("how", ["after", "status", "html"])
async def test_a_lost_create_is_ambiguous_and_can_be_found(harness: Any, how: str) -> None:
    """One call, never repeated; whether it happened is found by the key, and by no other key."""
    access = await harness.access()
    account, spec, ads = await harness.ad_account(access), harness.campaign(), harness.provider.ads
    harness.fail("campaign", how)

    with pytest.raises(Ambiguous) as caught:
        await ads.create(access, account, spec, parents=AdParents(), key=KEY)

    assert 1 == harness.calls("campaign")
    assert_silent(caught.value, access.grant.access_token)
    found = await ads.find_created(access, account.id, spec, parents=AdParents(), key=KEY)
    assert (found is not None) == (how == "after") == bool(harness.count())
    assert await ads.find_created(access, account.id, spec, parents=AdParents(), key=OTHER) is None


@needs(Capability.ADS)
async def test_a_repeated_create_makes_no_second_node(harness: Any) -> None:
    """Where the vendor deduplicates, a repeat with the same key is refused without proof, and the first is found."""
    access = await harness.access()
    account, spec, ads = await harness.ad_account(access), harness.campaign(), harness.provider.ads
    first = await ads.create(access, account, spec, parents=AdParents(), key=KEY)

    with pytest.raises(ProviderError) as caught:
        await ads.create(access, account, spec, parents=AdParents(), key=KEY)

    assert isinstance(caught.value, Ambiguous) or caught.value.unproven
    found = await ads.find_created(access, account.id, spec, parents=AdParents(), key=KEY)
    assert (first.id, 1) == (found.id, harness.count())


@needs(Capability.ADS)
@pytest.mark.parametrize(
    ("kind", "field", "change"),
    [
        (ContentRefused, "budget.amount", {"budget": AdBudget(BudgetKind.DAILY, Decimal("-1"))}),
        (ContentRefused, "budget.amount", {"budget": AdBudget(BudgetKind.DAILY, Decimal("120.505"))}),
        (ContentRefused, "budget.amount", {"budget": AdBudget(BudgetKind.DAILY, None)}),
        (ContentRefused, "name", {"name": " "}),
        (OptionUnsupported, "objective", {"objective": "FAME"}),
    ],
)
async def test_what_is_wrong_is_named_without_a_call(
    harness: Any, kind: type[ProviderError], field: str, change: dict[str, Any]
) -> None:
    """A check names the field, and a create refuses the same before any call."""
    access = await harness.access()
    account, ads = await harness.ad_account(access), harness.provider.ads
    spec, before = replace(harness.campaign(), **change), harness.sent()

    with pytest.raises(kind) as checked:
        ads.check(account, spec, parents=AdParents(), now=harness.now)
    with pytest.raises(kind) as created:
        await ads.create(access, account, spec, parents=AdParents(), key=KEY)

    assert [field] * 2 == [each.value.metadata["field"] for each in (checked, created)]
    assert before == harness.sent()


@needs(Capability.ADS)
async def test_a_budget_below_the_minimum_is_refused(harness: Any) -> None:
    """The refusal says what would be enough."""
    account = await harness.ad_account(await harness.access())

    with pytest.raises(ContentRefused) as caught:
        harness.provider.ads.check(account, harness.too_small(), parents=AdParents(), now=harness.now)

    assert ("budget.amount", True) == (caught.value.metadata["field"], "allowed" in caught.value.metadata)


@needs(Capability.ADS)
async def test_an_update_changes_what_differs(harness: Any) -> None:
    """Name and budget change, the rest and the key's mark stay; nothing is called if nothing differs."""
    access = await harness.access()
    account, spec, ads = await harness.ad_account(access), harness.campaign(), harness.provider.ads
    node = await ads.create(access, account, spec, parents=AdParents(), key=KEY)
    wanted = replace(spec, name="Summer", budget=AdBudget(BudgetKind.DAILY, Decimal("75.25")))
    rest = {"tag": node.tag, "parents": AdParents()}

    await ads.update(access, account, node.id, wanted, before=spec, **rest)
    calls = harness.sent()
    await ads.update(access, account, node.id, wanted, before=wanted, **rest)

    assert calls == harness.sent()
    found = await read(harness, access, account.id, AdLevel.CAMPAIGN, node.id)
    assert ((), node.tag) == (ads.differences(wanted, found), found.tag)


@needs(Capability.ADS)
async def test_what_cannot_change_is_refused(harness: Any) -> None:
    """A change that the vendor does not have names the field, and no call is made."""
    access = await harness.access()
    account, spec, ads = await harness.ad_account(access), harness.campaign(), harness.provider.ads
    before = harness.sent()
    other = replace(spec, budget=AdBudget(BudgetKind.LIFETIME, Decimal("500")))

    with pytest.raises(OptionUnsupported) as caught:
        await ads.update(access, account, NOBODY, other, before=spec, tag="", parents=AdParents())

    assert ("budget.kind", before) == (caught.value.field, harness.sent())


@needs(Capability.ADS)
async def test_a_switch_answers_for_each_node(harness: Any) -> None:
    """Nodes are switched, and one that the vendor refuses is named with its error."""
    access = await harness.access()
    account, ads = await harness.ad_account(access), harness.provider.ads
    node = await ads.create(access, account, harness.campaign(), parents=AdParents(), key=KEY)

    refused = await ads.switch(access, account.id, AdLevel.CAMPAIGN, [node.id, NOBODY], Switch.ENABLED)

    assert [NOBODY] == list(refused)
    for switch in (Switch.ENABLED, Switch.PAUSED, Switch.DELETED):
        assert {} == await ads.switch(access, account.id, AdLevel.CAMPAIGN, [node.id], switch)
        assert switch is (await read(harness, access, account.id, AdLevel.CAMPAIGN, node.id)).switch


@needs(Capability.ADS, Power.FAULTS)
@pytest.mark.parametrize("how", ["after", "status", "html"])
async def test_a_lost_switch_is_ambiguous(harness: Any, how: str) -> None:
    """A launch whose answer is lost may have happened: one call, never repeated."""
    access = await harness.access()
    account, ads = await harness.ad_account(access), harness.provider.ads
    node = await ads.create(access, account, harness.campaign(), parents=AdParents(), key=KEY)
    harness.fail("switch", how)

    with pytest.raises(Ambiguous):
        await ads.switch(access, account.id, AdLevel.CAMPAIGN, [node.id], Switch.ENABLED)

    assert 1 == harness.calls("switch")


@needs(Capability.ADS)
async def test_too_many_nodes_at_once_are_a_fault_of_the_caller(harness: Any) -> None:
    """A call switches 20 nodes at most, so that nobody has to guess which of more were switched."""
    with pytest.raises(ValueError, match="20"):
        await harness.provider.ads.switch(
            await harness.access(), "1", AdLevel.AD, [str(each) for each in range(21)], Switch.PAUSED
        )


@needs(Capability.ADS)
async def test_pages_end_and_repeat_nothing(harness: Any) -> None:
    """Every node comes once, and the last page has no cursor; deleted ones only if they are asked for."""
    access = await harness.access()
    account, ads = await harness.ad_account(access), harness.provider.ads
    names = [f"Campaign {number}" for number in range(5)]
    made = [
        await ads.create(
            access, account, harness.campaign(name), parents=AdParents(), key=sha256(name.encode()).hexdigest()
        )
        for name in names
    ]
    await ads.switch(access, account.id, AdLevel.CAMPAIGN, [made[0].id], Switch.DELETED)

    def listing(*, deleted: bool) -> Callable[[str], Any]:
        query = AdQuery(AdLevel.CAMPAIGN, include_deleted=deleted)
        return lambda cursor: ads.find(access, account.id, query, cursor=cursor, limit=2)

    living = [each.name for page in await read_pages(listing(deleted=False)) for each in page.nodes]
    everything = [each.name for page in await read_pages(listing(deleted=True)) for each in page.nodes]
    assert (names[1:], names) == (sorted(living), sorted(everything))


@needs(Capability.ADS)
async def test_a_foreign_cursor_is_refused(harness: Any) -> None:
    """A cursor that is not the vendor's is an error of the caller."""
    access = await harness.access()
    account = await harness.ad_account(access)

    with pytest.raises(ContentRefused):
        await harness.provider.ads.find(access, account.id, AdQuery(AdLevel.AD), cursor="tomorrow")


@needs(Capability.ADS, Power.MONEY)
@pytest.mark.parametrize("kind", AdMediaKind)
async def test_a_repeated_upload_is_safe(harness: Any, kind: AdMediaKind) -> None:
    """The same key uploads a file once or finds it, and it becomes ready."""
    access = await harness.access()
    account, ads = await harness.ad_account(access), harness.provider.ads
    first = await ads.upload_media(access, account.id, harness.file(kind), faking.content, key=KEY)
    again = await ads.upload_media(access, account.id, harness.file(kind), faking.content, key=KEY)

    harness.sandbox.vendor.advance_clock(600)
    [found] = await ads.media(access, account.id, kind, [again.id, NOBODY])
    assert found.ready
    assert kind is AdMediaKind.IMAGE or first.id == again.id


@needs(Capability.ADS, Power.FAULTS, Power.MONEY)
async def test_a_lost_upload_is_found_by_its_key(harness: Any) -> None:
    """An upload whose answer is lost is Ambiguous, and a repeat with the same key returns the first."""
    access = await harness.access()
    account, ads = await harness.ad_account(access), harness.provider.ads
    harness.fail("upload", "after")

    with pytest.raises(Ambiguous):
        await ads.upload_media(access, account.id, harness.file(AdMediaKind.VIDEO), faking.content, key=KEY)
    await ads.upload_media(access, account.id, harness.file(AdMediaKind.VIDEO), faking.content, key=KEY)

    assert 1 == len(harness.marketing.library.files)


@needs(Capability.ADS)
async def test_identities_can_be_named_in_an_ad(harness: Any) -> None:
    """Every identity comes once, with what an ad needs to be shown as it."""
    access = await harness.access()
    account = await harness.ad_account(access)

    pages = await read_pages(lambda cursor: harness.provider.ads.identities(access, account.id, cursor=cursor, limit=1))

    found = [each.ref for page in pages for each in page.identities]
    assert found
    assert len(found) == len(set(found))
    assert all(each.id for each in found)


@needs(Capability.ADS, Power.MONEY)
async def test_reports_add_up(harness: Any) -> None:
    """What the ads spent is what their account spent; absent numbers are None; everything is a Decimal."""
    access = await harness.access()
    account, ads = await harness.ad_account(access), harness.provider.ads
    await harness.spend(access, account, hours=5)
    metrics = (AdMetric.SPEND, AdMetric.IMPRESSIONS, AdMetric.CONVERSIONS)

    async def total(level: ReportLevel) -> Decimal:
        page = await ads.report(access, account.id, ReportQuery(level, metrics))
        assert all(isinstance(row.metrics[AdMetric.SPEND], Decimal) for row in page.rows)
        assert [None] == [row.metrics[AdMetric.CONVERSIONS] for row in page.rows]
        return sum((row.metrics[AdMetric.SPEND] for row in page.rows), Decimal(0))

    totals = {await total(level) for level in ReportLevel}
    assert 1 == len(totals)
    assert totals.pop() > 0


@needs(Capability.ADS, Power.MONEY)
async def test_a_long_report_has_the_rows_of_a_short_one(harness: Any) -> None:
    """It is RUNNING, then SUCCEEDED, and its file can be read more than once."""
    access = await harness.access()
    account, ads = await harness.ad_account(access), harness.provider.ads
    await harness.spend(access, account, hours=5)
    today = harness.sandbox.vendor.now().date()
    query = ReportQuery(
        ReportLevel.AD, (AdMetric.SPEND, AdMetric.CONVERSIONS), today - timedelta(days=2), today + timedelta(days=1)
    )
    short = (await ads.report(access, account.id, query)).rows

    id = await ads.request_report(access, account.id, query)
    begun = (await ads.report_task(access, account.id, id)).state
    harness.make_report()
    done = (await ads.report_task(access, account.id, id)).state
    long = [[row async for row in ads.report_rows(access, account.id, id, query)] for _ in range(2)]

    assert (ReportTaskState.RUNNING, ReportTaskState.SUCCEEDED) == (begun, done)
    assert [list(short)] * 2 == long


@needs(Capability.ADS, Power.MONEY)
async def test_delivery_follows_switches_and_budgets(harness: Any) -> None:
    """Nothing is delivered before everything above is enabled and reviewed, and nothing beyond a budget."""
    access = await harness.access()
    account = await harness.ad_account(access)
    _, group, ad = await harness.spend(access, account, hours=0)
    reviewed = await read(harness, access, account.id, AdLevel.AD, ad.id)
    harness.sandbox.vendor.advance_clock(20 * 3_600 + 60)

    spent = await read(harness, access, account.id, AdLevel.AD_GROUP, group.id)

    assert DeliveryState.DELIVERING is reviewed.state
    assert spent.state in (DeliveryState.NOT_DELIVERING, DeliveryState.DELIVERING)
    assert harness.marketing.nodes[group.id].spent() <= 2 * 30

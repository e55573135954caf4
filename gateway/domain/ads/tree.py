"""Where a campaign, an ad group or an ad stands, and storing what the vendor says of it.

Owns names and chains of parents, and which news get a new etag or an event. Makes no write at the vendor.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.aip import names
from gateway.aip.names import Pattern
from gateway.domain.access import ConnectionAccess
from gateway.domain.ads import accounts, specs
from gateway.domain.context import Domain
from gateway.errors import Conflict, EtagMismatch, FieldInvalid, StateForbids
from providers.interface.ads import Ads
from providers.models.ads import AdNode, AdParents, AdQuery, Switch
from storage import ad_accounts, ads, events
from storage.ad_accounts import AdAccountRow
from storage.ads import AdRow
from storage.database import Transaction
from storage.errors import NotFound
from storage.states import AdLevel, DeliveryState

LEVELS = (AdLevel.CAMPAIGN, AdLevel.AD_GROUP, AdLevel.AD)
PATTERNS: Mapping[AdLevel, Pattern] = {
    AdLevel.CAMPAIGN: names.CAMPAIGN,
    AdLevel.AD_GROUP: names.AD_GROUP,
    AdLevel.AD: names.AD,
}
CHANGED = "AD_STATE_CHANGED"

SOON, LIVE, QUIET = timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=12)
"""How often the state is read of what is in review, of what is launched, and of what is paused or over."""

_OVER = (DeliveryState.DELETED, DeliveryState.FAILED)
_UNMADE = (DeliveryState.PREPARING, DeliveryState.INDETERMINATE, *_OVER)


@dataclass(frozen=True, slots=True)
class Place:
    """A name: the ad account, and the ids from the campaign down; none for the ad account itself."""

    location: str
    ad_account: str
    ids: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The ids as they are stored."""
        return "/".join(self.ids)


@dataclass(frozen=True, slots=True)
class Target:
    """An ad account and the rows from the campaign down, with what is needed to call the vendor about them.

    No call starts after `until`: whoever was frozen for longer finds that others have concluded what came of its write.
    """

    domain: Domain
    account: AdAccountRow
    chain: tuple[AdRow, ...] = ()
    background: bool = False
    until: datetime | None = None

    @property
    def row(self) -> AdRow:
        """The lowest row."""
        return self.chain[-1]

    @property
    def vendor_account(self) -> str:
        """The vendor's id of the ad account."""
        return self.account.provider_ad_account_id

    @property
    def facet(self) -> Ads:
        """The facet that is called."""
        return accounts.facet_of(self.domain, self.account)

    @property
    def access(self) -> ConnectionAccess:
        """The access that the connection gives."""
        return accounts.access_to(self.domain, self.account, background=self.background, until=self.until)

    @property
    def parents(self) -> AdParents:
        """What is above the lowest row, as providers know it."""
        return parents_of(self.chain[:-1])

    def with_row(self, row: AdRow) -> "Target":
        """Return the same with another lowest row."""
        return replace(self, chain=(*self.chain[:-1], row))

    def with_values(self, **values: Any) -> "Target":
        """Return the same with a copy of its lowest row that has other values, and stores nothing."""
        return self.with_row(AdRow(**{**self.row.model_dump(), **values}))


def parents_of(above: tuple[AdRow, ...]) -> AdParents:
    """Return rows above something as providers know them."""
    if not above:
        return AdParents()
    campaign = specs.load(AdLevel.CAMPAIGN, above[0].spec)
    if len(above) == 1:
        return AdParents(above[0].provider_id, campaign)
    return AdParents(above[0].provider_id, campaign, above[1].provider_id, specs.load(AdLevel.AD_GROUP, above[1].spec))


async def load(domain: Domain, place: Place, *, background: bool = False) -> Target:
    """Return what a name stands for; raises storage's NotFound, also if its parts do not belong together."""
    async with domain.db.read() as tx:
        account = await ad_accounts.get(tx, place.location, place.ad_account)
        chain = []
        for depth, id in enumerate(place.ids):
            row = await ads.get(tx, place.location, id)
            expected = (place.ad_account, LEVELS[depth], "/".join(place.ids[: depth + 1]))
            if (row.ad_account, row.level, row.path) != expected:
                raise NotFound(ads.KIND, id)
            chain.append(row)
    return Target(domain, account, tuple(chain), background)


async def load_row(domain: Domain, location: str, id: str, *, background: bool = False) -> Target:
    """Return a row by its id; raises storage's NotFound."""
    async with domain.db.read() as tx:
        row = await ads.get(tx, location, id)
    return await load(domain, place_of(row), background=background)


def place_of(row: AdRow) -> Place:
    """Return where a row stands."""
    return Place(row.location, row.ad_account, tuple(row.path.split("/")))


def name_of(row: AdRow) -> str:
    """Return a row's resource name."""
    return PATTERNS[row.level].format(row.location, row.ad_account, *row.path.split("/"))


def check_etag(row: AdRow, etag: str, path: str) -> None:
    """Raise FieldInvalid without an etag, EtagMismatch unless it is the row's."""
    if not etag:
        raise FieldInvalid(path, "is required: a write that may spend says what it was decided upon")
    if etag != str(row.version):
        raise EtagMismatch(metadata={"etag": str(row.version)}, resource=name_of(row))


def require_made(row: AdRow) -> None:
    """Raise StateForbids unless the vendor has it."""
    if row.state in _UNMADE or not row.provider_id:
        raise StateForbids(row.state or "UNSPECIFIED", "The vendor has none of it.", resource=name_of(row))


def require_shown(row: AdRow, node: AdNode | None) -> AdNode:
    """Return how the vendor has something; raises StateForbids if it does not show it."""
    if node is None:
        raise StateForbids("UNSPECIFIED", "The vendor does not show it now.", resource=name_of(row))
    return node


def require_idle(row: AdRow) -> None:
    """Raise Conflict while another write is under way."""
    if row.operation:
        raise Conflict("Another write is under way, or its answer was lost.", resource=name_of(row))


async def read_node(target: Target) -> AdNode | None:
    """Return the lowest row as the vendor has it, deleted or not; None if it is gone: one vendor call."""
    row = target.row
    query = AdQuery(specs.vendor_level(row.level), ids=(row.provider_id,), include_deleted=True)
    page = await target.facet.find(target.access, target.vendor_account, query)
    return next((each for each in page.nodes if each.id == row.provider_id), None)


def values_of(node: AdNode | None, now: datetime) -> dict[str, Any]:
    """Return the columns that say how the vendor has something.

    What it does not show may still be there, and spend: only its own word that it is deleted counts.
    """
    if node is None:
        return {"state": DeliveryState.UNSPECIFIED, "fetch_time": now, "due_at": now + SOON}
    state = specs.state_of(node)
    values = {
        "provider_id": node.id,
        "state": state,
        "enabled": node.switch == Switch.ENABLED,
        "provider_state": node.vendor_status,
        "rejection_reason": node.rejection_reason,
        "fetch_time": now,
        "due_at": next_look(state, now),
    }
    if node.spec is not None:
        values |= {"spec": specs.dump(node.spec), "display_name": node.spec.name}
    return values


def next_look(state: DeliveryState, now: datetime) -> datetime | None:
    """Return when the state of something is read again, None for never."""
    if state in _OVER:
        return None
    if state == DeliveryState.IN_REVIEW:
        return now + SOON
    live = (DeliveryState.DELIVERING, DeliveryState.NOT_DELIVERING, DeliveryState.UNSPECIFIED)
    return now + (LIVE if state in live else QUIET)


async def save_node(domain: Domain, row: AdRow, node: AdNode | None) -> AdRow:
    """Store how the vendor has something, with a new etag if anything that callers set is otherwise, and an event if
    its state is. What a write has changed meanwhile stays.
    """
    now = domain.clock()
    values = values_of(node, now)
    if row.operation:
        return row
    async with domain.db.transaction() as tx:
        visible = any(getattr(row, name) != values.get(name, getattr(row, name)) for name in ("spec", "enabled"))
        if visible:
            changed = await ads.change(tx, row, now, **values)
        else:
            changed = await ads.get(tx, row.location, row.id) if await ads.note(tx, row, **values) else None
        if changed is not None:
            await tell(tx, row, changed, now)
        return changed or await ads.get(tx, row.location, row.id)


async def tell(tx: Transaction, before: AdRow, after: AdRow, now: datetime) -> None:
    """Write an event if the state has changed."""
    if before.state == after.state:
        return
    change = {"previous_state": before.state, "state": after.state, "rejection_reason": after.rejection_reason}
    payload = {"ad_state": change}
    await events.append(tx, after.location, type=CHANGED, subject=name_of(after), payload=payload, now=now)

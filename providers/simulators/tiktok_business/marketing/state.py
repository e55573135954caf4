"""What the Marketing API knows: ad accounts, their trees, files and identities, and the money that was spent.

Owns: the state and the controls for tests. Knows nothing of HTTP requests.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from providers.simulators.common.ids import Entropy, number, opaque
from providers.simulators.tiktok_business.config import SimulatorConfig
from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.marketing import spend
from providers.simulators.tiktok_business.marketing.advertisers import (
    SCOPES,
    AdvertiserGrant,
    AdvertiserGrants,
    SimAdvertiser,
    first_advertisers,
)
from providers.simulators.tiktok_business.marketing.library import Library
from providers.simulators.tiktok_business.marketing.nodes import SimNode, secondary_status

PERSON = "7200000000000000001"
"""The person in TikTok for Business who can grant the initial ad accounts."""


@dataclass(slots=True, kw_only=True, eq=False)
class SimIdentity:
    """As whom an ad can be shown."""

    identity_id: str
    identity_type: str
    display_name: str
    identity_authorized_bc_id: str = ""
    available_status: str = "AVAILABLE"


@dataclass(slots=True, kw_only=True, eq=False)
class SimSparkCode:
    """A code by which the author of a post lets ad accounts advertise it."""

    auth_code: str
    item_id: str
    ends: datetime
    authorized: set[str] = field(default_factory=set)


@dataclass(slots=True, kw_only=True, eq=False)
class SimReport:
    """A long report with its rows, which are those of the time when it was asked for."""

    task_id: str
    advertiser_id: str
    created: datetime
    translated: bool
    columns: list[str]
    rows: list[dict[str, dict[str, str]]]


class Marketing:
    """The state of the Marketing API."""

    def __init__(self, config: SimulatorConfig, entropy: Entropy, now: Callable[[], datetime]) -> None:
        self.config, self.entropy, self._now = config, entropy, now
        self.advertisers = {each.advertiser_id: each for each in first_advertisers()}
        self.grants = AdvertiserGrants(entropy)
        self.library = Library(entropy, timedelta(seconds=config.transcoding_seconds))
        self.nodes: dict[str, SimNode] = {}
        self.requests: dict[tuple[str, str, str], str] = {}
        self.spark_codes: dict[str, SimSparkCode] = {}
        self.reports: dict[str, SimReport] = {}
        # Why long reports fail; empty: they succeed.
        self.report_failure = ""
        self.identities = {
            each: [
                SimIdentity(identity_id=f"id-user-{each[-1]}", identity_type="TT_USER", display_name="Sim Pâtisserie"),
                SimIdentity(
                    identity_id=f"id-center-{each[-1]}",
                    identity_type="BC_AUTH_TT",
                    display_name="Sim Center",
                    identity_authorized_bc_id="7300000000000000001",
                ),
            ]
            for each in self.advertisers
        }
        self._denials: dict[str, str] = {}
        # What was created and switched on through the API, in order: the tests' proof that nothing was done twice.
        self.created: list[tuple[str, str, str]] = []
        self.launched: list[tuple[str, str]] = []
        self._settled = now()

    def settle(self) -> None:
        """Let the money be spent that was spent until now."""
        now = self._now()
        ads = [each for each in self.nodes.values() if each.level == "ad"]
        spend.grow(ads, self._settled, now, Decimal(str(self.config.spend_per_hour)))
        self._settled = max(now, self._settled)

    def status(self, node: SimNode) -> str:
        """Return the `secondary_status` of a node now."""
        return secondary_status(node, self._now())

    def of_level(self, level: str, advertiser_id: str) -> list[SimNode]:
        """Return the nodes of a level of an ad account, the newest first."""
        found = [each for each in self.nodes.values() if each.level == level]
        mine = [each for each in found if each.advertiser.advertiser_id == advertiser_id]
        return sorted(mine, key=lambda each: (each.created, int(each.id)), reverse=True)

    def node(self, level: str, id: object, advertiser_id: str) -> SimNode:
        """Return a node. Raise VendorError 40007."""
        found = self.nodes.get(str(id))
        if found is None or found.level != level or found.advertiser.advertiser_id != advertiser_id:
            raise VendorError(40007, f"{level}_id: does not exist")
        return found

    def add(self, level: str, advertiser: SimAdvertiser, fields: dict[str, Any], parent: SimNode | None) -> SimNode:
        """Create a node; an ad is reviewed after a while."""
        now, id = self._now(), str(number(self.entropy))
        switched = str(fields.pop("operation_status", "ENABLE"))
        node = SimNode(
            level=level,
            id=id,
            advertiser=advertiser,
            fields=fields,
            created=now,
            modified=now,
            operation_status=switched,
            parent=parent,
        )
        if level == "ad":
            node.reviewed_at = now + timedelta(seconds=self.config.review_seconds)
            name = node.name
            node.denied = next((why for part, why in self._denials.items() if part in name), "")
        self.nodes[id] = node
        if parent is not None:
            parent.children.append(node)
        self.created.append((level, id, node.name))
        if switched == "ENABLE":
            self.launched.append((level, id))
        return node

    # Controls

    def grant(
        self, core_user_id: str = PERSON, advertiser_ids: tuple[str, ...] = (), scopes: tuple[int, ...] = SCOPES
    ) -> str:
        """Return a token as after a consent, by default for every ad account."""
        ids = advertiser_ids or tuple(self.advertisers)
        return self.grants.issue(AdvertiserGrant(core_user_id=core_user_id, advertiser_ids=ids, scopes=scopes))

    def deny(self, part: str, reason: str) -> None:
        """Let the review reject the next ads whose name contains `part`."""
        self._denials[part] = reason

    def set_advertiser(self, advertiser_id: str, **changes: Any) -> SimAdvertiser:
        """Change an ad account, as TikTok does. Raise KeyError, AttributeError."""
        self.settle()
        advertiser = self.advertisers[advertiser_id]
        for name, value in changes.items():
            setattr(advertiser, name, value)
        return advertiser

    def code_of(self, item_id: str) -> SimSparkCode | None:
        """Return the code of a post, None if there is none."""
        return next((each for each in self.spark_codes.values() if each.item_id == item_id), None)

    def share(self, item_id: str, days: int) -> None:
        """Make the code of a post, or let it be valid for that many days from now."""
        known = self.code_of(item_id)
        if known is None:
            self.add_spark_code(item_id, days)
        else:
            known.ends = self._now() + timedelta(days=days)

    def add_spark_code(self, item_id: str, days: int = 30) -> str:
        """Make a code for a post, as its author does in the app."""
        code = f"#{opaque(self.entropy)}="
        ends = self._now() + timedelta(days=days)
        self.spark_codes[code] = SimSparkCode(auth_code=code, item_id=item_id, ends=ends)
        return code

"""Advertisers: ad accounts, the people who may grant them, the codes and tokens of their grants.

Owns: these objects and their rules. Knows nothing of HTTP requests or of what is below an ad account.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from providers.simulators.common.ids import Entropy, opaque
from providers.simulators.tiktok_business.errors import VendorError

SCOPES = (1, 2, 3, 4, 6)
"""The permissions that are ticked on the app: each grants those below it."""

CODE_LIFETIME = timedelta(hours=1)
SMALL = 10_000
"""Larger numbers are scopes of other products, which no digit of these begins."""


@dataclass(slots=True, kw_only=True, eq=False)
class SimAdvertiser:
    """An ad account; `balance` is what is left to spend."""

    advertiser_id: str
    name: str
    currency: str = "USD"
    timezone: str = "Europe/Berlin"
    status: str = "STATUS_ENABLE"
    balance: Decimal = Decimal(10_000)
    rejection_reason: str = ""
    can_use_custom_identity: bool = False

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which its days begin."""
        return ZoneInfo(self.timezone)


@dataclass(slots=True, kw_only=True, eq=False)
class AdvertiserGrant:
    """What a person granted: ad accounts and scopes."""

    core_user_id: str
    advertiser_ids: tuple[str, ...]
    scopes: tuple[int, ...] = SCOPES
    alive: bool = True

    def allows(self, scope: str) -> bool:
        """Return whether a scope was granted, itself or one above it."""
        return any(scope.startswith(str(each)) for each in self.scopes if each < SMALL)


@dataclass(frozen=True, slots=True)
class _Code:
    grant: AdvertiserGrant
    expires_at: datetime


@dataclass(slots=True, eq=False)
class AdvertiserGrants:
    """Every code and token of advertisers. A token lives until it is revoked."""

    entropy: Entropy
    codes: dict[str, _Code] = field(default_factory=dict)
    tokens: dict[str, AdvertiserGrant] = field(default_factory=dict)

    def new_code(self, grant: AdvertiserGrant, now: datetime) -> str:
        """Return a new authorization code."""
        code = opaque(self.entropy)
        self.codes[code] = _Code(grant, now + CODE_LIFETIME)
        return code

    def exchange(self, code: str, now: datetime) -> tuple[str, AdvertiserGrant]:
        """Redeem a code, once. Raise VendorError 40110."""
        known = self.codes.pop(code, None)
        if known is None or known.expires_at <= now:
            raise VendorError(40110)
        return self.issue(known.grant), known.grant

    def issue(self, grant: AdvertiserGrant) -> str:
        """Return a new token."""
        token = opaque(self.entropy) * 2
        self.tokens[token] = grant
        return token

    def valid(self, token: str) -> AdvertiserGrant:
        """Return the grant of a token. Raise VendorError 40104 or 40105."""
        if not token:
            raise VendorError(40104)
        grant = self.tokens.get(token)
        if grant is None or not grant.alive:
            raise VendorError(40105)
        return grant

    def revoke(self, core_user_id: str) -> int:
        """End every token of a person. Return the number."""
        ended = [each for each in self.tokens.values() if each.core_user_id == core_user_id and each.alive]
        for each in ended:
            each.alive = False
        return len(ended)


def first_advertisers() -> Iterable[SimAdvertiser]:
    """Return the initial ad accounts, all of one person."""
    yield SimAdvertiser(advertiser_id="7100000000000000001", name="Sim Pâtisserie Ads")
    yield SimAdvertiser(advertiser_id="7100000000000000002", name="Sim Garage Ads", timezone="America/New_York")
    yield SimAdvertiser(advertiser_id="7100000000000000003", name="Sim Tokyo", currency="JPY", timezone="Asia/Tokyo")

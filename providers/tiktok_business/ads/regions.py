"""The ids that TikTok has for countries, looked up once a day for each ad account.

Owns `/tool/region/` and the translation of country codes. Any other text is taken for an id of TikTok's.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from providers.errors import OptionUnsupported
from providers.interface.access import Access
from providers.tiktok_business.ads.calls import Calls, rows_of
from providers.tiktok_business.ads.capabilities import AD_GROUPS
from providers.tiktok_business.config import PROVIDER
from providers.tiktok_common import values

PATH = "/tool/region/"
# What most ad groups have. Countries that an ad group's own goal excludes are refused by its create.
OBJECTIVE, PLACEMENT = "TRAFFIC", "PLACEMENT_TIKTOK"
_FRESH = timedelta(days=1)
_MOST_ACCOUNTS = 1000
_COUNTRY = re.compile(r"[A-Z]{2}")


class Regions:
    """The countries of each ad account."""

    def __init__(self, calls: Calls) -> None:
        """Make the calls with `calls`."""
        self._calls = calls
        self._known: dict[str, tuple[datetime, Mapping[str, str]]] = {}

    async def ids(self, access: Access, account_id: str, codes: Iterable[str]) -> list[str]:
        """Return TikTok's ids; raises OptionUnsupported for a country that the ad account cannot reach."""
        wanted = list(codes)
        known = await self._countries(access, account_id) if any(_COUNTRY.fullmatch(each) for each in wanted) else {}
        for code in wanted:
            if _COUNTRY.fullmatch(code) and code not in known:
                text = f"The ad account cannot show ads in {code}."
                raise OptionUnsupported(text, field="targeting.region_codes", provider=PROVIDER)
        return [known.get(code, code) for code in wanted]

    async def codes(self, access: Access, account_id: str, ids: Iterable[str]) -> tuple[str, ...]:
        """Return the codes of the countries among TikTok's ids, and the other ids as they are."""
        known = {id: code for code, id in (await self._countries(access, account_id)).items()}
        return tuple(known.get(id, id) for id in ids)

    async def _countries(self, access: Access, account_id: str) -> Mapping[str, str]:
        now = self._calls.client.clock()
        fetched, known = self._known.get(account_id, (None, {}))
        if fetched is not None and now - fetched < _FRESH:
            return known
        query = {"placements": [PLACEMENT], "objective_type": OBJECTIVE, "level_range": "TO_COUNTRY"}
        envelope = await self._calls.read(access, PATH, account_id, query, scope=AD_GROUPS)
        known = {
            values.text(row, "region_code"): values.identifier(row.get("location_id"))
            for row in rows_of(envelope.data, "region_info")
            if values.text(row, "level") in ("", "COUNTRY")
        }
        if len(self._known) >= _MOST_ACCOUNTS:
            self._known.clear()
        self._known[account_id] = now, known
        return known

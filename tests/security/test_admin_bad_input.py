"""Whatever is sent to the Admin API, the answer is a refusal in our own words, and nothing is left behind.

Owns the sweep over its methods; the bad requests are those of `test_bad_input.py`.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from tests.fixtures.client import ADMIN_METHODS
from tests.security.admin_requests import Tenant, sound
from tests.security.recorded import RecordedGateway, opened
from tests.security.status_checks import RowCounts, complaint
from tests.security.test_bad_input import MOST_KEPT, malformed, oversized

LAST = ("Delete", "Revoke", "Suspend")
IN_ORDER = sorted(ADMIN_METHODS, key=lambda name: (any(part in name for part in LAST), name))
"""What takes things away comes last: the others still find them."""


@pytest.fixture
async def recorded(database_url: str, tmp_path: Path) -> AsyncIterator[RecordedGateway]:
    """Yield a gateway with an Admin API."""
    async with opened(database_url, tmp_path) as gateway:
        yield gateway


@pytest.mark.timeout(300)
async def test_no_malformed_request_fails_inside(recorded: RecordedGateway, database_url: str) -> None:
    """Every method, every field, every bad or endless value: refused with a reason that leaves nothing, or answered."""
    made = await recorded.new_key("acme", locations=["shop"], scopes=["posts.read"])
    tenant, wrong, refused, answered = Tenant("acme", "shop", made.key_id), {}, 0, 0
    with psycopg.connect(database_url, autocommit=True) as database:
        rows = RowCounts(database)
        before = rows.counts()
        for method in IN_ORDER:
            request = sound(method, tenant)
            for what, body in (*malformed(request), *oversized(request)):
                error = await recorded.refused(method, [body])
                if error is None:
                    answered, before = answered + 1, rows.counts()
                    continue
                refused += 1
                if trouble := complaint(error):
                    wrong[f"{method}: {what}"] = trouble
                elif before != rows.counts():
                    wrong[f"{method}: {what}"] = f"{error.details()} but it left something behind"
        longest = max(rows.longest().values())

    assert {} == wrong
    assert refused > answered > 0
    assert MOST_KEPT > longest

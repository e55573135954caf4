"""TestWebhookEndpoint: one signed delivery now, which changes nothing here.

Owns what a test says. A disabled endpoint can be tried out too: before it is enabled again.
"""

import json
from datetime import timedelta
from time import monotonic

from gateway.domain.context import Domain
from gateway.domain.endpoints import deliver, sealed
from providers.http.post import Answer
from storage import webhook_endpoints

TYPE = "webhook.test"


async def try_out(domain: Domain, location: str, id: str) -> tuple[Answer, timedelta]:
    """Deliver a test, and return how it was answered and how long it took; raises storage's NotFound."""
    now = domain.clock()
    async with domain.db.read() as tx:
        row = await webhook_endpoints.get(tx, location, id)
        target = await sealed.target(domain, tx, row, now)
    body = json.dumps({"type": TYPE, "timestamp": now.isoformat(), "data": {}})
    began = monotonic()
    answer = await deliver.post(domain, target, f"test-{domain.new_id()}", body)
    return answer, timedelta(seconds=monotonic() - began)

"""A gateway process of its own that does nothing but ask for one connection's token, many times at once.

Owns the other side of test_tokens_processes: it starts as a gateway does (spills are saved), says "ready", waits for a
line, asks, and prints what it got. Run as `python -m tests.flows.token_caller '{"database_url": …}'`.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from gateway import app
from gateway.bootstrap import Resources, read_ring
from gateway.clock import now
from gateway.domain.credentials.token_store import Timing
from gateway.domain.credentials.tokens import Tokens
from gateway.ids import new_id
from gateway.settings import Settings
from providers.errors import ProviderError
from storage.database import Database
from tests.fixtures import highlevel


def settings_of(order: dict[str, Any]) -> Settings:
    """Return the settings of a gateway over the given database, folder and vendor."""
    return Settings(
        database_url=SecretStr(order["database_url"]),
        data_dir=Path(order["folder"]) / "data",
        encryption_keys=SecretStr("k1:" + "A" * 43 + "="),
        allow_loopback_vendors=True,
        tiktok_client_key="sim-client-key",
        tiktok_client_secret=SecretStr("sim-client-secret"),
        tiktok_api_url=order["vendor_url"],
        tiktok_authorize_url=f"{order['vendor_url']}/v2/auth/authorize/",
        tiktok_upload_hosts=("127.0.0.1",),
        **highlevel.settings(url=order["vendor_url"]),
    )


async def ask(tokens: Tokens, order: dict[str, Any]) -> str:
    """Ask once; give the version of the token, or the name of the error."""
    try:
        return str((await tokens.fresh(order["location"], order["connection"])).version)
    except ProviderError as error:
        return type(error).__name__


async def main(order: dict[str, Any]) -> None:
    """Start, wait for the word, ask, tell."""
    settings = settings_of(order)
    db = await Database.connect(order["database_url"], pool_size=4)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(db.close)
        resources = Resources(settings, db, read_ring(settings), None)
        domain = await app.build_domain(
            stack, resources, clock=now, new_id=new_id, overrides={}, public_url="http://127.0.0.1"
        )
        folder = settings.data_dir / "spills"
        timing = Timing(
            lease=timedelta(seconds=1), grace=timedelta(seconds=order["grace"]), save_retry=timedelta(milliseconds=50)
        )
        tokens = Tokens(
            db, domain.sealer, domain.listener, domain.providers, clock=now, spill_folder=folder, timing=timing
        )
        stack.push_async_callback(tokens.close)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(json.dumps(await asyncio.gather(*(ask(tokens, order) for _ in range(order["callers"])))), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))

"""A gateway process that does nothing but ask for one connection's access token, many times at once.

Owns the other side of test_tokens_processes: it starts as a gateway does (spills are saved), prints "ready", waits for
a line, asks, and prints what it got. Run as `python -m tests.flows.token_caller '{"database_url": …}'`.
"""

import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.domain.pairs import Timing
from gateway.domain.tokens import Tokens
from gateway.settings import Settings
from providers.errors import ProviderError
from tests.fixtures.domain import built
from tests.fixtures.settings import for_highlevel, for_tiktok, make_settings


def settings_of(order: dict[str, Any]) -> Settings:
    """Return the settings of a gateway over the given database, folder and vendor."""
    url = order["vendor_url"]
    vendors = {**for_tiktok(url=url), **for_highlevel(url=url)}
    return make_settings(order["database_url"], Path(order["folder"]), database_pool_size=4, **vendors)


async def ask(tokens: Tokens, order: dict[str, Any]) -> str:
    """Ask once, and return the version of the token or the name of the error."""
    try:
        return str((await tokens.fresh(order["location"], order["connection"])).version)
    except ProviderError as error:
        return type(error).__name__


async def main(order: dict[str, Any]) -> None:
    """Start, wait for the line, ask, and print the answers."""
    timing = Timing(
        lease=timedelta(seconds=1), grace=timedelta(seconds=order["grace"]), save_retry=timedelta(milliseconds=50)
    )
    async with built(settings_of(order), timing=timing) as (_, domain):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        answers = await asyncio.gather(*(ask(domain.tokens, order) for _ in range(order["callers"])))
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))

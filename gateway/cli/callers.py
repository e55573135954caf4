"""The checks of `doctor` for callers beside those with API keys: their file, and the keys of each issuer.

Owns these checks; the file is `gateway/callers/configuration.py`.
"""

from collections.abc import AsyncIterator, Iterator

from gateway.callers import key_sets
from gateway.callers.configuration import Callers
from gateway.callers.directory import read_file
from gateway.callers.fetching import KeyFetcher
from gateway.cli.findings import Finding, note, ok, wrong
from gateway.settings import Settings, SettingsError


def callers(settings: Settings) -> Iterator[Finding]:
    """Read the callers file."""
    found = _read(settings)
    if found is None:
        yield note("callers", "API keys only: GATEWAY_CALLERS_FILE is unset")
        return
    counts = f"{len(found.issuers)} issuers of tokens, {len(found.certificates)} certificates"
    yield ok("callers", f"{settings.callers_file}: {counts}")


async def issuers(settings: Settings) -> AsyncIterator[Finding]:
    """Fetch the keys of each issuer: without them none of its tokens is accepted."""
    try:
        found = _read(settings)
    except SettingsError:
        # Said by `callers`.
        return
    fetch = KeyFetcher(settings.allow_loopback_vendors)
    try:
        for issuer in found.issuers if found else ():
            yield await _keys(fetch, issuer.name, issuer.keys_url)
    finally:
        await fetch.close()


async def _keys(fetch: KeyFetcher, name: str, url: str) -> Finding:
    try:
        keys = key_sets.parse(await fetch(url))
    except key_sets.KeysUnreadable as error:
        return wrong(f"issuer {name}", str(error), "its tokens are refused until its keys_url can be read")
    return ok(f"issuer {name}", f"{len(keys)} keys")


def _read(settings: Settings) -> Callers | None:
    return None if settings.callers_file is None else read_file(settings, settings.callers_file).current

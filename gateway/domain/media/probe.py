"""Probing uploads: once, in the background when an upload is complete, or when a post needs it before; the facts are
stored with it.

Owns that rule, and what a failed probe means. How a file is probed is `gateway/media`, what its facts allow is
`gateway/domain/preflight/media_rules.py`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

import structlog

from gateway import turn
from gateway.domain.context import Domain
from gateway.domain.media import uploads as upload_rules
from gateway.errors import GatewayUnavailable
from gateway.media import types
from gateway.media.facts import VERSION, MediaFacts
from gateway.media.probe import ProbeFailed
from gateway.media.types import Kind
from storage import uploads
from storage.fair import Tenant
from storage.places import tenant, work_in
from storage.states import UploadState
from storage.uploads import UploadPartRow, UploadRow

log = structlog.get_logger(__name__)


async def facts_of(domain: Domain, files: Sequence[UploadRow]) -> dict[str, MediaFacts]:
    """Return the facts of every complete upload by its id; uploads without facts are probed, a few at a time.

    Raises GatewayUnavailable if this machine cannot probe now, MediaInvalid if bytes are missing.
    """
    complete = {file.id: file for file in files if file.state == UploadState.COMPLETE}
    if all(_is_known(file) for file in complete.values()):
        return {id: MediaFacts.from_json(file.media or {}) for id, file in complete.items()}
    async with turn.paused():
        return await _probed(domain, complete)


async def _probed(domain: Domain, complete: Mapping[str, UploadRow]) -> dict[str, MediaFacts]:
    probes = [asyncio.ensure_future(_facts(domain, file)) for file in complete.values()]
    try:
        return dict(zip(complete, await asyncio.gather(*probes), strict=True))
    finally:
        # The first failure cancels the others, whose processes have ended before this returns.
        for probe in probes:
            probe.cancel()
        await asyncio.gather(*probes, return_exceptions=True)


def look_ahead(domain: Domain, file: UploadRow) -> None:
    """Probe an upload that has just been completed in the background, so that its first post need not wait.

    If too many wait already, or this process ends before its turn, it is probed when a post needs it.
    """
    if types.kind_of(file.mime_type) is not Kind.SHEET:
        whose = tenant()._replace(location=file.location)
        domain.prober.later(whose, partial(_look_ahead, domain, file.id, whose))


async def _look_ahead(domain: Domain, upload: str, whose: Tenant) -> None:
    work_in(whose)
    try:
        # Read again: meanwhile it may have been deleted, or a post may have been first.
        file, parts = await upload_rules.get_with_parts(domain, whose.location, upload)
        if file.state == UploadState.COMPLETE:
            await _facts(domain, file, parts)
    except Exception as error:
        # Nothing is stored, and whoever needs the facts will meet the same.
        log.info("media.not_looked_ahead", upload=f"{whose.location}/{upload}", error=type(error).__name__)


def _is_known(file: UploadRow) -> bool:
    return file.media is not None and file.media.get("version") == VERSION


async def _facts(domain: Domain, file: UploadRow, parts: Sequence[UploadPartRow] | None = None) -> MediaFacts:
    if _is_known(file):
        return MediaFacts.from_json(file.media or {})
    try:
        facts = await domain.prober.shared(f"{file.location}/{file.id}", lambda: _probe(domain, file, parts))
    except ProbeFailed as error:
        log.warning("media.not_probed", upload=f"{file.location}/{file.id}", cause=str(error))
        raise GatewayUnavailable("The media could not be looked into now.") from None
    # The row was read before: what is sent goes by what was found.
    file.media = facts.to_json()
    return facts


async def _probe(domain: Domain, file: UploadRow, parts: Sequence[UploadPartRow] | None) -> MediaFacts:
    if parts is None:
        async with domain.db.read() as tx:
            parts = await uploads.parts(tx, file.location, file.id)
    stored = parts

    async def read(first: int, end: int) -> bytes:
        pieces = upload_rules.read_parts(domain, stored, file.location, file.id, first, end)
        return b"".join([piece async for piece in pieces])

    facts = await domain.prober.look(file.size_bytes, read, tenant())
    async with domain.db.transaction() as tx:
        await uploads.save_media(tx, file.location, file.id, facts.to_json())
    log.info("media.probed", upload=f"{file.location}/{file.id}", container=facts.container, trouble=facts.trouble)
    return facts

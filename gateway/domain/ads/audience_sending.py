"""Background work on audiences: the members that were gathered go to the vendor, and its state is read again.

Owns that no member is lost, whenever the process dies: parts are deleted in the transaction that knows that the vendor
has them. One vendor call is one step, under a lease. A file that is uploaded again changes nothing, and an append that
is made again changes nothing either, because an audience is a set; a creation is looked for by its key first.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import structlog

from gateway.audiences.identifiers import IdentifierType
from gateway.domain import vendor_errors
from gateway.domain.ads import audience_members
from gateway.domain.ads.audiences import Target
from gateway.domain.ads.stepping import Work
from gateway.domain.concurrency import Superseded, backoff
from gateway.domain.context import Domain
from gateway.errors import DomainError
from gateway.failpoints import reach
from providers.errors import Ambiguous, ContentRefused, ContractBroken, NotFound, ProviderError, UploadGone
from providers.models.audiences import Audience, MembersAction, MembersFile
from storage import audiences
from storage.ad_accounts import AdAccountRow
from storage.audiences import AudienceFileRow, AudiencePartRow, AudienceRow
from storage.database import Transaction
from storage.states import AudienceAction, AudienceState, AudienceStep

log = structlog.get_logger(__name__)

HEADER = (",".join(IdentifierType) + "\n").encode()
FILE_MEMBERS = 500_000
"""Some hundred megabytes with three digests each: twenty million members are forty files, which one call can name."""

LEASE = timedelta(minutes=15)
"""Longer than the upload of a file takes."""

RETRY_FIRST, RETRY_MAX = timedelta(seconds=10), timedelta(minutes=30)
BUILDING, QUIET = timedelta(minutes=30), timedelta(hours=12)
"""How often the state is read while the vendor matches, which takes it a day or two, and afterwards."""

GIVE_UP = timedelta(minutes=10)
"""After so long a creation that was on its way is in the vendor's list, or never arrived."""

LATEST = timedelta(minutes=5)
"""How long after its commit a call may start: whoever was frozen for longer finds that others have looked for it."""

CLOCK_SLACK = timedelta(minutes=1)
SAFETY_AGE = timedelta(days=1)
"""Younger blobs may belong to a transaction that is not committed yet."""


async def run_due(domain: Domain) -> int:
    """Take the next step of every audience that is due; return how many. Any number of replicas may."""
    return await _WORK.run_due(domain)


async def _step(domain: Domain, account: AdAccountRow, row: AudienceRow) -> None:
    await _advance(Target(domain, account, row))


_WORK = Work("audiences", audiences, LEASE, _step)


async def _advance(target: Target) -> None:
    try:
        if target.row.step == AudienceStep.UPLOADING:
            await _upload_or_submit(target)
        elif target.row.step == AudienceStep.SUBMITTED:
            await _look(target)
        elif target.row.provider_id:
            await _poll(target)
    except (ProviderError, DomainError) as error:
        await _failed(target, error)


async def _upload_or_submit(target: Target) -> None:
    domain, row = target.domain, target.row
    async with domain.db.read() as tx:
        files = plan(await audiences.parts_of(tx, row.location, row.id), target.facet.limits.min_rows)
        paths = await audiences.paths_of(tx, row.location, row.id)
    for number, parts in enumerate(files):
        if number not in paths:
            await _upload(target, number, parts)
            return
    await _submit(target, [paths[number] for number in range(len(files))])


def plan(parts: Sequence[AudiencePartRow], fewest: int) -> list[list[AudiencePartRow]]:
    """Return which parts make which file: always the same ones. The last file has no fewer members than a file must."""
    files: list[list[AudiencePartRow]] = []
    counts: list[int] = []
    for part in parts:
        if not files or counts[-1] + part.members > FILE_MEMBERS:
            files.append([])
            counts.append(0)
        files[-1].append(part)
        counts[-1] += part.members
    if len(files) > 1 and counts[-1] < fewest:
        last = files.pop()
        files[-1] += last
    return files


async def _upload(target: Target, number: int, parts: Sequence[AudiencePartRow]) -> None:
    """Upload one file, and store its path; if that is lost, the file is uploaded again, which changes nothing."""
    domain, row = target.domain, target.row

    filling = _filling(target, parts)

    async def body() -> AsyncIterator[bytes]:
        yield HEADER
        for part in parts:
            async for block in domain.blobs.stream(part.key, 0, part.size):
                yield block
        if filling:
            yield filling

    signature = hashlib.md5(usedforsecurity=False)
    async for block in body():
        signature.update(block)
    file = MembersFile(len(HEADER) + sum(part.size for part in parts) + len(filling), signature.hexdigest())
    path = await target.facet.upload(target.access, target.account.provider_ad_account_id, file, body)
    reach("audiences.after-call.upload")
    async with domain.db.transaction() as tx:
        stored = AudienceFileRow(location=row.location, audience=row.id, number=number, path=path)
        await _change(target, tx, due_at=domain.clock(), tries=0, error=None)
        await audiences.add_file(tx, stored)


def _filling(target: Target, parts: Sequence[AudiencePartRow]) -> bytes:
    """Return the rows that make a file of those who leave long enough: digests of nobody, always the same ones."""
    if target.row.action != AudienceAction.REMOVE:
        return b""
    missing = target.facet.limits.min_rows - sum(part.members for part in parts)
    row, others = target.row, "," * (len(IdentifierType) - 1)
    keys = (f"nobody|{row.location}|{row.id}|{row.create_time}|{number}" for number in range(missing))
    return "".join(f"{hashlib.sha256(key.encode()).hexdigest()}{others}\n" for key in keys).encode()


async def _submit(target: Target, paths: list[str]) -> None:
    """Make the one call that names the files, after committing that it is made."""
    domain, row, now = target.domain, target.row, target.domain.clock()
    async with domain.db.transaction() as tx:
        row = await _change(target, tx, step=AudienceStep.SUBMITTED, submit_time=now, due_at=now + LEASE)
    reach("audiences.after-commit.SUBMITTED")
    target = Target(domain, target.account, row, until=now + LATEST)
    try:
        id = await _call(target, paths)
    except ProviderError as error:
        await _submission_failed(target, error)
    else:
        reach("audiences.after-call.submit")
        await _taken(target, id)


async def _call(target: Target, paths: list[str]) -> str:
    row, account = target.row, target.account.provider_ad_account_id
    if not row.provider_id:
        return await target.facet.create(target.access, account, row.display_name, paths, key=key_of(row))
    await target.facet.change(target.access, account, row.provider_id, MembersAction[row.action.name], paths)
    return row.provider_id


def key_of(row: AudienceRow) -> str:
    """Return the key by which the vendor tells an audience from any other."""
    return hashlib.sha256(f"audience|{row.location}|{row.id}".encode()).hexdigest()


async def _look(target: Target) -> None:
    """Find out whether a call whose answer was lost was carried out; what was not is made again."""
    row, account, now = target.row, target.account.provider_ad_account_id, target.domain.clock()
    submitted = row.submit_time or now
    if row.provider_id:
        found = await target.facet.get(target.access, account, [row.provider_id])
        wanted = MembersAction[row.action.name]
        made = [change for each in found for change in each.changes if change.action == wanted]
        if any(change.time is not None and change.time >= submitted - CLOCK_SLACK for change in made):
            await _taken(target, row.provider_id)
            return
    else:
        created = await target.facet.find_created(target.access, account, key_of(row))
        if created is not None:
            await _taken(target, created.id)
            return
        if now < submitted + GIVE_UP:
            await _again(target, None)
            return
    async with target.domain.db.transaction() as tx:
        await _change(target, tx, step=AudienceStep.UPLOADING, due_at=now)


async def _taken(target: Target, provider_id: str) -> None:
    """Commit that the vendor has the members; from here on they are nowhere else."""
    domain, row, now = target.domain, target.row, target.domain.clock()
    async with domain.db.transaction() as tx:
        await _change(
            target,
            tx,
            provider_id=provider_id,
            state=AudienceState.BUILDING,
            step=AudienceStep.NONE,
            sent=row.sent + (0 if row.action == AudienceAction.REMOVE else row.gathered),
            gathered=0,
            tries=0,
            error=None,
            due_at=now + BUILDING,
        )
        keys = await audiences.forget_members(tx, row.location, row.id)
    reach("audiences.after-commit.NONE")
    await domain.blobs.delete(keys)


async def _poll(target: Target) -> None:
    """Read the state and the size: one vendor call."""
    row, now = target.row, target.domain.clock()
    found = await target.facet.get(target.access, target.account.provider_ad_account_id, [row.provider_id])
    if not found:
        raise NotFound("The vendor does not have this audience any more.")
    values = values_of(found[0])
    waiting = values["state"] == AudienceState.BUILDING
    async with target.domain.db.transaction() as tx:
        due = now + (BUILDING if waiting else QUIET)
        await _change(target, tx, **values, fetch_time=now, tries=0, due_at=due)


def values_of(found: Audience) -> dict[str, Any]:
    """Return the columns of what the vendor says."""
    state = AudienceState.__members__.get(found.state.name, AudienceState.UNSPECIFIED)
    error = vendor_errors.stored_error("CONTENT_REJECTED", found.error) if state == AudienceState.FAILED else None
    return {"state": state, "size": found.size, "error": error}


async def _failed(target: Target, error: ProviderError | DomainError) -> None:
    """Commit what follows from an error: again later, or the end of these members."""
    async with target.domain.db.read() as tx:
        row = await audiences.find(tx, target.row.location, target.row.id)
    if row is None:
        return
    target = Target(target.domain, target.account, row)
    log.warning("audiences.step_failed", location=row.location, id=row.id, step=row.step, error=type(error).__name__)
    if row.step == AudienceStep.UPLOADING and _is_refusal(error):
        await _refused(target, error)
    elif row.step == AudienceStep.NONE and isinstance(error, NotFound):
        async with target.domain.db.transaction() as tx:
            stored = vendor_errors.as_stored(error)
            await _change(target, tx, state=AudienceState.FAILED, error=stored, due_at=None)
    else:
        await _again(target, error)


async def _submission_failed(target: Target, error: ProviderError) -> None:
    """Commit what follows from the error of the one call that is never made twice without a look."""
    log.warning("audiences.submission_failed", location=target.row.location, id=target.row.id, code=error.code)
    if isinstance(error, UploadGone):
        # The vendor forgot the files: all of them are uploaded again.
        async with target.domain.db.transaction() as tx:
            await audiences.forget_files(tx, target.row.location, target.row.id)
            await _change(target, tx, **_later(target, error), step=AudienceStep.UPLOADING)
    elif _is_refusal(error):
        await _refused(target, error)
    elif not isinstance(error, Ambiguous | ContractBroken):
        # Certainly nothing was done: the same call again, later.
        async with target.domain.db.transaction() as tx:
            await _change(target, tx, **_later(target, error), step=AudienceStep.UPLOADING)
    else:
        await _again(target, error)


def _is_refusal(error: ProviderError | DomainError) -> bool:
    """Return whether the vendor refuses these members for good; a grant that is gone can come back."""
    return isinstance(error, ContentRefused | NotFound)


async def _again(target: Target, error: ProviderError | DomainError | None) -> None:
    async with target.domain.db.transaction() as tx:
        await _change(target, tx, **_later(target, error))


def _later(target: Target, error: ProviderError | DomainError | None) -> dict[str, Any]:
    """Return the columns of a step that is taken again."""
    tries = target.row.tries + 1
    stored = target.row.error if error is None else vendor_errors.as_stored(error)
    due = target.domain.clock() + backoff(RETRY_FIRST, tries - 1, RETRY_MAX)
    return {"tries": tries, "error": stored, "due_at": due}


async def _refused(target: Target, error: ProviderError | DomainError) -> None:
    """Commit that the vendor does not take these members; an audience that it has stays as it is."""
    domain, row = target.domain, target.row
    state = row.state if row.provider_id else AudienceState.FAILED
    due = domain.clock() + QUIET if row.provider_id else None
    async with domain.db.transaction() as tx:
        stored = vendor_errors.as_stored(error)
        await _change(target, tx, state=state, step=AudienceStep.NONE, gathered=0, error=stored, due_at=due)
        keys = await audiences.forget_members(tx, row.location, row.id)
    await domain.blobs.delete(keys)


async def _change(target: Target, tx: Transaction, **values: Any) -> AudienceRow:
    """Change the row; raises Superseded if somebody else has changed it since it was read."""
    changed = await audiences.change(tx, target.row, target.domain.clock(), **values)
    if changed is None:
        raise Superseded
    return changed


async def orphans(domain: Domain) -> None:
    """Delete digests that belong to no audience, because a process died before committing their row."""
    before = domain.clock() - SAFETY_AGE
    await domain.blobs.remove_unfinished(audience_members.PLACE, before)
    async for found in domain.blobs.older(audience_members.PLACE, before):
        async with domain.db.read() as tx:
            unlisted = await audiences.unlisted(tx, list(found))
        await domain.blobs.delete(unlisted)

"""The checks of `doctor`: settings, keys, database, uploads, addresses, certificates; the vendors' are `applications`.

Owns the checks and their order; each yields findings and raises nothing. Changes nothing except its own scratch files.
"""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator

from gateway import addresses, clock, data_folder, upload_store
from gateway import settings as configuration
from gateway.bootstrap import Resources, open_listener, open_resources, read_ring
from gateway.cli import shared_store
from gateway.cli.applications import highlevel, providers, tiktok, tiktok_business
from gateway.cli.callers import callers, issuers
from gateway.cli.findings import Finding, Verdict, note, ok, wrong
from gateway.command_error import sentences
from gateway.log import clean_text
from gateway.settings import Settings, SettingsError
from gateway.tls import CertificateFiles
from gateway.urls import url_problem
from storage import key_ring, key_rotation, partitions, schema
from storage.blobs import StoreUnavailable
from storage.database import DatabaseUnavailable

DATABASE_SECONDS = 30.0
PUBLIC_URL_FIX = "set GATEWAY_PUBLIC_URL to the URL that browsers use"


async def examine() -> list[Finding]:
    """Run all checks; a failed one skips only the checks that depend on it."""
    findings = list(unknown())
    try:
        settings = configuration.load()
    except SettingsError as error:
        return [*findings, *(wrong("settings", line) for line in str(error).splitlines())]
    findings.append(ok("settings", "all are valid"))
    for check in CHECKS:
        findings += _safely(check, settings)
    findings += [each async for each in key_services(settings)]
    findings += [each async for each in issuers(settings)]
    findings += [each async for each in uploads(settings)]
    findings += [each async for each in database(settings)]
    return findings


def unknown() -> Iterator[Finding]:
    """Report variables that look like settings but are not."""
    for name in configuration.unknown_names(os.environ):
        yield note("settings", f"{name} is not a setting of this version", "docs/settings.md lists all of them")


def ring(settings: Settings) -> Iterator[Finding]:
    """Parse the encryption keys."""
    found = read_ring(settings)
    yield ok("encryption keys", f"{len(found.keys)}, active {found.active!r}")


def bootstrap(settings: Settings) -> Iterator[Finding]:
    """Report whether there is a bootstrap key, so that calls need none from `api-keys create`."""
    if settings.bootstrap_api_key is None:
        yield note("bootstrap key", "none: callers need an API key", "`social-gateway api-keys create --help`")
    else:
        yield ok("bootstrap key", "set: it has all scopes in all locations of the default agency")


def public_url(settings: Settings) -> Iterator[Finding]:
    """Check the URL to which consent pages redirect browsers."""
    if "public_url" not in settings.model_fields_set:
        yield note("public URL", f"{settings.public_url} by default: works on this machine only", PUBLIC_URL_FIX)
        return
    problem = url_problem(settings.public_url, allow_loopback=settings.allow_loopback_vendors, allow_port=True)
    if problem:
        yield wrong("public URL", f"{settings.public_url} {problem}", PUBLIC_URL_FIX)
    elif settings.public_url.startswith("http://"):
        yield note("public URL", f"{settings.public_url}: works on this machine only; real consent pages need https")
    else:
        yield ok("public URL", f"{settings.public_url}; register {settings.callback_url} with the providers")


async def key_services(settings: Settings) -> AsyncIterator[Finding]:
    """Wrap and unwrap something with each key that a service keeps."""
    try:
        found = read_ring(settings)
    except SettingsError:
        # Said by `ring`.
        return
    for key in found.services:
        try:
            await key.prove()
        except (key_ring.KeyMissing, key_ring.KeyWrong) as error:
            for sentence in sentences(error):
                yield wrong(f"encryption key {key.key_id}", sentence)
        else:
            yield ok(f"encryption key {key.key_id}", f"{key.service.place} wraps and unwraps")
    found.close()


async def uploads(settings: Settings) -> AsyncIterator[Finding]:
    """Write, read and delete a small blob in the store of uploads; a local folder must have free space."""
    place = upload_store.place(settings)
    try:
        store = upload_store.open_store(settings)
        await upload_store.prove(store)
        room = store.room()
    except StoreUnavailable as error:
        yield wrong("uploads", f"{place}: {error}", error.advice)
    except Exception as error:
        for sentence in sentences(error):
            yield wrong("uploads", sentence)
    else:
        if room is None:
            yield ok("uploads", f"{place}: written, read whole and in part, and deleted")
            return
        text = f"{place}, room for {max(room, 0) / 10**9:.1f} GB beside GATEWAY_UPLOAD_RESERVE_BYTES"
        yield ok("uploads", text) if room > 0 else wrong("uploads", text, "free some space, or set GATEWAY_BLOB_URL")


def data_dir(settings: Settings) -> Iterator[Finding]:
    """Write a file into the data folder: tokens are spilled there until they are in the database."""
    data_folder.verify(settings)
    yield ok("data folder", str(settings.data_dir.expanduser()))


def ports(settings: Settings) -> Iterator[Finding]:
    """Try to bind the addresses; if a running gateway has them, that is not an error."""
    for name in ("grpc_address", "http_address"):
        address = str(getattr(settings, name))
        variable = f"GATEWAY_{name.upper()}"
        if address.startswith("unix:"):
            continue
        try:
            found = ", ".join(addresses.free(address, variable))
            yield ok(variable, f"{address} is free" + ("" if found == address else f" ({found})"))
        except OSError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE:
                yield note(variable, f"{address} is in use; by a running gateway?")
            else:
                yield wrong(variable, str(error).removeprefix(f"{variable} "), "write host:port")


def tls(settings: Settings) -> Iterator[Finding]:
    """Load the certificate, if there is one, and report how long it is valid."""
    if settings.tls_cert is None or settings.tls_key is None:
        yield note("TLS", "none: gRPC is unencrypted; fine on this machine and behind a TLS proxy")
        return
    from cryptography import x509

    CertificateFiles(settings.tls_cert, settings.tls_key, settings.tls_client_ca).load()
    certificate = x509.load_pem_x509_certificates(settings.tls_cert.read_bytes())[0]
    remaining = certificate.not_valid_after_utc - clock.now()
    clients = "" if settings.tls_client_ca is None else "; clients need a certificate"
    text = f"{settings.tls_cert}, good for {remaining.days} days{clients}"
    yield ok("TLS", text) if remaining.days >= 0 else wrong("TLS", f"{settings.tls_cert} has expired", "renew it")


CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    ring,
    bootstrap,
    data_dir,
    public_url,
    providers,
    tiktok,
    tiktok_business,
    highlevel,
    ports,
    tls,
    callers,
)
AT_START = (public_url, providers, tiktok, tiktok_business, highlevel, tls, callers)
"""The checks that `serve` and `worker` repeat: they call nobody and change nothing."""


def refuse_wrong(settings: Settings) -> None:
    """Raise SettingsError with a line for each finding of AT_START that is wrong: what `doctor` says cannot work is not
    started.
    """
    findings = [finding for check in AT_START for finding in _safely(check, settings)]
    lines = [
        f"{each.subject}: {each.text}" + (f"; {each.fix}" if each.fix else "")
        for each in findings
        if each.verdict is Verdict.WRONG
    ]
    if lines:
        raise SettingsError("\n".join(lines))


async def database(settings: Settings) -> AsyncIterator[Finding]:
    """Connect to the database, and check its schema and its keys."""
    try:
        async with asyncio.timeout(DATABASE_SECONDS), open_resources(settings, pool_size=2) as resources:
            yield ok("database", resources.place)
            yield await notifications(resources)
            async for each in _inside(resources):
                yield each
    except TimeoutError:
        yield wrong("database", f"does not answer within {DATABASE_SECONDS:.0f} s", "is it overloaded or firewalled?")
    except Exception as error:
        for sentence in sentences(error):
            yield wrong("database", sentence)


async def notifications(resources: Resources) -> Finding:
    """Send a notification, and see whether it arrives: through some poolers none does."""
    try:
        async with open_listener(resources) as listener:
            if listener.healthy:
                return ok("notifications", "arrive" + (f", at {listener.place}" if resources.listen_url else ""))
            return note("notifications", "could not be tried: the database has no time")
    except (SettingsError, DatabaseUnavailable) as error:
        return wrong("notifications", clean_text(str(error)), "docs/operations.md has a section about poolers")


async def _inside(resources: Resources) -> AsyncIterator[Finding]:
    """Check the database's contents."""
    revision = await schema.current(resources.db)
    if not await schema.is_current(resources.db):
        own = resources.server is not None or resources.settings.auto_migrate
        fix = "`social-gateway serve` migrates it" if own else "run `social-gateway migrate`"
        text = f"{revision or 'empty'}, this version needs {schema.head()}"
        yield note("schema", text, fix) if own else wrong("schema", text, fix)
        return
    yield ok("schema", str(revision))
    yield await tables(resources)
    try:
        await key_rotation.verify_ring(resources.db, resources.ring, remember=False)
    except (key_ring.KeyMissing, key_ring.KeyWrong) as error:
        for sentence in sentences(error):
            yield wrong("encryption keys", sentence)
    else:
        yield ok("encryption keys", "they decrypt what the database stores")
    async for each in shared_store.examine(resources):
        yield each


async def tables(resources: Resources) -> Finding:
    """Look for the partitions of today and of a week from now: without one nothing can be stored."""
    async with resources.db.read() as tx:
        now = clock.now()
        missing = await partitions.missing(tx, now, now + partitions.WEEK)
    if not missing:
        return ok("partitions", "there for today and the coming week")
    fix = "a process creates them when it starts, and one with jobs every ten minutes: does one run?"
    return wrong("partitions", f"missing: {', '.join(partition.name for _, partition in missing)}", fix)


def _safely(check: Callable[[Settings], Iterator[Finding]], settings: Settings) -> list[Finding]:
    """Run one check; an exception becomes a finding."""
    try:
        return list(check(settings))
    except Exception as error:
        subject = (check.__name__).replace("_", " ")
        return [wrong(subject, sentence) for sentence in sentences(error)]

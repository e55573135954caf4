"""What `doctor` looks at: settings, keys, database, blobs, addresses, certificates, and `applications` at the vendors.

Owns the checks and their order; each gives findings and raises nothing. Changes nothing that is not its own scratch.
"""

import asyncio
import errno
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from urllib.parse import urlsplit

from gateway import clock
from gateway import settings as configuration
from gateway.bootstrap import Resources, open_resources, read_ring
from gateway.cli.applications import highlevel, tiktok
from gateway.cli.findings import Finding, note, ok, wrong
from gateway.command_error import sentences
from gateway.http.serving import listen
from gateway.settings import Settings, SettingsError, url_trouble
from gateway.tls import CertificateFiles
from storage import keys, migrate
from storage.blobs import BlobStore

DATABASE_SECONDS = 30.0


async def examine() -> list[Finding]:
    """Look at everything that can be looked at: what cannot be read hides only what stands on it."""
    findings = list(unknown())
    try:
        settings = configuration.load()
    except SettingsError as error:
        return [*findings, *(wrong("settings", line) for line in str(error).splitlines())]
    findings.append(ok("settings", "all can be read"))
    for check in CHECKS:
        findings += _safely(check, settings)
    findings += [each async for each in database(settings)]
    return findings


def unknown() -> Iterator[Finding]:
    """Name variables that look like settings and are none."""
    for name in configuration.unknown_names(os.environ):
        yield note("settings", f"{name} is not a setting of this version", "docs/settings.md lists all of them")


def ring(settings: Settings) -> Iterator[Finding]:
    """Read the encryption keys."""
    found = read_ring(settings)
    yield ok("encryption keys", f"{len(found.keys)}, active {found.active!r}")


def bootstrap(settings: Settings) -> Iterator[Finding]:
    """Say whether anybody can call without a key made by `api-keys create`."""
    if settings.bootstrap_api_key is None:
        yield note("bootstrap key", "none: calls need a key", "`social-gateway api-keys create --help`")
    else:
        yield ok("bootstrap key", "set: it may do everything in every location of the default agency")


def public_url(settings: Settings) -> Iterator[Finding]:
    """Check what consent pages send browsers back to."""
    trouble = url_trouble(settings.public_url, allow_loopback=settings.allow_loopback_vendors, allow_port=True)
    if trouble:
        yield wrong("public URL", f"{settings.public_url} {trouble}", "set GATEWAY_PUBLIC_URL to what browsers reach")
    elif settings.public_url.startswith("http://"):
        yield note("public URL", f"{settings.public_url}: this machine alone; real consent pages need https")
    else:
        yield ok("public URL", f"{settings.public_url}; register {settings.callback_url} with the providers")


def blobs(settings: Settings) -> Iterator[Finding]:
    """Open the place of upload bytes; a local folder must have room."""
    BlobStore.open(settings.blobs)
    parts = urlsplit(settings.blobs)
    if parts.scheme != "file":
        yield ok("uploads", f"kept at {parts.scheme}://{parts.netloc}")
        return
    room = os.statvfs(parts.path)
    free = room.f_bavail * room.f_frsize
    text = f"{parts.path}, {free // 10**9} GB free"
    yield ok("uploads", text) if free > 10**9 else wrong("uploads", text, "make room, or set GATEWAY_BLOB_URL")


def data_dir(settings: Settings) -> Iterator[Finding]:
    """Write a file into the data folder: spilled tokens must find their place."""
    folder = settings.data_dir.expanduser()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = folder / f".doctor-{secrets.token_hex(4)}"
    scratch.touch()
    scratch.unlink()
    yield ok("data folder", str(folder))


def ports(settings: Settings) -> Iterator[Finding]:
    """Try to take the addresses; a running gateway has them, which is no fault."""
    for name in ("grpc_address", "http_address"):
        address = str(getattr(settings, name))
        variable = f"GATEWAY_{name.upper()}"
        if address.startswith("unix:"):
            continue
        try:
            listen(address).close()
            yield ok(variable, f"{address} is free")
        except OSError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE:
                yield note(variable, f"{address} is in use: by a gateway that runs?")
            else:
                yield wrong(variable, str(error).removeprefix("GATEWAY_HTTP_ADDRESS "), "write host:port")


def tls(settings: Settings) -> Iterator[Finding]:
    """Read the certificate, when there is one, and say how long it is good for."""
    if settings.tls_cert is None or settings.tls_key is None:
        yield note("TLS", "none: gRPC is in clear; fine on this machine and behind a proxy that encrypts")
        return
    from cryptography import x509

    CertificateFiles(settings.tls_cert, settings.tls_key).load()
    certificate = x509.load_pem_x509_certificates(settings.tls_cert.read_bytes())[0]
    left = certificate.not_valid_after_utc - clock.now()
    text = f"{settings.tls_cert}, good for {left.days} days"
    yield ok("TLS", text) if left.days >= 0 else wrong("TLS", f"{settings.tls_cert} has expired", "renew it")


CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    ring,
    bootstrap,
    data_dir,
    blobs,
    public_url,
    tiktok,
    highlevel,
    ports,
    tls,
)


async def database(settings: Settings) -> AsyncIterator[Finding]:
    """Reach the database, and look at its schema and its keys."""
    try:
        async with asyncio.timeout(DATABASE_SECONDS), open_resources(settings) as resources:
            yield ok("database", resources.place)
            async for each in _inside(resources):
                yield each
    except TimeoutError:
        yield wrong("database", f"does not answer within {DATABASE_SECONDS:.0f} s", "is it overloaded, or firewalled?")
    except Exception as error:
        for sentence in sentences(error):
            yield wrong("database", sentence)


async def _inside(resources: Resources) -> AsyncIterator[Finding]:
    """Look at what is in the database."""
    revision = await migrate.current(resources.db)
    if not await migrate.is_current(resources.db):
        own = resources.server is not None or resources.settings.auto_migrate
        fix = "`serve` brings it up to date" if own else "run `social-gateway migrate`"
        text = f"{revision or 'empty'}, this version needs {migrate.head()}"
        yield note("schema", text, fix) if own else wrong("schema", text, fix)
        return
    yield ok("schema", str(revision))
    try:
        await keys.verify_ring(resources.db, resources.ring, remember=False)
    except (keys.KeyMissing, keys.KeyWrong) as error:
        for sentence in sentences(error):
            yield wrong("encryption keys", sentence)
    else:
        yield ok("encryption keys", "open what the database holds")


def _safely(check: Callable[[Settings], Iterator[Finding]], settings: Settings) -> list[Finding]:
    """Run one check; what it meets is a finding too."""
    try:
        return list(check(settings))
    except Exception as error:
        subject = (check.__name__).replace("_", " ")
        return [wrong(subject, sentence) for sentence in sentences(error)]

"""Everybody who may call: the holders of API keys, of tokens, and of certificates.

Owns which kind of caller a key belongs to, and following the callers file when it changes. Does not know how any of
them is sent.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.caller import Caller
from gateway.callers.certificates import Certificates
from gateway.callers.configuration import CallersFile
from gateway.callers.fetching import KeyFetcher
from gateway.callers.key_sets import KeySet
from gateway.callers.tokens import Tokens, looks_like_token
from gateway.clock import Clock
from gateway.settings import Settings, SettingsError

LOOK_EVERY_SECONDS = 1.0


@dataclass(slots=True)
class Directory:
    """The callers of the file, beside those with API keys."""

    file: CallersFile
    api_keys: Callable[[str], Awaitable[Caller]] = field(repr=False)
    fetch: KeyFetcher = field(repr=False)
    clock: Clock
    monotonic: Callable[[], float] = time.monotonic
    _key_sets: dict[tuple[str, str], KeySet] = field(default_factory=dict, repr=False)
    _tokens: Tokens = field(init=False, repr=False)
    _certificates: Certificates = field(init=False, repr=False)
    _looked: float = float("-inf")

    def __post_init__(self) -> None:
        """Begin with the callers that the file names now."""
        self._adopt()

    async def authenticate(self, key: str) -> Caller:
        """Return the caller of an API key or a token; raises Unauthenticated, IssuerUnavailable."""
        if not looks_like_token(key):
            return await self.api_keys(key)
        self._follow()
        return await self._tokens.authenticate(key)

    async def recognize(self, certificate: bytes) -> Caller:
        """Return the caller of a client certificate (PEM); raises CertificateInvalid."""
        self._follow()
        return self._certificates.recognize(certificate)

    async def close(self) -> None:
        """End what runs in the background."""
        for keys in self._key_sets.values():
            await keys.close()
        await self.fetch.close()

    def _follow(self) -> None:
        """Adopt the file's callers if it has changed; it is looked at once a second."""
        now = self.monotonic()
        if now - self._looked < LOOK_EVERY_SECONDS:
            return
        self._looked = now
        if self.file.changed():
            self._adopt()

    def _adopt(self) -> None:
        """Begin anew with the file's callers; keys of issuers that stay are kept."""
        found = self.file.current
        issuers = {each.issuer: (each, self._keys_of(each.name, each.keys_url)) for each in found.issuers}
        self._tokens = Tokens(issuers, self.clock)
        self._certificates = Certificates(found.certificates, self.clock)

    def _keys_of(self, name: str, url: str) -> KeySet:
        return self._key_sets.setdefault((name, url), KeySet(name, url, self.fetch, self.clock))


def open_directory(
    settings: Settings, file: Path, api_keys: Callable[[str], Awaitable[Caller]], clock: Clock
) -> Directory:
    """Return the callers of the settings' file; raises SettingsError."""
    return Directory(read_file(settings, file), api_keys, KeyFetcher(settings.allow_loopback_vendors), clock)


def read_file(settings: Settings, file: Path) -> CallersFile:
    """Read the file for the first time; raises SettingsError, also if nobody asks for the certificates in it."""
    found = CallersFile(file, settings.allow_loopback_vendors)
    if found.load().certificates and settings.tls_client_ca is None:
        raise SettingsError("GATEWAY_CALLERS_FILE: has certificates: they need GATEWAY_TLS_CLIENT_CA")
    return found

"""The server's TLS certificate and the authorities of its clients, reloaded when their files change.

Owns reading the files together and detecting changes. Does not know gRPC.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from gateway import log, stamps
from gateway.settings import SettingsError

_log = log.get("gateway.tls")


class TlsFiles(NamedTuple):
    """The private key, the certificate chain, and the authorities of clients (empty without), all PEM."""

    key: bytes
    chain: bytes
    client_ca: bytes = b""


@dataclass(slots=True)
class CertificateFiles:
    """The certificate and key files, and that of clients' authorities if they need a certificate.

    Call `load` at start and `changed` at every handshake.
    """

    cert: Path
    key: Path
    client_ca: Path | None = None
    _loaded_stamps: tuple[stamps.Stamp, ...] = field(default=(), repr=False)

    def load(self) -> TlsFiles:
        """Read the files; raises SettingsError if they cannot be read or do not match."""
        seen = self._stamps()
        files = TlsFiles(*self._pair(), self._authorities())
        self._loaded_stamps = seen
        return files

    def changed(self) -> TlsFiles | None:
        """Return the new contents if the files have changed and are valid, else None: the old ones stay in use.

        Half-written files are expected here; the next handshake tries again.
        """
        if self._stamps() == self._loaded_stamps:
            return None
        try:
            files = self.load()
        except SettingsError as error:
            _log.warning("the new certificate is not used", error=str(error))
            return None
        _log.info("a new certificate is used", file=str(self.cert))
        return files

    def _pair(self) -> tuple[bytes, bytes]:
        try:
            key, chain = self.key.read_bytes(), self.cert.read_bytes()
            _check(key, chain)
        except (OSError, ValueError, TypeError) as error:
            raise SettingsError(f"GATEWAY_TLS_CERT, GATEWAY_TLS_KEY: {type(error).__name__}: {error}") from None
        return key, chain

    def _authorities(self) -> bytes:
        if self.client_ca is None:
            return b""
        try:
            found = self.client_ca.read_bytes()
            # An empty file would be no authorities, and no authorities are no check.
            x509.load_pem_x509_certificates(found)
        except (OSError, ValueError) as error:
            raise SettingsError(f"GATEWAY_TLS_CLIENT_CA: {type(error).__name__}: {error}") from None
        return found

    def _stamps(self) -> tuple[stamps.Stamp, ...]:
        return tuple(stamps.stamp(path) for path in (self.cert, self.key, self.client_ca) if path is not None)


def _check(key_pem: bytes, chain: bytes) -> None:
    """Raise ValueError unless the certificate belongs to the key."""
    key = load_pem_private_key(key_pem, password=None)
    certificate = x509.load_pem_x509_certificates(chain)[0]
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != public:
        raise ValueError("the certificate does not belong to the key")

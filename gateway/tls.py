"""The server's TLS certificate, reloaded when its files change.

Owns reading the two files together and detecting changes. Does not know gRPC.
"""

from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from gateway import log
from gateway.settings import SettingsError

_log = log.get("gateway.tls")

KeyAndChain = tuple[bytes, bytes]
"""The private key and the certificate chain, both PEM."""


@dataclass(slots=True)
class CertificateFiles:
    """The certificate and key files. Call `load` at start and `changed` at every handshake."""

    cert: Path
    key: Path
    _loaded_stamps: tuple[tuple[int, int], ...] = field(default=(), repr=False)

    def load(self) -> KeyAndChain:
        """Read both files; raises SettingsError if they cannot be read or do not match."""
        stamps = self._stamps()
        try:
            pair = (self.key.read_bytes(), self.cert.read_bytes())
            _check(pair)
        except (OSError, ValueError, TypeError) as error:
            raise SettingsError(f"GATEWAY_TLS_CERT, GATEWAY_TLS_KEY: {type(error).__name__}: {error}") from None
        self._loaded_stamps = stamps
        return pair

    def changed(self) -> KeyAndChain | None:
        """Return the new pair if the files have changed and are valid, else None: the old one stays in use.

        Half-written files are expected here; the next handshake tries again.
        """
        if self._stamps() == self._loaded_stamps:
            return None
        try:
            pair = self.load()
        except SettingsError as error:
            _log.warning("the new certificate is not used", error=str(error))
            return None
        _log.info("a new certificate is used", file=str(self.cert))
        return pair

    def _stamps(self) -> tuple[tuple[int, int], ...]:
        """Return each file's modification time and inode."""
        stamps = []
        for path in (self.cert, self.key):
            try:
                stat = path.stat()
                stamps.append((stat.st_mtime_ns, stat.st_ino))
            except OSError:
                stamps.append((0, 0))
        return tuple(stamps)


def _check(pair: KeyAndChain) -> None:
    """Raise ValueError unless the certificate belongs to the key."""
    key = load_pem_private_key(pair[0], password=None)
    certificate = x509.load_pem_x509_certificates(pair[1])[0]
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != public:
        raise ValueError("the certificate does not belong to the key")

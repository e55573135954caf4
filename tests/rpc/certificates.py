"""Certificates for the tests: self-signed ones for localhost in files, and authorities that sign those of clients.

Owns making them. Does not know the server.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

BEFORE, AFTER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The two files, and the certificate itself as clients trust it."""

    cert: Path
    key: Path
    pem: bytes

    def trusted(self) -> grpc.ChannelCredentials:
        """Return credentials that trust this certificate alone."""
        return grpc.ssl_channel_credentials(self.pem)


def make_certificate(folder: Path, name: str) -> Certificate:
    """Write a new key and certificate for localhost into a folder, over those that are there."""
    key = new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEFORE)
        .not_valid_after(AFTER)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM)
    files = Certificate(folder / "cert.pem", folder / "key.pem", pem)
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    files.cert.write_bytes(pem)
    return files


def new_key() -> ec.EllipticCurvePrivateKey:
    """Make a key."""
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True, slots=True)
class Identity:
    """A client's key and certificate, both PEM."""

    key: bytes
    pem: bytes

    def trusting(self, server: Certificate) -> grpc.ChannelCredentials:
        """Return credentials that present this certificate, and trust a server's."""
        return grpc.ssl_channel_credentials(server.pem, self.key, self.pem)


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority that signs certificates of clients."""

    name: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key, repr=False)

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        made = self._builder(self.key, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]), AFTER)
        ca = x509.BasicConstraints(ca=True, path_length=None)
        return made.add_extension(ca, critical=True).sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def sign(
        self, common_name: str, *names: x509.GeneralName, after: datetime | None = None, more: Sequence[str] = ()
    ) -> Identity:
        """Sign a certificate with these alternative names, and `more` common names; good until `after`."""
        key = new_key()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each) for each in (common_name, *more)])
        made = self._builder(key, subject, after or AFTER)
        if names:
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        pem = made.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        return Identity(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), pem)

    def _builder(self, key: ec.EllipticCurvePrivateKey, subject: x509.Name, after: datetime) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(BEFORE)
            .not_valid_after(after)
        )

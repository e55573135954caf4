"""Client certificates: from a certificate that TLS has verified to the caller that its name stands for.

Owns which name of a certificate counts, by kind: a mail address or a common name is never taken for a host. Does not
verify chains.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cryptography import x509

from gateway.caller import Caller
from gateway.callers.configuration import CERTIFICATE, CertificateCaller, NameKind
from gateway.clock import Clock
from gateway.errors import CertificateInvalid

CACHED = 1_000


class CertificateProblem(StrEnum):
    """Why a certificate is refused."""

    MALFORMED = "MALFORMED"
    NAME_UNKNOWN = "NAME_UNKNOWN"
    NAME_AMBIGUOUS = "NAME_AMBIGUOUS"
    EXPIRY_PAST = "EXPIRY_PAST"


@dataclass(slots=True)
class Certificates:
    """The callers with certificates; those seen last are remembered."""

    callers: tuple[CertificateCaller, ...]
    clock: Clock
    _read: OrderedDict[bytes, tuple[Caller, datetime]] = field(default_factory=OrderedDict, repr=False)

    def recognize(self, pem: bytes) -> Caller:
        """Return the caller of a certificate; raises CertificateInvalid.

        The time is checked at each call: a connection may outlive its certificate.
        """
        if pem not in self._read:
            self._read[pem] = self._look_up(pem)
            if len(self._read) > CACHED:
                self._read.popitem(last=False)
        caller, expires = self._read[pem]
        if expires <= self.clock():
            raise CertificateInvalid(CertificateProblem.EXPIRY_PAST)
        return caller

    def _look_up(self, pem: bytes) -> tuple[Caller, datetime]:
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            names = set(_names(certificate))
        except ValueError:
            raise CertificateInvalid(CertificateProblem.MALFORMED) from None
        found = [each for each in self.callers if names.intersection(each.names)]
        if len(found) != 1:
            problem = CertificateProblem.NAME_AMBIGUOUS if found else CertificateProblem.NAME_UNKNOWN
            raise CertificateInvalid(problem)
        return to_caller(found[0]), certificate.not_valid_after_utc


def to_caller(entry: CertificateCaller) -> Caller:
    """Return what an entry of the callers file allows."""
    return Caller(
        key_id=f"{CERTIFICATE}:{entry.name}",
        agency=entry.agency,
        locations=None if entry.all_locations else frozenset(entry.locations),
        scopes=frozenset(entry.scopes),
        redirect_uris=frozenset(entry.redirect_uris),
    )


def _names(certificate: x509.Certificate) -> Iterator[tuple[NameKind, str]]:
    """Yield the certificate's names, each with its kind."""
    yield NameKind.SUBJECT, certificate.subject.rfc4514_string()
    try:
        others = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    for uri in others.get_values_for_type(x509.UniformResourceIdentifier):
        yield NameKind.URI, uri
    for host in others.get_values_for_type(x509.DNSName):
        yield NameKind.DNS, host.lower()

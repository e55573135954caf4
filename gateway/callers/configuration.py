"""The callers file: which issuers' tokens and which certificates may call, as what.

Owns the file's format and its checks, and reading it again when it changes. Does not verify tokens or certificates.
"""

import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gateway import log, stamps
from gateway.aip import names
from gateway.domain.api_keys import SCOPES
from gateway.errors import FieldInvalid
from gateway.settings import SettingsError
from gateway.urls import url_problem

_log = log.get("gateway.callers")

ANY = "*"
CERTIFICATE = "certificate"
"""What the key id of a caller with a certificate begins with, in logs and quotas; that of a token, with its issuer."""

_RESERVED = (CERTIFICATE, "operator")
"""What no issuer may be called: in the audit log, `operator:` is before the name of a command's user."""

VARIABLE = "GATEWAY_CALLERS_FILE"

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Asymmetric ones only: with a symmetric one, whoever can verify a token can make one."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Text = Annotated[str, Field(min_length=1, max_length=512)]


class NameKind(StrEnum):
    """Which name in a certificate is compared: a URI or a host among its alternative names, or its subject."""

    URI = "uri"
    DNS = "dns"
    SUBJECT = "subject"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Name
    scopes: tuple[str, ...] = Field(min_length=1)
    redirect_uris: tuple[str, ...] = ()

    @field_validator("scopes")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse scopes that do not exist; `*` means all of them but those of administrators, which must be named."""
        if value == (ANY,):
            return tuple(sorted(scope for scope in SCOPES if not scope.startswith("admin.")))
        if unknown := sorted(set(value) - SCOPES):
            raise ValueError(f"there is no scope {unknown[0]!r}; scopes are {', '.join(sorted(SCOPES))}")
        return value


class Issuer(_Entry):
    """An issuer of tokens: where its keys are, and which claims say whose agency, locations and scopes a token has.

    `scopes` are the most that a token of it may have, `agencies` those that a token may name.
    """

    issuer: Text
    audience: Text
    keys_url: Text
    algorithms: tuple[Algorithm, ...] = Field(min_length=1)
    agency: str = ""
    agency_claim: str = ""
    agencies: tuple[str, ...] = ()
    locations_claim: Text
    all_locations: bool = False
    scopes_claim: Text
    scope_prefix: str = ""

    @model_validator(mode="after")
    def _one_agency(self) -> "Issuer":
        """Require one agency for all tokens, or a claim and the agencies that it may name."""
        if bool(self.agency) == bool(self.agency_claim):
            raise ValueError("set one of agency and agency_claim")
        if bool(self.agency_claim) != bool(self.agencies):
            raise ValueError('agency_claim needs agencies: those that it may name, ["*"] for all')
        _check_ids((self.agency,) if self.agency else [each for each in self.agencies if each != ANY])
        return self


class CertificateCaller(_Entry):
    """What the holder of a certificate with exactly this name may use: exactly one of `uri`, `dns` and `subject`."""

    uri: str = ""
    dns: str = ""
    subject: str = ""
    agency: str
    locations: tuple[str, ...] = ()
    all_locations: bool = False

    @model_validator(mode="after")
    def _one_name(self) -> "CertificateCaller":
        """Require one name, and an explicit word about locations."""
        if len(self.names) != 1:
            raise ValueError("set one of uri, dns and subject")
        if self.all_locations == bool(self.locations):
            raise ValueError("set locations, or all_locations = true")
        _check_ids((self.agency, *self.locations))
        return self

    @property
    def names(self) -> list[tuple[NameKind, str]]:
        """The names that were given, each with its kind."""
        given = {NameKind.URI: self.uri, NameKind.DNS: self.dns.lower(), NameKind.SUBJECT: self.subject}
        return [(kind, value) for kind, value in given.items() if value]


class Callers(BaseModel):
    """The file's contents."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    issuers: tuple[Issuer, ...] = ()
    certificates: tuple[CertificateCaller, ...] = ()

    @model_validator(mode="after")
    def _unambiguous(self) -> "Callers":
        """Refuse two entries that a token or a certificate could both mean."""
        _once("name", [each.name for each in (*self.issuers, *self.certificates)])
        if taken := next((each.name for each in self.issuers if each.name in _RESERVED), None):
            raise ValueError(f"no issuer may be called {taken}")
        _once("issuer", [each.issuer for each in self.issuers])
        _once("certificate", [each.names[0] for each in self.certificates])
        return self


def load(path: Path, *, allow_loopback: bool) -> Callers:
    """Read the file; raises SettingsError with one line per problem, without the values."""
    try:
        found = Callers.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{VARIABLE}: {path}: {type(error).__name__}: {error}") from None
    except ValidationError as error:
        raise SettingsError("\n".join(f"{VARIABLE}: {path}: {line}" for line in _lines(error))) from None
    for issuer in found.issuers:
        if problem := url_problem(issuer.keys_url, allow_loopback=allow_loopback, allow_query=True):
            raise SettingsError(f"{VARIABLE}: {path}: issuers: {issuer.name}: keys_url {problem}")
    return found


@dataclass(slots=True)
class CallersFile:
    """The file, read again when it changes; one that is not valid any more leaves the last good one in use."""

    path: Path
    allow_loopback: bool = False
    current: Callers = field(default_factory=Callers)
    _seen: stamps.Stamp = field(default=stamps.ABSENT, repr=False)

    def load(self) -> Callers:
        """Read the file for the first time; raises SettingsError."""
        self._seen = stamps.stamp(self.path)
        self.current = load(self.path, allow_loopback=self.allow_loopback)
        return self.current

    def changed(self) -> bool:
        """Return whether the file has a new and valid content, which is `current` from now on."""
        found = stamps.stamp(self.path)
        if found == self._seen:
            return False
        try:
            self.load()
        except SettingsError as error:
            self._seen = found
            _log.warning("the callers file is not used as it is now; the one before stays", error=str(error))
            return False
        _log.info("the callers file was read again", file=str(self.path))
        return True


def _check_ids(ids: Iterable[str]) -> None:
    for each in ids:
        try:
            names.LOCATION.parse(f"locations/{each}", path="")
        except FieldInvalid:
            raise ValueError("ids of agencies and locations are as those of the API") from None


def _once(what: str, values: Collection[object]) -> None:
    if len(set(values)) != len(values):
        raise ValueError(f"each {what} may be there once")


def _lines(error: ValidationError) -> list[str]:
    """Return each problem with its place, without the value."""
    return [
        f"{'.'.join(str(part) for part in item['loc']) or 'file'}: {item['msg'].removeprefix('Value error, ')}"
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    ]

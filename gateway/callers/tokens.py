"""JSON Web Tokens: from a token to the caller that its claims describe.

Owns the verification, what of it is remembered, and the mapping of claims. Signatures are checked by PyJWT; keys are
`key_sets.py`.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import jwt

from gateway.aip import names
from gateway.caller import Caller
from gateway.callers.configuration import ANY, Issuer
from gateway.callers.key_sets import KeyData, KeySet
from gateway.clock import Clock
from gateway.errors import FieldInvalid, TokenInvalid

MAX_LENGTH = 8192
CACHED = 10_000
LEEWAY = timedelta(seconds=30)
"""How far the issuer's clock may differ from ours."""

REQUIRED = ["exp", "iss", "aud", "sub"]
_LOOKS_LIKE_ONE = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*")
_PLAIN_SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@|+-]{0,99}")


class TokenProblem(StrEnum):
    """Why a token is refused."""

    MALFORMED = "MALFORMED"
    ISSUER_UNKNOWN = "ISSUER_UNKNOWN"
    ALGORITHM_FORBIDDEN = "ALGORITHM_FORBIDDEN"
    KEY_UNKNOWN = "KEY_UNKNOWN"
    SIGNATURE_WRONG = "SIGNATURE_WRONG"
    AUDIENCE_WRONG = "AUDIENCE_WRONG"
    EXPIRY_MISSING = "EXPIRY_MISSING"
    EXPIRY_PAST = "EXPIRY_PAST"
    NOT_YET_VALID = "NOT_YET_VALID"
    CLAIM_INVALID = "CLAIM_INVALID"
    AGENCY_FORBIDDEN = "AGENCY_FORBIDDEN"


@dataclass(frozen=True, slots=True)
class _Verified:
    """A token that was verified: good until it expires, or its issuer's keys change."""

    caller: Caller
    expires: datetime
    keys: KeySet
    version: int


@dataclass(slots=True)
class Tokens:
    """The tokens of all issuers, each with its keys; the newest verified ones are remembered."""

    issuers: Mapping[str, tuple[Issuer, KeySet]]
    clock: Clock
    _verified: OrderedDict[bytes, _Verified] = field(default_factory=OrderedDict, repr=False)

    async def authenticate(self, token: str) -> Caller:
        """Return the caller of a token; raises TokenInvalid, IssuerUnavailable."""
        if len(token) > MAX_LENGTH:
            raise TokenInvalid(TokenProblem.MALFORMED)
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        return self._remembered(digest) or await self._verify(token, digest)

    def _remembered(self, digest: bytes) -> Caller | None:
        found = self._verified.get(digest)
        if found is None:
            return None
        if found.version != found.keys.version or found.expires <= self.clock():
            del self._verified[digest]
            return None
        found.keys.refresh_if_due()
        self._verified.move_to_end(digest)
        return found.caller

    async def _verify(self, token: str, digest: bytes) -> Caller:
        algorithm, key_id, unverified = _read(token)
        named = unverified.get("iss")
        if not isinstance(named, str) or named not in self.issuers:
            raise TokenInvalid(TokenProblem.ISSUER_UNKNOWN)
        issuer, keys = self.issuers[named]
        if algorithm not in issuer.algorithms:
            raise TokenInvalid(TokenProblem.ALGORITHM_FORBIDDEN)
        # Before the key: a token that has expired asks nobody, and ends whether or not its issuer can be asked.
        _check_times(unverified, self.clock())
        key = await keys.find(key_id) if key_id else None
        if key is None:
            raise TokenInvalid(TokenProblem.KEY_UNKNOWN)
        version = keys.version
        claims = _signed_claims(token, key, algorithm, issuer)
        expires = _check_times(claims, self.clock())
        caller = to_caller(issuer, claims)
        self._verified[digest] = _Verified(caller, expires, keys, version)
        if len(self._verified) > CACHED:
            self._verified.popitem(last=False)
        return caller


def looks_like_token(key: str) -> bool:
    """Return whether a key is a token, which no API key looks like."""
    return _LOOKS_LIKE_ONE.fullmatch(key) is not None


def to_caller(issuer: Issuer, claims: Mapping[str, Any]) -> Caller:
    """Return what verified claims allow; a claim that is not there allows nothing. Raises TokenInvalid."""
    locations = _texts(claims, issuer.locations_claim)
    return Caller(
        key_id=f"{issuer.name}:{_subject(claims['sub'])}",
        agency=_agency(issuer, claims),
        locations=None if issuer.all_locations and ANY in locations else frozenset(locations),
        scopes=_scopes(issuer, _texts(claims, issuer.scopes_claim)),
        redirect_uris=frozenset(issuer.redirect_uris),
        named_by_operator=False,
    )


def _read(token: str) -> tuple[str, str, Mapping[str, Any]]:
    """Return the algorithm and the key's id that a token names, "" for none, and its claims; nothing is proved yet."""
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise TokenInvalid(TokenProblem.MALFORMED) from None
    algorithm, key_id = (each if isinstance(each, str) else "" for each in (header.get("alg"), header.get("kid")))
    return algorithm, key_id, claims


def _signed_claims(token: str, key: KeyData, algorithm: str, issuer: Issuer) -> dict[str, Any]:
    """Return the claims after checking signature, issuer and audience; raises TokenInvalid."""
    try:
        return jwt.decode(
            token,
            # A key that names no algorithm is good for those of its type.
            jwt.PyJWK(dict(key), algorithm=key.get("alg") or algorithm),
            algorithms=[algorithm],
            audience=issuer.audience,
            issuer=issuer.issuer,
            # The times are checked with our own clock.
            options={"require": REQUIRED, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise TokenInvalid(_problem(error)) from None


def _problem(error: Exception) -> TokenProblem:
    missing = error.claim if isinstance(error, jwt.MissingRequiredClaimError) else ""
    if missing == "aud" or isinstance(error, jwt.InvalidAudienceError):
        return TokenProblem.AUDIENCE_WRONG
    if isinstance(error, jwt.InvalidSignatureError):
        return TokenProblem.SIGNATURE_WRONG
    if isinstance(error, (jwt.InvalidAlgorithmError, jwt.PyJWKError, jwt.InvalidKeyError)):
        return TokenProblem.ALGORITHM_FORBIDDEN
    return TokenProblem.CLAIM_INVALID


def _check_times(claims: Mapping[str, Any], now: datetime) -> datetime:
    """Return when the token stops being good; raises TokenInvalid if that was before, or it is not good yet."""
    if "exp" not in claims:
        raise TokenInvalid(TokenProblem.EXPIRY_MISSING)
    expires = _time(claims["exp"]) + LEEWAY
    if expires <= now:
        raise TokenInvalid(TokenProblem.EXPIRY_PAST)
    begins = [_time(claims[name]) for name in ("nbf", "iat") if name in claims]
    if any(time > now + LEEWAY for time in begins):
        raise TokenInvalid(TokenProblem.NOT_YET_VALID)
    return expires


def _time(value: Any) -> datetime:
    """Return the time of a NumericDate (RFC 7519, 2); raises TokenInvalid."""
    try:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise TokenInvalid(TokenProblem.CLAIM_INVALID) from None


def _agency(issuer: Issuer, claims: Mapping[str, Any]) -> str:
    """Return the issuer's own agency, or the one in the claim if the issuer may name it."""
    if issuer.agency:
        return issuer.agency
    named = claims.get(issuer.agency_claim)
    if not isinstance(named, str) or (named not in issuer.agencies and issuer.agencies != (ANY,)):
        raise TokenInvalid(TokenProblem.AGENCY_FORBIDDEN)
    try:
        return names.LOCATION.parse(f"locations/{named}")[0]
    except FieldInvalid:
        raise TokenInvalid(TokenProblem.AGENCY_FORBIDDEN) from None


def _scopes(issuer: Issuer, granted: list[str]) -> frozenset[str]:
    """Return the scopes that the token has and the issuer may give; others are for other services."""
    prefix = issuer.scope_prefix
    named = {each.removeprefix(prefix) for each in granted if each.startswith(prefix)}
    return frozenset(named.intersection(issuer.scopes))


def _texts(claims: Mapping[str, Any], name: str) -> list[str]:
    """Return a claim that is a list of texts, or one text of several separated by spaces; [] if it is missing."""
    value = claims.get(name, [])
    if isinstance(value, str):
        return value.split()
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return value
    raise TokenInvalid(TokenProblem.CLAIM_INVALID)


def _subject(subject: str) -> str:
    """Return the subject as logs and quotas show it: a digest if it could be mistaken for something else."""
    return subject if _PLAIN_SUBJECT.fullmatch(subject) else hashlib.sha256(subject.encode()).hexdigest()[:32]

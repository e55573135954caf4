"""Normalising and hashing of the identifiers that audiences are made of: e-mail, phone, mobile advertising id.

Owns the rules, as TikTok publishes them (https://ads.tiktok.com/help/article/how-to-create-a-custom-audience-with-a-customer-file,
September 2025). An error never contains the value that it is about.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

DIGEST = re.compile(r"[0-9a-fA-F]{64}")
EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f.]+(\.[^@\s\x00-\x1f\x7f.]+)+")
MAID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What a person writes in a phone number; letters would let a whole sentence pass as one.
PHONE = re.compile(r"[\d+()\[\]/.,\-\u2010-\u2015\u2212\s]+")
LONGEST_EMAIL = 254
LONGEST_PHONE = 64
# A device whose owner refuses to be tracked tells this id: it is everybody's, and nobody's.
NOBODY = "00000000-0000-0000-0000-000000000000"
GMAIL = frozenset({"gmail.com", "googlemail.com"})


class IdentifierType(StrEnum):
    """What identifies a person; the value is the column's name in a file of digests."""

    EMAIL = "Email_SHA256"
    PHONE = "Phone_SHA256"
    MAID = "MAID_SHA256"


class Problem(StrEnum):
    """Why a value cannot be used, as the end of a sentence."""

    EMPTY = "is empty"
    NOT_TEXT = "is not UTF-8 text"
    NOT_EMAIL = "is not an e-mail address"
    NOT_PHONE = "is not a phone number"
    NO_COUNTRY = "has no country code, and no region was named for numbers without one"
    NOT_MAID = "is not a mobile advertising id (IDFA or GAID)"
    NOBODY = "is the id of devices that refuse tracking"
    NOT_DIGEST = "is not a SHA-256 digest of 64 hexadecimal digits"


class IdentifierInvalid(ValueError):
    """A value is not an identifier of its type; the text says why, and never contains the value."""

    def __init__(self, identifier_type: IdentifierType, problem: Problem) -> None:
        """Store the type and the problem."""
        super().__init__(f"{identifier_type.name.lower()} {problem}")
        self.identifier_type = identifier_type
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be chosen about normalising.

    `phone_region` is the ISO 3166 code of the region whose numbers are written without a country code; empty refuses
    such numbers. `strip_aliases` removes what follows a plus sign in an e-mail's local part, and the dots in Gmail's,
    whose mailboxes have none; other providers' dots always stay.
    """

    phone_region: str = ""
    strip_aliases: bool = False


def digest(identifier_type: IdentifierType, value: str, rules: Rules) -> str:
    """Return the SHA-256 digest of a value, 64 lower-case hexadecimal digits; a value that is one already stays.

    Raises IdentifierInvalid.
    """
    text = value.strip()
    if DIGEST.fullmatch(text):
        return text.lower()
    return hashlib.sha256(normalise(identifier_type, text, rules).encode()).hexdigest()


def checked_digest(identifier_type: IdentifierType, value: str) -> str:
    """Return a digest in lower case; raises IdentifierInvalid for anything else, also for a plain value."""
    if not DIGEST.fullmatch(value):
        raise IdentifierInvalid(identifier_type, Problem.NOT_DIGEST)
    return value.lower()


def normalise(identifier_type: IdentifierType, value: str, rules: Rules) -> str:
    """Return the form of a plain value that is hashed; raises IdentifierInvalid."""
    text = value.strip()
    try:
        text.encode()
    except UnicodeEncodeError:
        raise IdentifierInvalid(identifier_type, Problem.NOT_TEXT) from None
    if not text:
        raise IdentifierInvalid(identifier_type, Problem.EMPTY)
    if identifier_type == IdentifierType.EMAIL:
        return _email(text.lower(), rules)
    if identifier_type == IdentifierType.PHONE:
        return _phone(text, rules)
    return _maid(text.lower())


def regions() -> frozenset[str]:
    """Return the regions whose phone numbers are known, as ISO 3166 codes."""
    # Its tables take a tenth of a second: they are loaded only where numbers are.
    from phonenumbers import SUPPORTED_REGIONS

    return frozenset(SUPPORTED_REGIONS)


def _email(text: str, rules: Rules) -> str:
    if len(text) > LONGEST_EMAIL or not EMAIL.fullmatch(text):
        raise IdentifierInvalid(IdentifierType.EMAIL, Problem.NOT_EMAIL)
    if not rules.strip_aliases:
        return text
    local, _, domain = text.partition("@")
    local = local.partition("+")[0]
    local = local.replace(".", "") if domain in GMAIL else local
    if not local:
        raise IdentifierInvalid(IdentifierType.EMAIL, Problem.NOT_EMAIL)
    return f"{local}@{domain}"


def _phone(text: str, rules: Rules) -> str:
    """Return E.164 with the plus sign: TikTok's written rule, though the digest that it prints is of one without."""
    import phonenumbers

    if len(text) > LONGEST_PHONE or not PHONE.fullmatch(text):
        raise IdentifierInvalid(IdentifierType.PHONE, Problem.NOT_PHONE)
    try:
        number = phonenumbers.parse(text, rules.phone_region or None)
    except phonenumbers.NumberParseException as error:
        no_country = error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE
        bare = no_country and not rules.phone_region and not text.startswith("+")
        raise IdentifierInvalid(IdentifierType.PHONE, Problem.NO_COUNTRY if bare else Problem.NOT_PHONE) from None
    # Only the length is judged: numbering plans change faster than any table of them.
    if not phonenumbers.is_possible_number(number):
        raise IdentifierInvalid(IdentifierType.PHONE, Problem.NOT_PHONE)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _maid(text: str) -> str:
    if not MAID.fullmatch(text):
        raise IdentifierInvalid(IdentifierType.MAID, Problem.NOT_MAID)
    if text == NOBODY:
        raise IdentifierInvalid(IdentifierType.MAID, Problem.NOBODY)
    return text

"""Normalising and hashing of identifiers, against digests that others published.

Owns the proofs of `gateway/audiences/identifiers.py`. The vectors, each with where it stands and when it was read:

- TikTok's help, "How to create a Custom Audience with a customer file", last updated September 2025, read 2026-11-30:
  https://ads.tiktok.com/help/article/how-to-create-a-custom-audience-with-a-customer-file
- Meta's Conversions API, "Customer information parameters", as quoted in tests of its users, read 2026-11-30:
  https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters
- NIST, SHA-256 of "abc", FIPS 180-4 examples: https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines
- Google's libphonenumber, README examples of E.164: https://github.com/google/libphonenumber
"""

import hashlib

import pytest

from gateway.audiences.identifiers import (
    IdentifierInvalid,
    IdentifierType,
    Problem,
    Rules,
    checked_digest,
    digest,
    normalise,
    regions,
)

EMAIL, PHONE, MAID = IdentifierType
PLAIN = Rules()
JANE = "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69"
TIKTOKS_MAID = "83dc3f5f32b9472613b0f038d36f22585a609d018af6f6067f50da318bf354bd"
METAS_EMAIL = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"
TIKTOKS_PHONE = "65b7e6dcf6f4310f8d7cbfbd78289a753062fb054d6664fb9aaac5df66a422d4"


@pytest.mark.parametrize(
    ("identifier_type", "value", "published"),
    [
        (EMAIL, "janedoe@gmail.com", JANE),
        (EMAIL, "  JaneDoe@Gmail.com\t", JANE),
        (EMAIL, "John_Smith@gmail.com", METAS_EMAIL),
        (MAID, "5f3a2b18-9c4d-4e7f-b8e2-17d3a1e69b25", TIKTOKS_MAID),
        (MAID, " 5F3A2B18-9C4D-4E7F-B8E2-17D3A1E69B25 ", TIKTOKS_MAID),
    ],
)
def test_digests_agree_with_published_ones(identifier_type: IdentifierType, value: str, published: str) -> None:
    """The digest of a value, however it is written, is the one that its publisher prints."""
    assert published == digest(identifier_type, value, PLAIN)


def test_the_digest_of_a_phone_number_follows_the_written_rule() -> None:
    """TikTok writes E.164 with a plus sign, and prints the digest of its example without one: the rule is followed."""
    written = "+374 93 828222"
    assert "+37493828222" == normalise(PHONE, written, PLAIN)
    assert TIKTOKS_PHONE == hashlib.sha256(b"37493828222").hexdigest()
    assert "241371e614f8650dfae0f111361c69de1bb4829a72b71bb8044daae8b2e7791d" == digest(PHONE, written, PLAIN)
    assert "a6e82c2f4091baff57a4f33d01efb65bfbeacbbfbcfaa9d0ff9f57d28d78fedb" == digest(PHONE, "+1 657 777 0000", PLAIN)


def test_the_hash_is_sha256() -> None:
    """The function under the digests passes the vector of its standard."""
    assert "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize(
    ("value", "region", "normalised"),
    [
        ("+41446681800", "", "+41446681800"),
        ("044 668 18 00", "CH", "+41446681800"),
        ("(657) 777-0000", "US", "+16577770000"),
        ("0041 44 668 18 00", "CH", "+41446681800"),
        ("+49 (0)30 901820", "", "+4930901820"),
        ("+41446681800", "US", "+41446681800"),
        ("\uff0b41 44 668 18 00".replace("\uff0b", "+"), "", "+41446681800"),
    ],
)
def test_phone_numbers_become_e164(value: str, region: str, normalised: str) -> None:
    """Country code from the number, else from the region that was named; symbols and national zeros go."""
    assert normalised == normalise(PHONE, value, Rules(phone_region=region))


def test_a_region_is_never_guessed() -> None:
    """A number without a country code is refused while no region was named."""
    with pytest.raises(IdentifierInvalid) as refused:
        digest(PHONE, "044 668 18 00", PLAIN)
    assert Problem.NO_COUNTRY == refused.value.problem
    assert {"US", "DE", "CH"} <= regions()


@pytest.mark.parametrize(
    ("value", "kept", "stripped"),
    [
        ("jane.doe+shop@gmail.com", "jane.doe+shop@gmail.com", "janedoe@gmail.com"),
        ("jane.doe+shop@googlemail.com", "jane.doe+shop@googlemail.com", "janedoe@googlemail.com"),
        ("jane.doe+shop@example.com", "jane.doe+shop@example.com", "jane.doe@example.com"),
        ("Ünal@EXAMPLE.com", "ünal@example.com", "ünal@example.com"),
    ],
)
def test_aliases_are_stripped_only_on_demand(value: str, kept: str, stripped: str) -> None:
    """Dots and what follows a plus sign stay, unless asked for; dots of other providers always."""
    assert kept == normalise(EMAIL, value, PLAIN)
    assert stripped == normalise(EMAIL, value, Rules(strip_aliases=True))


@pytest.mark.parametrize(
    ("identifier_type", "value", "problem"),
    [
        (EMAIL, "", Problem.EMPTY),
        (EMAIL, " \t ", Problem.EMPTY),
        (EMAIL, "jane doe@gmail.com", Problem.NOT_EMAIL),
        (EMAIL, "jane@doe@gmail.com", Problem.NOT_EMAIL),
        (EMAIL, "janedoe@gmail", Problem.NOT_EMAIL),
        (EMAIL, "janedoe@gmail..com", Problem.NOT_EMAIL),
        (EMAIL, "jane\x00doe@gmail.com", Problem.NOT_EMAIL),
        (EMAIL, f"{'j' * 250}@gmail.com", Problem.NOT_EMAIL),
        (EMAIL, "jane\udce4@gmail.com", Problem.NOT_TEXT),
        (EMAIL, JANE[:63], Problem.NOT_EMAIL),
        (PHONE, "+1", Problem.NOT_PHONE),
        (PHONE, "+999 1234567", Problem.NOT_PHONE),
        (PHONE, "call +41 44 668 18 00", Problem.NOT_PHONE),
        (PHONE, "+41 44 668 18 00" * 9, Problem.NOT_PHONE),
        (MAID, "5f3a2b189c4d4e7fb8e217d3a1e69b25", Problem.NOT_MAID),
        (MAID, "00000000-0000-0000-0000-000000000000", Problem.NOBODY),
    ],
)
def test_what_is_no_identifier_is_refused_without_the_value(
    identifier_type: IdentifierType, value: str, problem: Problem
) -> None:
    """The problem is named, and the text never contains the value."""
    with pytest.raises(IdentifierInvalid) as refused:
        digest(identifier_type, value, PLAIN)
    assert problem == refused.value.problem
    assert f"{identifier_type.name.lower()} {problem}" == str(refused.value)


def test_a_digest_stays_a_digest() -> None:
    """What is hashed already is not hashed again; upper case becomes lower."""
    assert JANE == digest(EMAIL, f" {JANE.upper()} ", PLAIN)
    assert JANE == checked_digest(EMAIL, JANE.upper())


@pytest.mark.parametrize("value", ["", JANE[:63], f"{JANE}0", f"g{JANE[1:]}", "janedoe@gmail.com", f"{JANE}\n"])
def test_only_64_hexadecimal_digits_are_a_digest(value: str) -> None:
    """One digit less or more, another letter, or a plain value is refused."""
    with pytest.raises(IdentifierInvalid) as refused:
        checked_digest(EMAIL, value)
    assert Problem.NOT_DIGEST == refused.value.problem

"""Seals: a sealed value opens in its own place with its own key, and nowhere else."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.keys import LocationSealer
from storage.seal import SealBroken, aead, open_, seal

KEY = bytes(range(32))
PLACE = ("tokens", "connection-1", "access", 7)


def sealer(location: str = "loc1", versions: tuple[int, ...] = (1,)) -> LocationSealer:
    """Return a sealer whose data keys differ by location and version."""
    keys = {version: aead((f"{location}{version}".encode() * 32)[:32]) for version in versions}
    return LocationSealer(location, max(versions), keys)


@given(st.binary(max_size=300), st.text(max_size=50))
def test_what_is_sealed_opens(plaintext: bytes, aad: str) -> None:
    """Every value can be opened with its own associated data."""
    assert plaintext == open_(aead(KEY), seal(aead(KEY), plaintext, aad=aad), aad=aad)


def test_sealing_twice_gives_different_bytes() -> None:
    """The nonce is random, so equal values look different when sealed."""
    assert seal(aead(KEY), b"x", aad="a") != seal(aead(KEY), b"x", aad="a")


@pytest.mark.parametrize("position", [0, 1, 12, 13, 20, -1])
def test_a_changed_byte_breaks_the_seal(position: int) -> None:
    """Format byte, nonce, ciphertext and tag are all protected."""
    sealed = bytearray(seal(aead(KEY), b"a secret value", aad="place"))
    sealed[position] ^= 1
    with pytest.raises(SealBroken):
        open_(aead(KEY), bytes(sealed), aad="place")


@pytest.mark.parametrize("length", [0, 1, 12, 28])
def test_a_cut_value_breaks_the_seal(length: int) -> None:
    """A truncated value raises SealBroken, not IndexError."""
    with pytest.raises(SealBroken):
        open_(aead(KEY), seal(aead(KEY), b"a secret value", aad="place")[:length], aad="place")


def test_another_key_breaks_the_seal() -> None:
    """A value cannot be opened with another key."""
    with pytest.raises(SealBroken):
        open_(aead(os.urandom(32)), seal(aead(KEY), b"x", aad="place"), aad="place")


@pytest.mark.parametrize(
    "elsewhere",
    [
        ("authorizations", "connection-1", "access", 7),
        ("tokens", "connection-2", "access", 7),
        ("tokens", "connection-1", "refresh", 7),
        ("tokens", "connection-1", "access", 8),
    ],
)
def test_a_value_moved_elsewhere_does_not_open(elsewhere: tuple[str, str, str, int]) -> None:
    """A value cannot be opened for another table, row, column or version."""
    sealed = sealer().seal(*PLACE, b"secret")
    assert sealer().open(*PLACE, sealed) == b"secret"
    with pytest.raises(SealBroken):
        sealer().open(*elsewhere, sealed)


def test_a_value_moved_to_another_location_does_not_open() -> None:
    """A value cannot be opened for another location, even with the same data key."""
    ours, theirs = sealer("loc1"), LocationSealer("loc2", 1, sealer("loc1").ciphers)
    with pytest.raises(SealBroken):
        theirs.open(*PLACE, ours.seal(*PLACE, b"secret"))


def test_values_of_older_data_keys_still_open() -> None:
    """The newest data key seals, every data key opens what it sealed, and a missing one is reported."""
    old, new = sealer(versions=(1,)), sealer(versions=(1, 2))
    sealed_old, sealed_new = old.seal(*PLACE, b"secret"), new.seal(*PLACE, b"secret")
    assert new.open(*PLACE, sealed_old) == b"secret"
    with pytest.raises(SealBroken, match="data key"):
        old.open(*PLACE, sealed_new)


@pytest.mark.parametrize("sealed", [b"", b"\0\0", b"\0\0\0\1", b"\0\0\0\1\1" + b"x" * 40])
def test_garbage_is_a_broken_seal(sealed: bytes) -> None:
    """Any malformed value raises the same error."""
    with pytest.raises(SealBroken):
        sealer().open(*PLACE, sealed)


def test_two_places_never_read_the_same() -> None:
    """A name that contains the separator is refused."""
    with pytest.raises(ValueError, match="holds no"):
        sealer().seal("tokens", "a|b", "access", 1, b"x")


def test_nothing_of_a_key_or_value_is_printed() -> None:
    """Neither the sealer's repr nor the text of SealBroken contains a key or plaintext."""
    text = repr(sealer())
    with pytest.raises(SealBroken) as error:
        sealer("loc2").open(*PLACE, sealer().seal(*PLACE, b"canary-secret"))
    assert "AESGCM" not in text
    assert "canary" not in f"{text}{error.value!r}{error.value.__cause__!r}"


def test_a_key_of_another_length_is_refused() -> None:
    """Only 256-bit keys are accepted."""
    with pytest.raises(ValueError, match="32 bytes"):
        aead(b"short")

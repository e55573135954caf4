"""The keys of issuers: rotated, withdrawn, made up, and those of an issuer that is down or answers nonsense.

Owns the proofs of `gateway/callers/key_sets.py` and `gateway/callers/fetching.py`.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from gateway.callers import key_sets
from gateway.callers.tokens import TokenProblem
from tests.fixtures.issuer import new_key, public_jwk
from tests.fixtures.waiting import until
from tests.rpc.callers import Place, trusting, with_header


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Yield an issuer and the directory that trusts it; the file is looked at in each call."""
    async with trusting(tmp_path) as made:
        yield made


async def test_a_new_key_is_fetched_when_a_token_needs_it(place: Place) -> None:
    """A rotation is followed at once: the first token of the new key asks the issuer, many at once ask once."""
    await place.directory.authenticate(place.issuer.token())
    place.issuer.keys["second"] = new_key()
    place.issuer.publish()
    await asyncio.gather(*(place.directory.authenticate(place.issuer.token("second", sub=f"u{n}")) for n in range(20)))
    assert 2 == place.issuer.asked


async def test_unknown_keys_ask_the_issuer_only_so_often(place: Place) -> None:
    """Made-up key ids make few requests; meanwhile known keys go on, and an unknown one is told when to come again."""
    await place.directory.authenticate(place.issuer.token())
    made_up = [with_header(place.issuer, alg="ES256", kid=f"k{number}") for number in range(50)]
    reasons = [await place.reason(token) for token in made_up]
    assert key_sets.FETCHES == place.issuer.asked
    assert ["TOKEN_INVALID"] * 5 + ["ISSUER_UNAVAILABLE"] * 45 == reasons
    assert place.clock() + key_sets.WITHIN == (await place.refusal(made_up[0])).retry_at
    assert await place.taken(place.issuer.token(sub="eve"))
    place.clock.advance(key_sets.WITHIN)
    assert TokenProblem.KEY_UNKNOWN == await place.problem(made_up[0])


async def test_an_issuer_that_is_down(place: Place) -> None:
    """Tokens of known keys go on for a day; those of unknown ones are UNAVAILABLE, and work when the issuer is back."""
    place.issuer.down = True
    assert "ISSUER_UNAVAILABLE" == await place.reason(place.issuer.token())
    place.issuer.down = False
    await place.directory.authenticate(place.issuer.token())
    place.issuer.down = True
    place.clock.advance(key_sets.KEPT - timedelta(seconds=1))
    assert await place.taken(place.issuer.token())
    place.issuer.keys["second"] = new_key()
    assert "ISSUER_UNAVAILABLE" == await place.reason(place.issuer.token("second"))
    expired = place.issuer.token()
    place.clock.advance(timedelta(minutes=12))
    assert "ISSUER_UNAVAILABLE" == await place.reason(place.issuer.token())
    assert TokenProblem.EXPIRY_PAST == await place.problem(expired)
    place.issuer.down = False
    assert await place.taken(place.issuer.token())


async def test_a_withdrawn_key_is_worth_nothing_soon(place: Place) -> None:
    """Keys are fetched again while calls go on; a token of a key that is gone is then refused, remembered or not."""
    token = place.issuer.token(exp=place.clock().timestamp() + 86400)
    await place.directory.authenticate(token)
    place.issuer.keys = {"second": new_key()}
    place.issuer.publish()
    place.clock.advance(key_sets.REFRESH_AFTER)
    assert await place.taken(token)
    await until(lambda: place.issuer.asked == 2)
    (keys,) = place.directory._key_sets.values()
    await until(lambda: keys.version == 2)
    assert TokenProblem.KEY_UNKNOWN == await place.problem(token)


UNREADABLE = {
    "no JSON": b"<html>",
    "no object": b"[]",
    "no keys": b"{}",
    "an empty set": b'{"keys": []}',
    "deep": b"[" * 100_000,
    "too large": b" " * 300_000,
}


async def test_an_answer_without_keys_changes_nothing(place: Place) -> None:
    """An issuer that answers nonsense counts as down: what is known of it stays."""
    await place.directory.authenticate(place.issuer.token())
    unknown = with_header(place.issuer, alg="ES256", kid="new")
    for case, place.issuer.body in UNREADABLE.items():
        place.clock.advance(60)
        assert "ISSUER_UNAVAILABLE" == await place.reason(unknown), case
    assert await place.taken(place.issuer.token(sub="eve"))


def test_only_public_keys_for_signatures_are_used() -> None:
    """Symmetric, private, encryption, nameless, weak and broken keys of a set are left out."""
    key = new_key()
    weak_key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - it must be refused
    weak = RSAAlgorithm.to_jwk(weak_key.public_key(), as_dict=True)
    good = public_jwk(key, "good")
    entries = [
        good,
        {"kty": "oct", "kid": "symmetric", "k": "c2VjcmV0"},
        {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key)), "kid": "private"},
        public_jwk(key, "encryption", use="enc"),
        {**weak, "kid": "weak"},
        {**good, "kid": None},
        {**good, "kid": "broken", "x": "?"},
        {**good, "kid": "unknown", "kty": "new"},
        "text",
    ]
    assert {"good": good} == key_sets.parse(json.dumps({"keys": entries}).encode())


async def test_rsa_keys_of_no_algorithm_serve_those_that_the_file_allows(place: Place) -> None:
    """An RSA key that names no algorithm verifies RS256 and PS256; a key that names one verifies no other."""
    key = rsa.generate_private_key(65537, 2048)
    place.issuer.keys = {"rsa": key}
    place.issuer.published = [{**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "rsa"}]
    place.write(place.issuer.entry(algorithms=["RS256", "PS256"]))
    for algorithm in ("RS256", "PS256"):
        assert await place.taken(place.issuer.token("rsa", algorithm))
    place.issuer.published[0]["alg"] = "RS256"
    place.clock.advance(key_sets.KEPT)
    assert await place.taken(place.issuer.token("rsa", "RS256"))
    assert TokenProblem.ALGORITHM_FORBIDDEN == await place.problem(place.issuer.token("rsa", "PS256"))

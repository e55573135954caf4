"""Callers with tokens: a real issuer on a socket, a real server, and every way in which a token can be wrong.

Owns the proofs of `gateway/callers/tokens.py` and `gateway/callers/directory.py`.
"""

import base64
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from gateway.caller import Caller
from gateway.callers import tokens
from gateway.callers.tokens import TokenProblem
from gateway.errors import Unauthenticated
from socialgateway.v1.provider_service_pb2 import ListProvidersRequest, ListProvidersResponse
from socialgateway.v1.provider_service_pb2_grpc import ProviderServiceStub
from tests.fixtures.issuer import AUDIENCE, ISSUER, NAME, Issuer, new_key
from tests.rpc.answers import assert_error
from tests.rpc.callers import Place, parts, segment, trusting, with_header
from tests.rpc.serving import providers, serving


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Yield an issuer and the directory that trusts it; the file is looked at in each call."""
    async with trusting(tmp_path) as made:
        yield made


async def test_a_token_is_its_claims(place: Place) -> None:
    """The agency comes from the file, locations and scopes from the claims; other services' scopes are left out."""
    expected = Caller(
        f"{NAME}:ada", "acme", frozenset({"l1"}), frozenset({"posts.read", "posts.write"}), named_by_operator=False
    )
    assert expected == await place.directory.authenticate(place.issuer.token())


async def test_a_missing_claim_allows_nothing(place: Place) -> None:
    """A token without locations reaches none, one without scopes may do nothing; neither is refused for it."""
    caller = await place.directory.authenticate(place.issuer.token(locations=None, scope=None))
    assert (frozenset(), frozenset()) == (caller.locations, caller.scopes)
    assert not caller.may_use("l1")
    assert not caller.may_claim("l1")


async def test_a_star_is_all_locations_only_where_the_file_says_so(place: Place) -> None:
    """`*` in a token is no location, unless its issuer may give all of them."""
    token = place.issuer.token(locations=["*"])
    assert frozenset({"*"}) == (await place.directory.authenticate(token)).locations
    place.write(place.issuer.entry(all_locations=True))
    assert (await place.directory.authenticate(token)).locations is None
    assert frozenset() == (await place.directory.authenticate(place.issuer.token(locations=None))).locations


async def test_a_named_location_is_claimed_with_the_scope_only(place: Place) -> None:
    """An issuer cannot give away locations by naming them in a token."""
    plain = await place.directory.authenticate(place.issuer.token())
    claiming = await place.directory.authenticate(place.issuer.token(scope=["locations.claim"]))
    assert (False, True, False) == (plain.may_claim("l1"), claiming.may_claim("l1"), claiming.may_claim("l2"))


async def test_the_file_bounds_agencies_and_scopes(place: Place) -> None:
    """A token may name an agency of the issuer's list alone, and gets no scope that the issuer may not give."""
    place.write(
        place.issuer.entry(agency=None, agency_claim="org", agencies=["a1"], scopes=["posts.read"], scope_prefix="sg:")
    )
    caller = await place.directory.authenticate(
        place.issuer.token(org="a1", scope="sg:posts.read sg:ads.spend posts.write")
    )
    assert ("a1", frozenset({"posts.read"})) == (caller.agency, caller.scopes)
    for named in ("a2", None, ["a1"], "../a1"):
        assert TokenProblem.AGENCY_FORBIDDEN == await place.problem(place.issuer.token(org=named))


def with_public_key_as_secret(issuer: Issuer) -> str:
    """Sign with HMAC, and the public key that everybody knows as the secret."""
    public = issuer.keys["first"].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    head = f"{segment({'alg': 'HS256', 'kid': 'first', 'typ': 'JWT'})}.{segment(issuer.claims())}"
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = base64.urlsafe_b64encode(mac.sign(head.encode(), pem)).rstrip(b"=").decode()
    return f"{head}.{signature}"


def of_a_stranger(issuer: Issuer) -> str:
    """Sign with a key of one's own under the id of the issuer's."""
    return jwt.encode(issuer.claims(), new_key(), algorithm="ES256", headers={"kid": "first"})


def changed(issuer: Issuer) -> str:
    """Replace the claims of a token that was signed."""
    head, _, signature = parts(issuer.token())
    return f"{head}.{segment(issuer.claims(locations=['l2']))}.{signature}"


def claiming(**changes: Any) -> Callable[[Issuer], str]:
    """Return the maker of a token with other claims."""
    return lambda issuer: issuer.token(**changes)


def at(name: str, seconds: float) -> Callable[[Issuer], str]:
    """Return the maker of a token whose claim is a time so far from now."""
    changes: dict[str, Any] = {}
    return lambda issuer: issuer.token(**{**changes, name: issuer.clock().timestamp() + seconds})


WRONG: dict[str, tuple[Callable[[Issuer], str], TokenProblem]] = {
    "no signature": (lambda issuer: with_header(issuer, alg="none"), TokenProblem.ALGORITHM_FORBIDDEN),
    "no signature, cut": (
        lambda issuer: ".".join(parts(with_header(issuer, alg="none"))[:2]) + ".",
        TokenProblem.ALGORITHM_FORBIDDEN,
    ),
    "HMAC with the public key": (with_public_key_as_secret, TokenProblem.ALGORITHM_FORBIDDEN),
    "an algorithm of another key": (lambda issuer: with_header(issuer, alg="RS256"), TokenProblem.ALGORITHM_FORBIDDEN),
    "no algorithm": (with_header, TokenProblem.ALGORITHM_FORBIDDEN),
    "a stranger's signature": (of_a_stranger, TokenProblem.SIGNATURE_WRONG),
    "changed claims": (changed, TokenProblem.SIGNATURE_WRONG),
    "a cut signature": (lambda issuer: issuer.token()[:-6], TokenProblem.SIGNATURE_WRONG),
    "no key id": (
        lambda issuer: jwt.encode(issuer.claims(), issuer.keys["first"], "ES256"),
        TokenProblem.KEY_UNKNOWN,
    ),
    "a key id that is no text": (lambda issuer: with_header(issuer, alg="ES256", kid=1), TokenProblem.MALFORMED),
    "another key id": (lambda issuer: with_header(issuer, alg="ES256", kid="second"), TokenProblem.KEY_UNKNOWN),
    "an extension that must be understood": (
        lambda issuer: jwt.encode(
            issuer.claims(), issuer.keys["first"], "ES256", headers={"kid": "first", "crit": ["b64"], "b64": False}
        ),
        TokenProblem.MALFORMED,
    ),
    "another issuer": (claiming(iss="https://evil.example/"), TokenProblem.ISSUER_UNKNOWN),
    "the issuer without its slash": (claiming(iss=ISSUER.rstrip("/")), TokenProblem.ISSUER_UNKNOWN),
    "no issuer": (claiming(iss=None), TokenProblem.ISSUER_UNKNOWN),
    "another audience": (claiming(aud="billing"), TokenProblem.AUDIENCE_WRONG),
    "other audiences": (claiming(aud=["billing", f"{AUDIENCE}.example"]), TokenProblem.AUDIENCE_WRONG),
    "no audience": (claiming(aud=None), TokenProblem.AUDIENCE_WRONG),
    "no expiry": (claiming(exp=None), TokenProblem.EXPIRY_MISSING),
    "expired": (at("exp", -31), TokenProblem.EXPIRY_PAST),
    "an expiry that is no number": (claiming(exp="tomorrow"), TokenProblem.CLAIM_INVALID),
    "an expiry that is a truth": (claiming(exp=True), TokenProblem.CLAIM_INVALID),
    "an expiry without an end": (claiming(exp=1e300), TokenProblem.CLAIM_INVALID),
    "an expiry that is not finite": (claiming(exp=float("inf")), TokenProblem.CLAIM_INVALID),
    "not yet": (at("nbf", 60), TokenProblem.NOT_YET_VALID),
    "of the future": (at("iat", 60), TokenProblem.NOT_YET_VALID),
    "no subject": (claiming(sub=None), TokenProblem.CLAIM_INVALID),
    "locations that are no list": (claiming(locations={"l1": True}), TokenProblem.CLAIM_INVALID),
    "a location that is no text": (claiming(locations=["l1", 2]), TokenProblem.CLAIM_INVALID),
    "endless": (claiming(padding="x" * 8192), TokenProblem.MALFORMED),
    "no JSON": (lambda issuer: "eyJhb.eyJ.x", TokenProblem.MALFORMED),
}


async def test_a_wrong_token_is_refused_with_its_problem(place: Place) -> None:
    """Whatever is wrong with a token, it is refused by one reason that says what; every problem is met."""
    told = {case: await place.problem(made(place.issuer)) for case, (made, _) in WRONG.items()}
    assert {case: problem for case, (_, problem) in WRONG.items()} == told
    assert set(TokenProblem) == {problem for _, problem in WRONG.values()} | {TokenProblem.AGENCY_FORBIDDEN}


async def test_clocks_may_differ_by_half_a_minute(place: Place) -> None:
    """A token that has just expired, or begins in a moment, is taken."""
    for name, seconds in (("exp", -29), ("nbf", 29), ("iat", 29)):
        assert await place.taken(at(name, seconds)(place.issuer))


async def test_a_verified_token_is_not_verified_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second call with a token checks no signature; its expiry counts all the same."""
    token = place.issuer.token()
    first = await place.directory.authenticate(token)
    monkeypatch.setattr(tokens, "_signed_claims", None)
    assert first is await place.directory.authenticate(token)
    monkeypatch.undo()
    place.clock.advance(630)
    assert TokenProblem.EXPIRY_PAST == await place.problem(token)


async def test_what_is_remembered_is_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tokens come, only the newest are remembered."""
    monkeypatch.setattr(tokens, "CACHED", 3)
    for number in range(5):
        await place.directory.authenticate(place.issuer.token(sub=f"user{number}"))
    assert 3 == len(place.directory._tokens._verified)


async def test_an_issuer_that_leaves_the_file_lets_nobody_in(place: Place) -> None:
    """The file is followed without a restart; a broken one changes nothing."""
    token = place.issuer.token()
    await place.directory.authenticate(token)
    place.write("[[issuers]]\nname = 1")
    assert await place.taken(token)
    place.write(place.issuer.entry(issuer="https://other.example/"))
    assert TokenProblem.ISSUER_UNKNOWN == await place.problem(token)
    place.write(place.issuer.entry())
    assert await place.taken(token)
    assert 1 == place.issuer.asked


async def test_api_keys_go_on_beside_tokens(place: Place) -> None:
    """What is no token is looked up as an API key."""
    assert "k1" == (await place.directory.authenticate("good" + "0" * 32)).key_id
    with pytest.raises(Unauthenticated) as caught:
        await place.directory.authenticate("sg_unknown")
    assert "API_KEY_INVALID" == caught.value.reason


async def test_a_strange_subject_cannot_be_mistaken(place: Place) -> None:
    """A subject with spaces or line breaks stands in logs and quotas as a digest."""
    caller = await place.directory.authenticate(place.issuer.token(sub="ada\nkey_id=root"))
    assert 32 == len(caller.key_id.removeprefix(f"{NAME}:"))
    assert caller.key_id.isascii()


class Providers:
    """A ProviderService that knows nobody."""

    async def ListProviders(self, request: Any, context: Any) -> ListProvidersResponse:
        """List nothing."""
        return ListProvidersResponse()

    async def GetProvider(self, request: Any, context: Any) -> Any:
        """Do nothing."""


async def test_tokens_over_grpc(place: Place) -> None:
    """A token is sent as an API key is; its refusals have the code and metadata that the contract says."""
    async with serving(providers(Providers()), known=place.directory.authenticate) as served:
        stub = ProviderServiceStub(served.channel)

        async def error(token: str) -> grpc.aio.AioRpcError:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.ListProviders(ListProvidersRequest(), metadata=(("authorization", f"Bearer {token}"),))
            return caught.value

        good = (("authorization", f"Bearer {place.issuer.token()}"),)
        assert ListProvidersResponse() == await stub.ListProviders(ListProvidersRequest(), metadata=good)
        expired = await error(at("exp", -31)(place.issuer))
        assert_error(expired, grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID", problem="EXPIRY_PAST")
        place.issuer.down = True
        unknown = await error(with_header(place.issuer, alg="ES256", kid="new"))
        assert_error(unknown, grpc.StatusCode.UNAVAILABLE, "ISSUER_UNAVAILABLE", issuer=NAME)

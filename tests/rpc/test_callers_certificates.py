"""Callers with certificates: real TLS handshakes, and names that are, or only look like, those of the file.

Owns the proofs of `gateway/callers/certificates.py`, and of how `gateway/server.py` asks for certificates.
"""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509

from gateway.caller import Caller, current_caller
from gateway.callers.certificates import CertificateProblem, Certificates
from gateway.callers.configuration import CertificateCaller
from gateway.errors import CertificateInvalid
from gateway.settings import SettingsError
from socialgateway.v1 import post_service_pb2_grpc
from socialgateway.v1.provider_service_pb2 import ListProvidersRequest, ListProvidersResponse
from socialgateway.v1.provider_service_pb2_grpc import ProviderServiceStub
from tests.fixtures.clock import Clock
from tests.rpc.answers import assert_error
from tests.rpc.certificates import Authority, Certificate, Identity, make_certificate
from tests.rpc.serving import AUTH, Served, posts, providers, serving
from tests.rpc.test_auth_open_calls import WATCH, Watched

HOST = "app.acme.example"
SPIFFE = "spiffe://acme.example/ns/prod/sa/app"
WHAT: dict[str, Any] = {"agency": "acme", "locations": ["l1"], "scopes": ["posts.read"]}
BY_HOST = CertificateCaller(name="app", dns=HOST, **WHAT)
BY_URI = CertificateCaller(name="workload", uri=SPIFFE, **WHAT)
BY_SUBJECT = CertificateCaller(name="legacy", subject="CN=legacy", **WHAT)


class Providers:
    """A ProviderService that remembers who called."""

    def __init__(self) -> None:
        self.callers: list[str] = []

    async def ListProviders(self, request: Any, context: Any) -> ListProvidersResponse:
        """Remember the caller."""
        self.callers.append(current_caller.get().key_id)
        return ListProvidersResponse()

    async def GetProvider(self, request: Any, context: Any) -> Any:
        """Do nothing."""


@dataclass
class Known:
    """Whom the server knows, which a test may change."""

    certificates: Certificates

    async def __call__(self, pem: bytes) -> Caller:
        """Return the caller of a certificate."""
        return self.certificates.recognize(pem)


@dataclass
class Place:
    """A server that asks for certificates of an authority, and who called it."""

    served: Served
    server: Certificate
    authority: Authority
    ca: Path
    servicer: Providers
    known: "Known"

    def channel(self, identity: Identity | None) -> grpc.aio.Channel:
        """Return a channel with a connection of its own."""
        credentials = self.server.trusted() if identity is None else identity.trusting(self.server)
        options = (("grpc.use_local_subchannel_pool", 1),)
        return grpc.aio.secure_channel(f"localhost:{self.served.server.port}", credentials, options=options)

    async def call(self, identity: Identity | None, metadata: Any = ()) -> None:
        """Call over a new connection."""
        async with self.channel(identity) as channel:
            await ProviderServiceStub(channel).ListProviders(ListProvidersRequest(), metadata=metadata)

    async def error(self, identity: Identity | None, metadata: Any = ()) -> grpc.aio.AioRpcError:
        """Call over a new connection, and return the refusal."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.call(identity, metadata)
        return caught.value


@asynccontextmanager
async def asking(folder: Path, *callers: CertificateCaller) -> AsyncIterator[Place]:
    """Serve behind TLS that asks clients for a certificate."""
    server, authority, ca = make_certificate(folder, "server"), Authority("ours"), folder / "ca.pem"
    ca.write_bytes(authority.pem)
    servicer, clock = Providers(), Clock()
    known = Known(Certificates(callers, clock))
    tls: dict[str, Any] = {"tls_cert": server.cert, "tls_key": server.key, "tls_client_ca": ca}
    async with serving(
        providers(servicer), posts(Watched()), recognize=known, credentials=server.trusted(), clock=clock, **tls
    ) as served:
        yield Place(served, server, authority, ca, servicer, known)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Yield a server that knows one name of each kind."""
    async with asking(tmp_path, BY_HOST, BY_URI, BY_SUBJECT) as made:
        yield made


async def test_a_certificate_is_its_name(place: Place) -> None:
    """A client without a key is the caller whose host, URI or subject its certificate has, in any case of a host."""
    for identity in (
        place.authority.sign("anything", x509.DNSName("other.example"), x509.DNSName(HOST.upper())),
        place.authority.sign("anything", x509.UniformResourceIdentifier(SPIFFE)),
        place.authority.sign("legacy"),
    ):
        await place.call(identity)
    assert ["certificate:app", "certificate:workload", "certificate:legacy"] == place.servicer.callers


def look_alikes(authority: Authority) -> dict[str, Identity]:
    """Sign certificates whose names look like one of the file's, and are none of its kind."""
    return {
        "a mail name that is a host": authority.sign("x", x509.RFC822Name(HOST)),
        "a mail address at the host": authority.sign("x", x509.RFC822Name(f"root@{HOST}")),
        "a common name that is a host": authority.sign(HOST),
        "a URI that is a host": authority.sign("x", x509.UniformResourceIdentifier(f"https://{HOST}")),
        "a host that is the URI": authority.sign("x", x509.DNSName(SPIFFE)),
        "a host below": authority.sign("x", x509.DNSName(f"evil.{HOST}")),
        "a wildcard": authority.sign("x", x509.DNSName("*.acme.example")),
        "a longer URI": authority.sign("x", x509.UniformResourceIdentifier(f"{SPIFFE}/more")),
        "the subject and more": authority.sign("legacy", more=["more"]),
        "the subject as a text": authority.sign("x,CN=legacy"),
        "no name": authority.sign("x"),
    }


async def test_a_name_of_another_kind_is_no_name(place: Place) -> None:
    """A mail name that looks like a host, and every other look-alike, is refused with its reason."""
    for case, identity in look_alikes(place.authority).items():
        error = await place.error(identity)
        assert_error(error, grpc.StatusCode.UNAUTHENTICATED, "CERTIFICATE_INVALID", problem="NAME_UNKNOWN")
        assert [] == place.servicer.callers, case


async def test_a_certificate_of_two_callers_is_of_none(place: Place) -> None:
    """A certificate with two names of the file is refused: it is not said as whom it calls."""
    both = place.authority.sign("x", x509.DNSName(HOST), x509.UniformResourceIdentifier(SPIFFE))
    error = await place.error(both)
    assert_error(error, grpc.StatusCode.UNAUTHENTICATED, "CERTIFICATE_INVALID", problem="NAME_AMBIGUOUS")


async def test_another_authority_does_not_reach_the_server(place: Place) -> None:
    """A certificate of another authority, of none, or an expired one does not get through the handshake."""
    stranger = Authority("ours").sign("x", x509.DNSName(HOST))
    expired = place.authority.sign("x", x509.DNSName(HOST), after=datetime(2021, 1, 1, tzinfo=UTC))
    for identity in (stranger, expired, None):
        assert grpc.StatusCode.UNAVAILABLE == (await place.error(identity, AUTH)).code()
    assert [] == place.servicer.callers


async def test_a_key_goes_before_a_certificate(place: Place) -> None:
    """With a key the caller is the key's; a key that is wrong, empty or sent twice does not fall back."""
    identity = place.authority.sign("legacy")
    await place.call(identity, AUTH)
    assert ["k1"] == place.servicer.callers
    for metadata in ((("authorization", "Bearer wrong"),), (("authorization", ""),), (*AUTH, *AUTH)):
        assert_error(await place.error(identity, metadata), grpc.StatusCode.UNAUTHENTICATED, "API_KEY_INVALID")


async def test_a_stream_ends_when_its_certificate_leaves_the_file(place: Place) -> None:
    """A watcher with a certificate is asked for it again and again; one that stays goes on."""
    identities = [place.authority.sign("legacy"), place.authority.sign("x", x509.DNSName(HOST))]
    async with contextlib.AsyncExitStack() as stack:
        calls = []
        for identity in identities:
            channel = await stack.enter_async_context(place.channel(identity))
            calls.append(post_service_pb2_grpc.PostServiceStub(channel).WatchPost(WATCH))
            await calls[-1].read()
        place.known.certificates = Certificates((BY_HOST,), Clock())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await calls[0].read()
        assert_error(caught.value, grpc.StatusCode.UNAUTHENTICATED, "CERTIFICATE_INVALID", problem="NAME_UNKNOWN")
        assert not calls[1].done()
        calls[1].cancel()


async def test_a_new_authority_is_used_without_a_restart(place: Place) -> None:
    """New connections need a certificate of the new authority; a broken file leaves the one before in use."""
    second = Authority("second")
    place.ca.write_bytes(second.pem)
    await place.call(second.sign("legacy"))
    assert grpc.StatusCode.UNAVAILABLE == (await place.error(place.authority.sign("legacy"))).code()
    place.ca.write_text("half a file")
    await place.call(second.sign("legacy"))
    assert grpc.StatusCode.UNAVAILABLE == (await place.error(place.authority.sign("legacy"))).code()


@pytest.mark.parametrize("content", ["", "no certificate"])
async def test_a_bad_authority_stops_the_start(tmp_path: Path, content: str) -> None:
    """A file without authorities is named at start by its setting: nothing is served without a check."""
    server, ca = make_certificate(tmp_path, "server"), tmp_path / "ca.pem"
    ca.write_text(content)
    with pytest.raises(SettingsError, match="GATEWAY_TLS_CLIENT_CA"):
        async with serving(providers(Providers()), tls_cert=server.cert, tls_key=server.key, tls_client_ca=ca):
            pass


def test_a_certificate_dies_at_its_expiry() -> None:
    """A connection may outlive its certificate; its calls do not."""
    clock = Clock()
    identity = Authority("ours").sign("legacy", after=clock.time + timedelta(hours=1))
    known = Certificates((BY_SUBJECT,), clock)
    expected = Caller("certificate:legacy", "acme", frozenset({"l1"}), frozenset({"posts.read"}))
    assert expected == known.recognize(identity.pem)
    clock.advance(timedelta(hours=1))
    with pytest.raises(CertificateInvalid) as caught:
        known.recognize(identity.pem)
    assert CertificateProblem.EXPIRY_PAST == caught.value.metadata["problem"]


def test_what_is_no_certificate_is_refused() -> None:
    """Garbage instead of a certificate is a refusal, not a fault."""
    with pytest.raises(CertificateInvalid) as caught:
        Certificates((), Clock()).recognize(b"garbage")
    assert CertificateProblem.MALFORMED == caught.value.metadata["problem"]

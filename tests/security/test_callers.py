"""Nobody reaches what is not theirs with a token or a certificate either: every method, and every route over HTTP.

Owns the sweep over wrong tokens and certificates. The methods and their sound requests are those of `test_tenants.py`;
a route that is not in the table here fails.
"""

from collections.abc import AsyncIterator, Container
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import jwt
from cryptography import x509
from starlette.routing import Route

from gateway.domain.api_keys import SCOPES
from gateway.http.app import Edge
from gateway.interceptors.scopes import METHOD_SCOPES
from gateway.readiness import Report
from tests.fixtures.app import base_of
from tests.fixtures.client import METHODS
from tests.fixtures.clock import RunningClock
from tests.fixtures.issuer import Issuer, issuing, toml
from tests.fixtures.settings import KEY
from tests.http.test_rest_edge import BINDINGS, LOCATION, path_of
from tests.rpc.certificates import Authority, Identity, make_certificate
from tests.security.recorded import RecordedGateway, connected
from tests.security.requests import sound
from tests.security.test_tenants import OWNED, Land, foreign_reason, settled, untouched

VERBS = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})
STATUS = "/me/{provider}-connection"
PUBLIC = {
    "/healthz": "says that the process is alive",
    "/readyz": "says which part does not work",
    "/openapi.json": "is the contract",
    "/oauth/{provider}/callback": "proved by its signed state",
    "/oauth/{provider}/start": "proved by its signed state",
    "/media/{token}": "proved by its token",
    "/webhooks/{provider}": "proved by its signature",
    "/connect/webhook/{provider}": "proved by its signature",
    "/connect/{token}": "proved by its token",
    "/connect/{token}/vendor": "proved by its token",
    "/connect/{token}/choices": "proved by its token",
    "/connect/{token}/attach": "proved by its token",
    "/connect/{token}/look": "proved by its token",
}
"""The routes that are called without a key, each with what it is instead."""


async def _no_report() -> Report:
    return Report()


def test_every_route_is_swept_or_public() -> None:
    """A new route over HTTP is in one table or the other."""
    assert {STATUS, *PUBLIC} == {route.path for route in routes_in(Edge(_no_report).app()) if isinstance(route, Route)}


def routes_in(app: Any) -> list[Any]:
    """Return the routes of the application inside its middleware."""
    if hasattr(app, "routes"):
        return list(app.routes)
    inside = [cell.cell_contents for cell in getattr(app, "__closure__", None) or ()]
    return [route for each in inside for route in routes_in(each)]


def wrong_tokens(issuer: Issuer) -> dict[str, str]:
    """Sign tokens that name everything of the agency, and are worth nothing."""
    return {
        "SIGNATURE_WRONG": issuer.token()[:-6] + "A" * 6,
        "KEY_UNKNOWN": jwt.encode(issuer.claims(), issuer.keys["first"], "ES256"),
        "EXPIRY_PAST": issuer.token(exp=issuer.clock().timestamp() - 60),
        "EXPIRY_MISSING": issuer.token(exp=None),
        "AUDIENCE_WRONG": issuer.token(aud="billing"),
        "ISSUER_UNKNOWN": issuer.token(iss="https://evil.example/"),
    }


ALL: dict[str, Any] = {"locations": ["*"], "scope": sorted(SCOPES)}


async def on_page(recorded: RecordedGateway, token: str) -> tuple[int, str]:
    """Ask for the status over HTTP; return its code and reason."""
    url = f"{base_of(recorded.gateway)}{STATUS.format(provider='tiktok')}"
    answer = await recorded.network.get(url, params={"location": "l1"}, headers={"authorization": f"Bearer {token}"})
    return answer.status_code, answer.json().get("details", {}).get("reason", "")


async def over_rest(recorded: RecordedGateway, token: str, *reasons: str, verbs: Container[str] = VERBS) -> set[str]:
    """Call every method of the verbs over REST, in location l1; return what is refused for none of the reasons."""
    wrong = set()
    for name, binding in BINDINGS.items():
        path = path_of(binding).replace(f"locations/{LOCATION}", "locations/l1")
        if binding.verb in verbs and ("locations/l1" in path or verbs is VERBS):
            headers = {"authorization": f"Bearer {token}"}
            answer = await recorded.network.request(binding.verb, f"{base_of(recorded.gateway)}{path}", headers=headers)
            if not any(f'"{reason}"' in answer.text for reason in reasons):
                wrong.add(name)
    return wrong


async def test_no_token_reaches_what_is_not_its_own(database_url: str, tmp_path: Path) -> None:
    """Wrong tokens, those of another agency, of another location, of none and without the scope are refused alike by
    every method and route, before anything is looked at.
    """
    file = tmp_path / "callers.toml"
    async with issuing(RunningClock()) as issuer, issuing(RunningClock()) as other:
        ours = issuer.entry(agency="default", all_locations=True)
        theirs = other.entry(name="rival-login", issuer="https://rival.example/", agency="rival", all_locations=True)
        file.write_text(f"{ours}\n{theirs}")
        async with settled(database_url, tmp_path, callers_file=file) as land:
            with untouched(land):
                for problem, token in wrong_tokens(issuer).items():
                    for method in METHODS:
                        await land.check_both(method, token, "TOKEN_INVALID")
                    assert (401, "TOKEN_INVALID") == await on_page(land.recorded, token), problem
                    assert set() == await over_rest(land.recorded, token, "TOKEN_INVALID"), problem
                strangers = (
                    other.token(iss="https://rival.example/", **{**ALL, "scope": sorted(SCOPES - {"locations.claim"})}),
                    issuer.token(**{**ALL, "locations": ["l2"]}),
                    issuer.token(**{**ALL, "locations": None}),
                )
                for token in strangers:
                    for method in OWNED:
                        await land.check_both(method, token, foreign_reason(method))
                    assert (403, "LOCATION_FORBIDDEN") == await on_page(land.recorded, token)
                    # A path alone is no whole request of every method; what it lacks is said first.
                    said = ("LOCATION_FORBIDDEN", "FIELD_INVALID")
                    assert set() == await over_rest(land.recorded, token, *said, verbs={"GET"})
                for method in OWNED:
                    scope = METHOD_SCOPES[METHODS[method].path]
                    token = issuer.token(**{**ALL, "scope": sorted(SCOPES - {scope})})
                    await land.check_both(method, token, "SCOPE_MISSING")
            token = issuer.token(**ALL)
            assert await land.recorded.call("ConnectionService/ListConnections", parent="locations/l1", key=token)
            assert (200, "") == await on_page(land.recorded, token)


def certificates(authority: Authority) -> tuple[dict[str, Identity], str]:
    """Sign certificates of another agency, of another location and without scopes, and write their callers file."""
    every: dict[str, Any] = {"scopes": sorted(SCOPES - {"locations.claim"}), "all_locations": True}
    entries: dict[str, dict[str, Any]] = {
        "rival": {"agency": "rival", **every},
        "elsewhere": {"agency": "default", "locations": ["l2"], "scopes": ["*"]},
        "unable": {"agency": "default", "all_locations": True, "scopes": ["locations.claim"]},
    }
    file = [toml("certificates", {"name": name, "dns": f"{name}.example", **entry}) for name, entry in entries.items()]
    return {name: authority.sign(name, x509.DNSName(f"{name}.example")) for name in entries}, "\n".join(file)


async def test_no_certificate_reaches_what_is_not_its_own(database_url: str, tmp_path: Path) -> None:
    """A certificate without a caller, of another agency, of another location and without the scope is refused alike by
    every method; one of another authority reaches none.
    """
    server, authority = make_certificate(tmp_path, "server"), Authority("ours")
    identities, file = certificates(authority)
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    (tmp_path / "callers.toml").write_text(file)
    settings = {
        "tls_cert": server.cert,
        "tls_key": server.key,
        "tls_client_ca": tmp_path / "ca.pem",
        "callers_file": tmp_path / "callers.toml",
    }
    anybody = authority.sign("anybody").trusting(server)
    async with settled(database_url, tmp_path, credentials=anybody, **settings) as land:
        with untouched(land):
            for method in METHODS:
                await land.check_both(method, None, "CERTIFICATE_INVALID")
            for name in identities:
                async with as_(land, identities[name].trusting(server)):
                    for method in OWNED:
                        reason = "SCOPE_MISSING" if name == "unable" else foreign_reason(method)
                        await land.check_both(method, None, reason)
            async with as_(land, Authority("ours").sign("rival").trusting(server)):
                for method in METHODS:
                    error = await land.recorded.refused(
                        method, [sound(method, land.things).SerializeToString()], key=KEY
                    )
                    assert grpc.StatusCode.UNAVAILABLE == error.code()


@asynccontextmanager
async def as_(land: Land, credentials: grpc.ChannelCredentials) -> AsyncIterator[None]:
    """Call with another certificate until the block ends."""
    usual = land.recorded.channel
    async with connected(land.recorded.gateway, credentials) as land.recorded.channel:
        yield
    land.recorded.channel = usual

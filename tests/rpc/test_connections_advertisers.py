"""ConnectionService for advertisers: GRANT_KIND_ADVERTISER of TikTok, which has ad accounts and no TikTok user.

Owns what differs by the kind of a grant. What holds for every connection is in test_connections.py.
"""

from typing import Any

import grpc

from gateway.domain.connections import verify
from socialgateway.v1 import connection_pb2
from socialgateway.v1.connection_service_pb2 import CreateConnectionRequest
from tests.fixtures.business import BusinessWorld
from tests.fixtures.consent import decide, query_of
from tests.rpc.test_connections import disconnect

Code = grpc.StatusCode
KIND = connection_pb2.GRANT_KIND_ADVERTISER
PERSON = "7200000000000000001"


async def connect(business: BusinessWorld, location: str = "l1", **choices: Any) -> connection_pb2.Connection:
    """Connect an advertiser: create, consent on the portal's page, complete."""
    wanted = connection_pb2.Connection(provider="providers/tiktok", grant_kind=KIND)
    request = CreateConnectionRequest(parent=f"locations/{location}", connection=wanted)
    made = await business.api.connections.CreateConnection(request)
    back = await decide(business.browser, made.authorization.uri, **choices)
    return await business.world.complete(query_of(back, "state", "code"))


async def test_an_advertiser_connects(business: BusinessWorld) -> None:
    """Consent, exchange and verification give a connection that can manage ads, and no account that could post."""
    made = await connect(business)

    assert (connection_pb2.Connection.VALID, KIND, PERSON) == (made.status, made.grant_kind, made.provider_subject)
    can = made.capabilities
    assert (True, False, False) == (can.can_manage_ads, can.can_publish, can.can_list_videos)
    accounts = (await business.api.call("AccountService/ListAccounts", parent="locations/l1")).accounts
    assert [] == list(accounts)


async def test_permissions_that_do_not_suffice_take_the_capability(business: BusinessWorld) -> None:
    """Without the permission for ads the connection stands, and says that it cannot manage any."""
    made = await connect(business, scopes=("1", "4"))

    assert not made.capabilities.can_manage_ads
    assert {"1", "100", "4", "44"} <= set(made.granted_scopes)


async def test_disconnecting_revokes_the_token(business: BusinessWorld) -> None:
    """The last connection of a person gives the token back; one of another location keeps it alive."""
    first, second = await connect(business), await connect(business, "l2")
    tokens = business.vendor.marketing.grants.tokens

    await disconnect(business.world, first.name)
    alive = [each.alive for each in tokens.values()]
    await disconnect(business.world, second.name)

    assert [True, True] == alive
    assert [each.alive for each in tokens.values()].count(True) == 1


async def test_a_grant_that_the_advertiser_took_back_is_expired(business: BusinessWorld) -> None:
    """A token that is refused cannot be renewed: the connection says that somebody must consent again."""
    made = await connect(business)
    business.vendor.marketing.grants.revoke(PERSON)

    _, _, location, _, id = ("", *made.name.split("/"))
    row = await verify.probe(business.world.domain, location, id)

    assert "EXPIRED" == row.status


async def test_an_advertiser_who_declines_leaves_no_grant(business: BusinessWorld) -> None:
    """A consent that is denied on the page ends without a token."""
    wanted = connection_pb2.Connection(provider="providers/tiktok", grant_kind=KIND)
    request = CreateConnectionRequest(parent="locations/l1", connection=wanted)
    made = await business.api.connections.CreateConnection(request)

    back = query_of(await decide(business.browser, made.authorization.uri, "deny"))

    assert "access_denied" == back["error"]
    assert {} == business.vendor.marketing.grants.tokens

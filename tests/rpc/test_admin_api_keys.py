"""ApiKeyService through a real server: what an administrator may give, rotation, expiry, revocation, last use.

Owns the proofs of `gateway/rpc/admin_api_keys.py` and `gateway/domain/admin/api_keys.py`.
"""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest

from gateway.caller import CLAIM_SCOPE
from socialgateway.admin.v1.agency_pb2 import Agency
from socialgateway.admin.v1.api_key_pb2 import ApiKey
from tests.fixtures.admin import ADMINISTRATOR, Admin, refused
from tests.fixtures.client import Client
from tests.rpc.answers import facts_of

ACME = "agencies/acme"
READER: dict[str, Any] = {"all_locations": True, "scopes": ["posts.read"]}
DAY = timedelta(days=1)


async def _create(client: Client, parent: str = ACME, request_id: str = "", **values: Any) -> ApiKey:
    made: ApiKey = await client.call(
        "ApiKeyService/CreateApiKey", parent=parent, api_key=ApiKey(**values), request_id=request_id
    )
    return made


async def _works(admin: Admin, secret: str) -> bool:
    """Return whether a secret is accepted."""
    try:
        await admin.world.client(secret).call("ProviderService/ListProviders")
    except grpc.aio.AioRpcError as error:
        if facts_of(error)["reason"] != "API_KEY_INVALID":
            raise
        return False
    return True


async def test_an_administrator_makes_keys_without_an_operator(admin: Admin) -> None:
    """The secret is shown once, works, and ends in a year unless something else was said."""
    acme = await admin.administrator("acme")
    made = await _create(acme, **READER, display_name="backend", redirect_uris=["https://app.example/back"])
    got = await acme.call("ApiKeyService/GetApiKey", name=made.name)
    listed = await acme.call("ApiKeyService/ListApiKeys", parent=ACME)

    assert await _works(admin, made.secret)
    assert ("", made.secret[-4:], ApiKey.VALID) == (got.secret, got.secret_hint, got.state)
    assert (["posts.read"], True, "backend") == (list(got.scopes), got.all_locations, got.display_name)
    assert admin.world.clock() + 365 * DAY == made.expire_time.ToDatetime(admin.world.clock().tzinfo)
    assert made.name in [each.name for each in listed.api_keys]
    assert all(not each.secret for each in listed.api_keys)


async def test_a_repeated_creation_makes_one_key_and_shows_no_secret_again(admin: Admin) -> None:
    """With a request id the retry answers the first key; with another body it is refused."""
    acme, id = await admin.administrator("acme"), str(uuid4())
    first = await _create(acme, request_id=id, **READER)
    again = await _create(acme, request_id=id, **READER)
    assert (first.name, "") == (again.name, again.secret)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await _create(acme, request_id=id, **{**READER, "scopes": ["posts.write"]})
    assert "REQUEST_ID_REUSED" == facts_of(error.value)["reason"]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no scope": ({"all_locations": True}, "FIELD_INVALID"),
    "an unknown scope": ({"all_locations": True, "scopes": ["posts.fly"]}, "FIELD_INVALID"),
    "a scope in capitals": ({"all_locations": True, "scopes": ["POSTS.READ"]}, "FIELD_INVALID"),
    "no location": ({"scopes": ["posts.read"]}, "FIELD_INVALID"),
    "both kinds of locations": ({**READER, "locations": ["locations/shop"]}, "FIELD_INVALID"),
    "a malformed location": ({"scopes": ["posts.read"], "locations": ["shop"]}, "FIELD_INVALID"),
    "an administrator of one location": ({"scopes": ["admin.read"], "locations": ["locations/shop"]}, "FIELD_INVALID"),
    "a script as an address": ({**READER, "redirect_uris": ["javascript:alert(1)"]}, "FIELD_INVALID"),
    "an address in clear": ({**READER, "redirect_uris": ["http://app.example/back"]}, "FIELD_INVALID"),
    "a past expiry": ({**READER, "expire_time": {"seconds": 1}}, "FIELD_INVALID"),
    "no time at all": ({**READER, "expire_time": {"seconds": 1 << 50}}, "FIELD_INVALID"),
    "a name with a line break": ({**READER, "display_name": "a\nb"}, "FIELD_INVALID"),
    "another agency's location": ({"scopes": ["posts.read"], "locations": ["locations/stall"]}, "LOCATION_FORBIDDEN"),
    "a free location": ({"scopes": ["posts.read"], "locations": ["locations/free"]}, "LOCATION_FORBIDDEN"),
    "the scope of operators": ({"all_locations": True, "scopes": ["admin.operate"]}, "SCOPE_MISSING"),
    "the scope of claiming": ({"all_locations": True, "scopes": [CLAIM_SCOPE]}, "SCOPE_MISSING"),
}


async def test_what_a_key_may_not_be(admin: Admin) -> None:
    """Each is refused for its documented reason, and nothing is made; a missing word never means the widest."""
    acme = await admin.administrator("acme")
    await admin.world.key("beta", locations=["stall"])
    before = len((await admin.call("ApiKeyService/ListApiKeys", parent="agencies/-")).api_keys)
    found = {}
    for name, (values, reason) in WRONG.items():
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await _create(acme, **values)
        told = facts_of(error.value)["reason"]
        if told != reason:
            found[name] = told
    await refused(_create(admin.operator, parent="agencies/nobody", **READER), "RESOURCE_NOT_FOUND")
    assert {} == found
    assert before == len((await admin.call("ApiKeyService/ListApiKeys", parent="agencies/-")).api_keys)


async def test_what_an_operator_names_becomes_the_agency_s(admin: Admin) -> None:
    """An operator gives locations and the scopes that reach further; who has the scope for claiming passes it on."""
    await admin.call("AgencyService/CreateAgency", agency=Agency(), agency_id="acme")
    await _create(admin.operator, scopes=["posts.read"], locations=["locations/shop"])
    await _create(admin.operator, all_locations=True, scopes=["admin.operate", "admin.read"])
    claimer = await admin.administrator("acme", scopes=[*ADMINISTRATOR, CLAIM_SCOPE])
    passed = await _create(claimer, all_locations=True, scopes=[CLAIM_SCOPE, "uploads.write"])
    owned = await claimer.call("LocationService/GetLocation", name="locations/shop")
    assert (ACME, [CLAIM_SCOPE, "uploads.write"]) == (owned.agency, sorted(passed.scopes))


async def test_an_operator_s_key_is_not_there_for_administrators(admin: Admin) -> None:
    """They could make it their own by a rotation: it is neither listed nor found, nor changed."""
    operator = await admin.world.key("acme", scopes=["admin.operate", "admin.write"])
    acme = await admin.administrator("acme")
    (name,) = [
        each.name
        for each in (await admin.call("ApiKeyService/ListApiKeys", parent=ACME)).api_keys
        if "admin.operate" in each.scopes
    ]
    assert name not in [each.name for each in (await acme.call("ApiKeyService/ListApiKeys", parent=ACME)).api_keys]
    for method in ("GetApiKey", "RotateApiKey", "RevokeApiKey"):
        await refused(acme.call(f"ApiKeyService/{method}", name=name), "RESOURCE_NOT_FOUND")
    changing = acme.call("ApiKeyService/UpdateApiKey", api_key=ApiKey(name=name, display_name="x"))
    await refused(changing, "RESOURCE_NOT_FOUND")
    assert await _works(admin, operator)


async def test_a_key_that_claims_is_rotated_only_by_who_may_claim(admin: Admin) -> None:
    """Its new secret would be a right that the administrator does not have; revoking it takes away, and he may."""
    acme = await admin.administrator("acme")
    made = await admin.world.key("acme", scopes=[CLAIM_SCOPE, "uploads.write"])
    keys = (await acme.call("ApiKeyService/ListApiKeys", parent=ACME)).api_keys
    (name,) = [each.name for each in keys if CLAIM_SCOPE in each.scopes]
    await refused(acme.call("ApiKeyService/RotateApiKey", name=name), "SCOPE_MISSING", scope=CLAIM_SCOPE)
    assert ApiKey.REVOKED == (await acme.call("ApiKeyService/RevokeApiKey", name=name)).state
    assert not await _works(admin, made)


async def test_a_rotation_overlaps(admin: Admin) -> None:
    """Both secrets work during the overlap, then the new one alone; a retry neither rotates again nor shows it."""
    acme, id = await admin.administrator("acme"), str(uuid4())
    made = await _create(acme, **READER)
    assert await _works(admin, made.secret)
    rotated = await acme.call("ApiKeyService/RotateApiKey", name=made.name, overlap={"seconds": 3600}, request_id=id)
    again = await acme.call("ApiKeyService/RotateApiKey", name=made.name, overlap={"seconds": 3600}, request_id=id)

    assert (made.name, True) == (rotated.name, rotated.secret not in ("", made.secret))
    assert ("", rotated.secret[-4:]) == (again.secret, again.secret_hint)
    assert await _works(admin, made.secret)
    assert await _works(admin, rotated.secret)
    admin.world.clock.advance(timedelta(hours=1))
    assert not await _works(admin, made.secret)
    assert await _works(admin, rotated.secret)
    assert not (await acme.call("ApiKeyService/GetApiKey", name=made.name)).HasField("former_secret_expire_time")

    at_once = await acme.call("ApiKeyService/RotateApiKey", name=made.name, overlap={})
    assert not await _works(admin, rotated.secret)
    assert await _works(admin, at_once.secret)
    too_long = {"seconds": 8 * 86400}
    await refused(acme.call("ApiKeyService/RotateApiKey", name=made.name, overlap=too_long), "FIELD_INVALID")


async def test_an_overlap_does_not_outlive_its_key(admin: Admin) -> None:
    """A key that ends sooner ends for both secrets; a revocation ends both at once, on every replica."""
    acme = await admin.administrator("acme")
    until = admin.world.clock() + timedelta(minutes=30)
    made = await _create(acme, **READER, expire_time=until)
    rotated = await acme.call("ApiKeyService/RotateApiKey", name=made.name)
    other = await _create(acme, **READER)
    newer = await acme.call("ApiKeyService/RotateApiKey", name=other.name)
    async with admin.world.another("second") as second:
        for secret in (other.secret, newer.secret):
            await second.client(secret).call("ProviderService/ListProviders")
        await acme.call("ApiKeyService/RevokeApiKey", name=other.name)
        for secret in (other.secret, newer.secret):
            await _soon_refused(second.client(secret))
            assert not await _works(admin, secret)
    admin.world.clock.advance(timedelta(minutes=30))
    for secret in (made.secret, rotated.secret):
        assert not await _works(admin, secret)
    for name, state in ((made.name, "EXPIRED"), (other.name, "REVOKED")):
        await refused(acme.call("ApiKeyService/RotateApiKey", name=name), "STATE_FORBIDS", state=state)


async def _soon_refused(client: Client) -> None:
    """Call until the replica has heard that the key is revoked."""
    for _ in range(200):
        try:
            await client.call("ProviderService/ListProviders")
        except grpc.aio.AioRpcError:
            return
    raise AssertionError("it still works")


async def test_a_key_is_renamed_and_ends_earlier_or_later(admin: Admin) -> None:
    """Only what the mask names changes, at once; a key never becomes one without an end."""
    acme = await admin.administrator("acme")
    made = await _create(acme, **READER)
    soon = admin.world.clock() + timedelta(minutes=5)
    named = await acme.call("ApiKeyService/UpdateApiKey", api_key=ApiKey(name=made.name, display_name="new"))
    ends = await acme.call(
        "ApiKeyService/UpdateApiKey",
        api_key=ApiKey(name=made.name, expire_time=soon),
        update_mask={"paths": ["expire_time"]},
    )
    assert ("new", made.expire_time) == (named.display_name, named.expire_time)
    assert ("new", soon) == (ends.display_name, ends.expire_time.ToDatetime(soon.tzinfo))
    assert await _works(admin, made.secret)
    admin.world.clock.advance(timedelta(minutes=5))
    assert not await _works(admin, made.secret)
    for mask in (["expire_time"], ["scopes"], ["locations"]):
        changing = acme.call(
            "ApiKeyService/UpdateApiKey", api_key=ApiKey(name=made.name, scopes=["x"]), update_mask={"paths": mask}
        )
        await refused(changing, "FIELD_INVALID")


async def test_the_last_use_is_written_seldom(admin: Admin) -> None:
    """Not with each call, but at most every ten minutes; a key that was never used says so."""
    world = admin.world
    acme = await admin.administrator("acme")
    made = await _create(acme, **READER)
    assert not (await acme.call("ApiKeyService/GetApiKey", name=made.name)).HasField("last_use_time")
    first = world.clock()
    uses = []
    for _ in range(4):
        world.store.valid.clear()
        await _works(admin, made.secret)
        uses.append((await acme.call("ApiKeyService/GetApiKey", name=made.name)).last_use_time.ToDatetime(first.tzinfo))
        world.clock.advance(timedelta(minutes=4))
    assert [first, first, first, first + timedelta(minutes=12)] == uses

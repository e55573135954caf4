"""AgencyService through a real server: creating, listing, suspending and resuming.

Owns the proofs of `gateway/rpc/admin_agencies.py` and `gateway/domain/admin/agencies.py`; deleting is proved in
`tests/flows/test_admin_deletion.py`, who may call in `tests/security/test_admin_callers.py`.
"""

from datetime import timedelta
from uuid import uuid4

import grpc
import pytest

from gateway import settings
from gateway.domain.publishing import step
from gateway.settings import SettingsError
from socialgateway.admin.v1.agency_pb2 import Agency
from socialgateway.v1 import account_pb2, post_pb2
from tests.fixtures import media
from tests.fixtures.admin import Admin, refused
from tests.fixtures.app import CALLS, running
from tests.fixtures.client import Client
from tests.fixtures.settings import RING
from tests.fixtures.waiting import until
from tests.rpc import certificates


@pytest.mark.parametrize("address", ["0.0.0.0:50052", "10.0.0.1:50052", ":50052", "admin.example:50052", "[::]:1"])
def test_an_address_that_others_reach_needs_tls(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a certificate only loopback and Unix sockets are accepted, and the refusal says what to set."""
    monkeypatch.setenv("GATEWAY_ENCRYPTION_KEYS", RING)
    with pytest.raises(SettingsError, match="GATEWAY_ADMIN_ADDRESS: must be a loopback address"):
        settings.load(admin_address=address)
    with pytest.raises(SettingsError, match="GATEWAY_ADMIN_ADDRESS: must not be that of GATEWAY_GRPC_ADDRESS"):
        settings.load(admin_address="127.0.0.1:50051")
    for private in ("127.0.0.1:50052", "localhost:50052", "[::1]:50052", "unix:/run/admin.sock"):
        assert private == settings.load(admin_address=private).admin_address
    assert address == settings.load(admin_address=address, tls_cert="cert.pem", tls_key="key.pem").admin_address


async def test_it_is_off_unless_it_is_asked_for(database_url: str, tmp_path: object) -> None:
    """A gateway without the setting has no Admin API on any port."""
    async with running(database_url, tmp_path, roles=CALLS) as gateway:  # type: ignore[arg-type]
        assert gateway.admin is None


async def test_it_speaks_tls_where_there_is_a_certificate(database_url: str, tmp_path: object) -> None:
    """With a certificate the port is encrypted, on whatever address."""
    pair = certificates.make_certificate(tmp_path, "localhost")  # type: ignore[arg-type]
    values = {"tls_cert": pair.cert, "tls_key": pair.key, "admin_address": "127.0.0.1:0"}
    async with running(database_url, tmp_path, roles=CALLS, **values) as gateway:  # type: ignore[arg-type]
        assert gateway.admin is not None
        async with grpc.aio.secure_channel(f"localhost:{gateway.admin.port}", pair.trusted()) as channel:
            await channel.channel_ready()


async def test_create_get_and_list(admin: Admin) -> None:
    """An agency is created once, found by its name, and listed in order, also one that only a key has named."""
    made = await admin.call("AgencyService/CreateAgency", agency=Agency(display_name="Acme Ltd."), agency_id="acme")
    await admin.world.key("beta")
    await refused(admin.call("AgencyService/CreateAgency", agency=Agency(), agency_id="acme"), "RESOURCE_EXISTS")
    await refused(admin.call("AgencyService/CreateAgency", agency=Agency(), agency_id="beta"), "RESOURCE_EXISTS")
    for wrong in ("Acme", "a" * 64, "-"):
        await refused(admin.call("AgencyService/CreateAgency", agency=Agency(), agency_id=wrong), "FIELD_INVALID")
    await refused(
        admin.call("AgencyService/CreateAgency", agency=Agency(display_name="a\nb"), agency_id="c"), "FIELD_INVALID"
    )
    await refused(admin.call("AgencyService/GetAgency", name="agencies/nobody"), "RESOURCE_NOT_FOUND")

    got = await admin.call("AgencyService/GetAgency", name="agencies/acme")
    first = await admin.call("AgencyService/ListAgencies", page_size=1)
    second = await admin.call("AgencyService/ListAgencies", page_size=5, page_token=first.next_page_token)

    assert made == got
    assert ("agencies/acme", "Acme Ltd.", Agency.ACTIVE, 0) == (
        got.name,
        got.display_name,
        got.state,
        got.api_key_count,
    )
    assert ["agencies/acme"] == [each.name for each in first.agencies]
    assert [("agencies/beta", 1)] == [(each.name, each.api_key_count) for each in second.agencies]


async def test_a_repeated_request_creates_once(admin: Admin) -> None:
    """With a request id the second call answers the first one's agency; with another body it is refused."""
    values = {"agency": Agency(display_name="Acme"), "agency_id": "acme", "request_id": str(uuid4())}
    first = await admin.call("AgencyService/CreateAgency", **values)
    assert first == await admin.call("AgencyService/CreateAgency", **values)
    other = {**values, "agency": Agency(display_name="Other")}
    await refused(admin.call("AgencyService/CreateAgency", **other), "REQUEST_ID_REUSED")


async def test_an_administrator_reads_his_own_agency(admin: Admin) -> None:
    """He needs no operator for that."""
    mine = await admin.administrator("acme")
    assert "agencies/acme" == (await mine.call("AgencyService/GetAgency", name="agencies/acme")).name
    await refused(mine.call("AgencyService/GetAgency", name="agencies/default"), "AGENCY_FORBIDDEN")


INIT = "video.init"


async def _posted(admin: Admin, client: Client) -> str:
    """Create a post in l1, and return its name."""
    accounts = await client.call("AccountService/ListAccounts", parent="locations/l1")
    wanted = post_pb2.Post(account=accounts.accounts[0].name, mode=post_pb2.POST_MODE_DIRECT)
    wanted.video.source.upload = await client.upload(media.video())
    wanted.options.privacy_level = account_pb2.PRIVACY_LEVEL_ONLY_ME
    made = await client.call("PostService/CreatePost", parent="locations/l1", post=wanted)
    return str(made.name)


async def test_a_suspended_agency_is_refused_and_its_posts_wait(admin: Admin) -> None:
    """Its keys are refused at once; a due post waits visibly, calls no vendor, and goes out after the resumption."""
    world = admin.world
    await world.connect()
    name = await _posted(admin, world.api)
    tenant = await world.key("default", scopes=["posts.read"])
    suspended = await admin.call("AgencyService/SuspendAgency", name="agencies/default")
    again = await admin.call("AgencyService/SuspendAgency", name="agencies/default")
    calls = len(world.vendor.requests)

    await refused(world.client(tenant).call("PostService/GetPost", name=name), "AGENCY_SUSPENDED")
    post = name.rpartition("/")[2]
    await step.step(world.domain, "l1", post)
    submits = world.calls(INIT)
    waiting = await world.api.call("PostService/GetPost", name=name)
    checked = len(world.vendor.requests)
    world.clock.advance(timedelta(minutes=10))
    await step.step(world.domain, "l1", post)
    resting = len(world.vendor.requests)
    resumed = await admin.call("AgencyService/ResumeAgency", name="agencies/default")
    await step.step(world.domain, "l1", post)
    done = await world.client(tenant).call("PostService/GetPost", name=name)

    assert (Agency.SUSPENDED, suspended) == (suspended.state, again)
    assert (True, False) == (suspended.HasField("suspend_time"), resumed.HasField("suspend_time"))
    assert (0, post_pb2.Post.QUEUED) == (submits, waiting.state)
    assert "AGENCY_SUSPENDED" in str(waiting.error)
    assert checked == resting >= calls
    assert (1, True) == (world.calls(INIT), done.state in (post_pb2.Post.PROCESSING, post_pb2.Post.PUBLISHED))
    assert "AGENCY_SUSPENDED" not in str(done.error)


async def test_a_suspended_agency_is_refused_by_every_replica(admin: Admin) -> None:
    """What a replica has cached is dropped with the commit."""
    world = admin.world
    key = await world.key("acme")
    async with world.another("second") as second:
        for each in (world, second):
            await each.client(key).call("ProviderService/ListProviders")
        await admin.call("AgencyService/SuspendAgency", name="agencies/acme")
        await until(lambda: second.store.agencies.get("acme") is None)
        for each in (world, second):
            await refused(
                each.client(key).call("ProviderService/ListProviders"), "AGENCY_SUSPENDED", agency="agencies/acme"
            )

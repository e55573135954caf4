"""A gateway killed while a consent becomes a grant: the connection is whole afterwards, or can be made again.

Owns the places of that walk, each proved to be reached. The vendor gives a grant once: what dies with a process before
it is saved is lost, and the person consents again.
"""

from pathlib import Path

import httpx
import pytest

from providers.simulators.serving import serve
from providers.simulators.tiktok import create_app
from socialgateway.v1 import (
    account_pb2,
    connection_pb2,
    post_pb2,
)
from tests.chaos import processes
from tests.chaos.test_kill_publish import KILLED, SMALL, vendor_config
from tests.fixtures.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

PLACES = {
    "consent.before-exchange": connection_pb2.Connection.PENDING,
    "consent.after-exchange": connection_pb2.Connection.PENDING,
    "consent.after-save": connection_pb2.Connection.VALID,
}
"""Where the process dies, and what the connection is when the next one has come up."""


async def begun(gateway: processes.Gateway, name: str = "") -> connection_pb2.Connection:
    """Begin a connection, or the renewal of one."""
    wanted = connection_pb2.Connection(provider="providers/tiktok")
    async with gateway.client() as client:
        made: connection_pb2.Connection = await (
            client.call("ConnectionService/ReauthorizeConnection", name=name)
            if name
            else client.call("ConnectionService/CreateConnection", parent=processes.LOCATION, connection=wanted)
        )
    return made


async def status(gateway: processes.Gateway, name: str) -> connection_pb2.Connection.Status:
    """Return a connection's status."""
    async with gateway.client() as client:
        found: connection_pb2.Connection = await client.call("ConnectionService/GetConnection", name=name)
    return found.status


async def accounts(gateway: processes.Gateway) -> list[account_pb2.Account]:
    """Return the accounts that there are."""
    async with gateway.client() as client:
        return list((await client.call("AccountService/ListAccounts", parent=processes.LOCATION)).accounts)


async def consented(gateway: processes.Gateway, connection: connection_pb2.Connection, open_id: str) -> None:
    """Walk through the consent page."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        await processes.walk_consent(browser, connection.authorization.uri, open_id=open_id)


async def test_a_kill_in_a_consent_leaves_no_half_connection(database_url: str, tmp_path: Path) -> None:
    """Each user's process dies at one place: the connection comes up VALID, or PENDING, and VALID by a new consent."""
    app = create_app(vendor_config())
    users = {
        place: app.state.vendor.add_user(open_id=f"u{number}", username=f"u{number}", display_name="U").open_id
        for number, place in enumerate(PLACES)
    }
    names = {}
    async with serve(app) as vendor_url:
        gateway = processes.Gateway(database_url, vendor_url, tmp_path)
        for place, open_id in users.items():
            async with processes.running(gateway, failpoint=f"{place}=kill"):
                connection = await begun(gateway)
                names[place] = connection.name
                with pytest.raises(httpx.TransportError):
                    await consented(gateway, connection, open_id)
                assert KILLED == await gateway.died(20), f"{place} was not reached"
        async with processes.running(gateway):
            for place, expected in PLACES.items():

                async def as_expected(place: str = place, expected: object = expected) -> bool:
                    return bool(await status(gateway, names[place]) == expected)

                await until(as_expected)
                if expected == connection_pb2.Connection.PENDING:
                    await consented(gateway, await begun(gateway, names[place]), users[place])
                assert connection_pb2.Connection.VALID == await status(gateway, names[place])
            found = await accounts(gateway)
            upload = await processes.upload(gateway, processes.pattern(SMALL))
            posts = [
                await processes.create_post(gateway, processes.new_post(account.name, upload, "one", f"p{number}"))
                for number, account in enumerate(found)
            ]
            states = [(await processes.until_final(gateway, name, 60)).state for name in posts]

    assert [post_pb2.Post.PUBLISHED] * len(PLACES) == states
    assert sorted(users.values()) == sorted(post.open_id for post in app.state.vendor.posts)

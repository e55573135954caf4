"""Users and locations, and which token may see them.

Owns: /users and /locations. Knows nothing of posts.
"""

import pytest

from providers.simulators.highlevel.tenants import BAKER, GARAGE
from tests.providers.simulators.highlevel.world import BAKERY, COMPANY, OWNER, World

WHERE = {"locationId": BAKERY}


async def test_users_of_a_location(highlevel: World) -> None:
    """A location has its own users and the agency's; a deleted user is marked."""
    highlevel.vendor.tenants.set_user(BAKER, deleted=True)
    users = (await highlevel.call("GET", "/users/", params=WHERE)).json()["users"]

    assert [(OWNER, "admin", False), (BAKER, "user", True)] == [
        (user["id"], user["roles"]["role"], user["deleted"]) for user in users
    ]


@pytest.mark.parametrize(
    ("location", "query", "found"),
    [
        (None, {}, [OWNER, BAKER]),
        (None, {"locationId": GARAGE}, [OWNER]),
        (None, {"query": "bruno"}, [BAKER]),
        (None, {"skip": "1", "limit": "1"}, [BAKER]),
        (GARAGE, {}, [OWNER]),
    ],
)
async def test_users_are_searched(
    highlevel: World, location: str | None, query: dict[str, str], found: list[str]
) -> None:
    """Users are searched with a company's or a location's token; skip and limit are strings."""
    answer = await highlevel.call(
        "GET", "/users/search", token=highlevel.grant(location), params={"companyId": COMPANY, **query}
    )

    assert found == [user["id"] for user in answer.json()["users"]]


@pytest.mark.parametrize(
    ("query", "status"), [({}, 422), ({"companyId": "other"}, 403), ({"companyId": COMPANY, "limit": "x"}, 422)]
)
async def test_searching_users_is_checked(highlevel: World, query: dict[str, str], status: int) -> None:
    """The search requires the token's company, and digits for skip and limit."""
    assert status == (await highlevel.call("GET", "/users/search", params=query)).status_code


async def test_one_user(highlevel: World) -> None:
    """A location's token does not see the users of other locations."""
    token = highlevel.grant(GARAGE)

    assert "Bruno Baker" == (await highlevel.call("GET", f"/users/{BAKER}")).json()["name"]
    assert 404 == (await highlevel.call("GET", f"/users/{BAKER}", token=token)).status_code


async def test_one_location(highlevel: World) -> None:
    """A location is visible to its own token and its company's, not to another's."""
    answers = [
        await highlevel.call("GET", f"/locations/{BAKERY}", token=highlevel.grant(each))
        for each in (BAKERY, None, GARAGE)
    ]

    assert [200, 200, 403] == [answer.status_code for answer in answers]
    assert ("Sim Bakery", "Europe/Berlin", COMPANY) == tuple(
        answers[0].json()["location"][name] for name in ("name", "timezone", "companyId")
    )
    assert 404 == (await highlevel.call("GET", "/locations/x", token=highlevel.grant(None))).status_code


@pytest.mark.parametrize(("location", "found"), [(None, [BAKERY, GARAGE]), (GARAGE, [GARAGE])])
async def test_locations_are_searched(highlevel: World, location: str | None, found: list[str]) -> None:
    """A company's token sees all locations."""
    answer = await highlevel.call("GET", "/locations/search", token=highlevel.grant(location))

    assert found == [each["id"] for each in answer.json()["locations"]]

"""The tenants: one agency (a company), its locations (sub-accounts), and their users.

Owns: these and how the API shows them. Knows nothing of tokens or social accounts.
"""

from dataclasses import dataclass, field, replace
from typing import Any

COMPANY = "SimCompanyAgency0001"
BAKERY = "SimLocationBakery001"
GARAGE = "SimLocationGarage001"
OWNER = "SimUserAgencyOwner01"
BAKER = "SimUserOfTheBakery01"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimLocation:
    """A location. `active` is False when the agency suspended it."""

    id: str
    name: str
    company_id: str = COMPANY
    timezone: str = "Europe/Berlin"
    address: str = "1 Simulated Street"
    email: str = "location@sim.example"
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SimUser:
    """A user. `role` is admin or user, `kind` is agency or account."""

    id: str
    first_name: str
    last_name: str
    location_ids: tuple[str, ...]
    role: str = "admin"
    kind: str = "account"
    deleted: bool = False

    @property
    def email(self) -> str:
        """An address that does not exist."""
        return f"{self.first_name}.{self.last_name}@sim.example".lower()


def _first_locations() -> dict[str, SimLocation]:
    bakery = SimLocation(id=BAKERY, name="Sim Bakery")
    garage = SimLocation(id=GARAGE, name="Sim Garage", timezone="America/New_York")
    return {each.id: each for each in (bakery, garage)}


def _first_users() -> dict[str, SimUser]:
    every = (BAKERY, GARAGE)
    owner = SimUser(id=OWNER, first_name="Olga", last_name="Owner", location_ids=every, kind="agency")
    baker = SimUser(id=BAKER, first_name="Bruno", last_name="Baker", location_ids=(BAKERY,), role="user")
    return {each.id: each for each in (owner, baker)}


@dataclass(slots=True)
class Tenants:
    """The agency's locations and users by id."""

    locations: dict[str, SimLocation] = field(default_factory=_first_locations)
    users: dict[str, SimUser] = field(default_factory=_first_users)

    def set_location(self, location_id: str, **changes: Any) -> SimLocation:
        """Change a location, or add one."""
        known = self.locations.get(location_id)
        values = {"name": location_id, **changes}
        made = replace(known, **changes) if known else SimLocation(id=location_id, **values)
        self.locations[location_id] = made
        return made

    def set_user(self, user_id: str, **changes: Any) -> SimUser:
        """Change a user. Raise KeyError."""
        self.users[user_id] = replace(self.users[user_id], **changes)
        return self.users[user_id]

    def users_of(self, location_id: str) -> list[SimUser]:
        """Return the users of a location, including deleted ones."""
        return [user for user in self.users.values() if location_id in user.location_ids]


def user_json(user: SimUser) -> dict[str, Any]:
    """Return a user as /users shows one."""
    return {
        "id": user.id,
        "name": f"{user.first_name} {user.last_name}",
        "firstName": user.first_name,
        "lastName": user.last_name,
        "email": user.email,
        "phone": "",
        "permissions": {"socialPlanner": True},
        "roles": {"type": user.kind, "role": user.role, "locationIds": list(user.location_ids)},
        "deleted": user.deleted,
    }


def post_user_json(user: SimUser) -> dict[str, Any]:
    """Return a user as a post shows its author."""
    return {
        "id": user.id,
        "title": user.role,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "profilePhoto": "",
        "phone": "",
        "email": user.email,
    }


def location_json(location: SimLocation) -> dict[str, Any]:
    """Return a location as /locations shows one."""
    return {
        "id": location.id,
        "companyId": location.company_id,
        "name": location.name,
        "address": location.address,
        "timezone": location.timezone,
        "email": location.email,
    }

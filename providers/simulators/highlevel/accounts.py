"""List and remove the social accounts of a location.

Owns: GET and DELETE of …/accounts. Knows nothing of how an account gets connected.
"""

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.highlevel import wire
from providers.simulators.highlevel.errors import not_found
from providers.simulators.highlevel.social_accounts import account_json


async def listing(request: Request) -> Response:
    """Return every account and group of the location, in one page."""
    vendor, location_id = wire.vendor_of(request), wire.location_of(request)
    accounts = [account_json(each, vendor.now()) for each in vendor.accounts.of(location_id)]
    results = {"accounts": accounts, "groups": vendor.accounts.groups.get(location_id, [])}
    return wire.envelope(request, "Fetched Accounts", results)


async def delete(request: Request) -> Response:
    """Remove an account, also from its groups."""
    vendor, location_id = wire.vendor_of(request), wire.location_of(request)
    account = vendor.accounts.by_id.get(wire.path_param(request, "id"))
    if account is None or account.location_id != location_id:
        raise not_found("Account")
    vendor.accounts.remove(account)
    return wire.envelope(request, "Deleted Account", {"locationId": location_id, "id": account.id})

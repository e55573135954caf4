"""The control endpoints under /_sim/: what a test in another process reads and changes.

Owns: the ledger's tables and what each control does. Knows nothing of HighLevel's own endpoints. GET /_sim/ lists them.
"""

from dataclasses import asdict

from providers.simulators.common import control
from providers.simulators.common.control import Values
from providers.simulators.highlevel.config import SCOPES
from providers.simulators.highlevel.post_records import post_json
from providers.simulators.highlevel.social_accounts import account_json
from providers.simulators.highlevel.state import Vendor


def _ledger(vendor: Vendor, values: Values) -> Values:
    """Posts on the networks, creates, exchanges, calls, webhook deliveries, fault hits."""
    return control.ledger(vendor, {"posts": vendor.posts, "created": vendor.created})


def _records(vendor: Vendor, values: Values) -> Values:
    """HighLevel's own records of posts, the deleted ones included."""
    vendor.settle()
    return {each.id: post_json(each, echo_schedule_date=True, v3=True) for each in vendor.planner.records.values()}


def _accounts(vendor: Vendor, values: Values) -> Values:
    """The social accounts by id."""
    return {each.id: account_json(each, vendor.now()) for each in vendor.accounts.by_id.values()}


def _tenants(vendor: Vendor, values: Values) -> Values:
    """Locations, users, and where the app is installed."""
    return {
        "locations": {each.id: asdict(each) for each in vendor.tenants.locations.values()},
        "users": {each.id: asdict(each) for each in vendor.tenants.users.values()},
        "installs": list(vendor.installs),
    }


def _expire(vendor: Vendor, values: Values) -> Values:
    """End access tokens: of {resource}, a location or the company, or of everybody."""
    return {"expired": vendor.expire_access_tokens(values.get("resource"))}


def _grant(vendor: Vendor, values: Values) -> Values:
    """Tokens without a consent page: {location_id, scopes}; without a location they are the company's."""
    return vendor.grant(values.get("location_id"), tuple(values.get("scopes", SCOPES)))


def _private(vendor: Vendor, values: Values) -> Values:
    """A Private Integration Token: {location_id, scopes}; {token, scopes} edits its scopes; {token, later} rotates."""
    if "token" in values and "scopes" in values:
        vendor.grants.set_private_scopes(values["token"], tuple(values["scopes"]))
        return {"token": values["token"]}
    if "token" in values:
        token = vendor.grants.rotate_private(values["token"], vendor.now(), later=bool(values.get("later")))
        return {"token": token}
    return {"token": vendor.private_token(values.get("location_id"), tuple(values.get("scopes", SCOPES)))}


def _revoke(vendor: Vendor, values: Values) -> None:
    """The Private Integration of {token} is deleted."""
    vendor.grants.revoke_private(values["token"])


def _install(vendor: Vendor, values: Values) -> None:
    """Install the app in {location_ids}, or as the company with none, and tell."""
    vendor.install(list(values.get("location_ids", [])), company=bool(values.get("company")))


def _uninstall(vendor: Vendor, values: Values) -> Values:
    """End the installation of {target}, a location or the company, and tell."""
    return {"uninstalled": vendor.uninstall(values["target"])}


def _location(vendor: Vendor, values: Values) -> Values:
    """Change a location, or add one: {location_id, any field}; active=false suspends it."""
    return asdict(vendor.tenants.set_location(values.pop("location_id"), **values))


def _user(vendor: Vendor, values: Values) -> Values:
    """Change a user: {user_id, any field}."""
    return asdict(vendor.tenants.set_user(values.pop("user_id"), **values))


def _day(vendor: Vendor, values: Values) -> None:
    """Use up the day of {resource}, a location or the company, but for {left} calls."""
    vendor.windows.fill_day(values["resource"], vendor.now(), int(values.get("left", 0)))


def _account(vendor: Vendor, values: Values) -> Values:
    """Change an account: {account_id, any field}; expired=true ends it, false renews it."""
    return account_json(vendor.set_account(values.pop("account_id"), **values), vendor.now())


def _fail(vendor: Vendor, values: Values) -> None:
    """The next post that leaves in_progress fails with {error}."""
    vendor.fail_next_publish(str(values["error"]))


def _review(vendor: Vendor, values: Values) -> None:
    """The approver of {post_id} decides: {approve}."""
    vendor.review(values["post_id"], approve=bool(values["approve"]))


def _comment(vendor: Vendor, values: Values) -> Values:
    """Somebody comments: {location_id, platform, parent_id, content, author}."""
    comment = vendor.add_comment(**values)
    if comment is None:
        raise KeyError(values["parent_id"])
    return {"id": comment.id}


def _webhook(vendor: Vendor, values: Values) -> None:
    """Send one webhook by hand: {type, any field}."""
    vendor.webhooks.send(values.pop("type"), **values)


def _key(vendor: Vendor, values: Values) -> Values:
    """The public key of X-GHL-Signature: SPKI, base64."""
    return {"public_key": vendor.webhooks.public_key}


CONTROLS = control.controls(
    get=(_ledger, _records, _accounts, _tenants, _key),
    post=(
        *(_expire, _grant, _private, _revoke, _install, _uninstall, _location, _user, _day),
        *(_account, _fail, _review, _comment, _webhook),
    ),
)

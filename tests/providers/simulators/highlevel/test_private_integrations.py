"""Private Integration Tokens: static, rotated, revoked, edited.

Owns: these tokens. Knows nothing of OAuth.
"""

from tests.providers.simulators.highlevel.world import (
    BAKERY,
    POSTING,
    World,
    status_and_message,
)

ACCOUNTS = f"{POSTING}/accounts"


async def test_private_tokens_are_static(highlevel: World) -> None:
    """Private tokens begin with pit- and stay valid when access tokens expire."""
    token = highlevel.vendor.private_token(BAKERY)
    highlevel.clock.advance(400 * 86_400)

    assert token.startswith("pit-")
    assert 200 == (await highlevel.call("GET", ACCOUNTS, token=token)).status_code


async def test_private_tokens_are_rotated_now_or_later(highlevel: World) -> None:
    """The old token expires at once or, with `later`, after seven days."""
    first = highlevel.vendor.private_token(BAKERY)
    second = highlevel.vendor.grants.rotate_private(first, highlevel.clock())
    third = highlevel.vendor.grants.rotate_private(second, highlevel.clock(), later=True)
    today = [(await highlevel.call("GET", ACCOUNTS, token=each)).status_code for each in (first, second, third)]
    highlevel.clock.advance(7 * 86_400)
    next_week = [(await highlevel.call("GET", ACCOUNTS, token=each)).status_code for each in (second, third)]

    assert [401, 200, 200] == today
    assert [401, 200] == next_week


async def test_private_tokens_are_revoked_and_their_scopes_edited(highlevel: World) -> None:
    """Scopes change under the same token; the token of a deleted integration has its own error message."""
    token = highlevel.vendor.private_token(BAKERY, ())
    before = status_and_message(await highlevel.call("GET", ACCOUNTS, token=token))
    highlevel.vendor.grants.set_private_scopes(token, ("socialplanner/account.readonly",))
    after = (await highlevel.call("GET", ACCOUNTS, token=token)).status_code
    highlevel.vendor.grants.revoke_private(token)

    assert (401, "The token is not authorized for this scope.") == before
    assert 200 == after
    assert (401, "Invalid Private Integration token") == status_and_message(
        await highlevel.call("GET", ACCOUNTS, token=token)
    )

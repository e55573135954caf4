"""Private Integration Tokens: static, rotated, revoked, edited.

Owns: these tokens. Knows nothing of OAuth.
"""

from tests.providers.simulators.highlevel.world import (
    BAKERY,
    POSTING,
    World,
    said,
)

ACCOUNTS = f"{POSTING}/accounts"


async def test_private_tokens_are_static(highlevel: World) -> None:
    """They look like pit-…, and live on when access tokens end."""
    token = highlevel.vendor.private_token(BAKERY)
    highlevel.clock.advance(400 * 86_400)

    assert token.startswith("pit-")
    assert 200 == (await highlevel.call("GET", ACCOUNTS, token=token)).status_code


async def test_private_tokens_are_rotated_now_or_later(highlevel: World) -> None:
    """Rotated now the old one dies at once; later, after seven days."""
    first = highlevel.vendor.private_token(BAKERY)
    second = highlevel.vendor.grants.rotate_private(first, highlevel.clock())
    third = highlevel.vendor.grants.rotate_private(second, highlevel.clock(), later=True)
    today = [(await highlevel.call("GET", ACCOUNTS, token=each)).status_code for each in (first, second, third)]
    highlevel.clock.advance(7 * 86_400)
    next_week = [(await highlevel.call("GET", ACCOUNTS, token=each)).status_code for each in (second, third)]

    assert [401, 200, 200] == today
    assert [401, 200] == next_week


async def test_private_tokens_are_revoked_and_their_scopes_edited(highlevel: World) -> None:
    """Scopes change under the same token; a deleted integration is refused in words of its own."""
    token = highlevel.vendor.private_token(BAKERY, ())
    before = said(await highlevel.call("GET", ACCOUNTS, token=token))
    highlevel.vendor.grants.set_private_scopes(token, ("socialplanner/account.readonly",))
    after = (await highlevel.call("GET", ACCOUNTS, token=token)).status_code
    highlevel.vendor.grants.revoke_private(token)

    assert (401, "The token is not authorized for this scope.") == before
    assert 200 == after
    assert (401, "Invalid Private Integration token") == said(await highlevel.call("GET", ACCOUNTS, token=token))

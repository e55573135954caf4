"""The token endpoint and revocation (reference §1.2 to §1.6).

Owns: exchanges, rotation, flat errors. Knows nothing of the consent page's errors.
"""

import pytest

from providers.simulators.tiktok import Fault, SimulatorConfig
from providers.simulators.tiktok.grants import challenge_of
from tests.providers.simulators.tiktok.world import (
    ALL_SCOPES,
    CALLBACK,
    CHALLENGE,
    CLIENT,
    VERIFIER,
    World,
    code_of,
    error_of,
    world,
)

PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
BY_CODE = {"grant_type": "authorization_code", "redirect_uri": CALLBACK}


async def _pair(tiktok: World) -> dict[str, str]:
    answer = await tiktok.exchange(code=await tiktok.code(), **BY_CODE)
    pair: dict[str, str] = answer.json()
    return pair


async def test_a_code_is_exchanged_for_a_pair_of_tokens(tiktok: World) -> None:
    """The response is flat, with the documented names, prefixes and lifetimes."""
    answer = await tiktok.exchange(code=await tiktok.code(), **BY_CODE)
    body = answer.json()

    assert 200 == answer.status_code
    assert 86400 == body["expires_in"]
    assert 31536000 == body["refresh_expires_in"]
    assert "Bearer" == body["token_type"]
    assert ALL_SCOPES == body["scope"]
    assert body["access_token"].startswith("act.")
    assert body["refresh_token"].startswith("rft.")


async def test_open_ids_may_begin_with_a_dash(tiktok: World) -> None:
    """The first user's open_id is opaque and begins with `-`."""
    assert (await _pair(tiktok))["open_id"].startswith("-")


async def test_the_pkce_challenge_is_hexadecimal() -> None:
    """The challenge of RFC 7636's verifier is lower-case hexadecimal."""
    assert "13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3" == challenge_of(VERIFIER)


async def test_the_right_verifier_is_accepted(tiktok: World) -> None:
    """A hexadecimal challenge with its verifier yields tokens."""
    answer = await tiktok.exchange(code=await tiktok.code(**PKCE), code_verifier=VERIFIER, **BY_CODE)

    assert "access_token" in answer.json()


async def test_a_verifier_without_a_challenge_is_ignored(tiktok: World) -> None:
    """A verifier without a challenge is accepted, as web clients send one."""
    answer = await tiktok.exchange(code=await tiktok.code(), code_verifier=VERIFIER, **BY_CODE)

    assert "access_token" in answer.json()


@pytest.mark.parametrize(
    ("challenge", "verifier"),
    [
        pytest.param("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", VERIFIER, id="base64url-instead-of-hex"),
        pytest.param(CHALLENGE.upper(), VERIFIER, id="upper-case"),
        pytest.param(CHALLENGE, VERIFIER[:-1] + "l", id="another-verifier"),
        pytest.param(CHALLENGE, None, id="no-verifier"),
        pytest.param(
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "test", id="verifier-too-short"
        ),
    ],
)
async def test_a_challenge_is_verified(tiktok: World, challenge: str, verifier: str | None) -> None:
    """A challenge must match the verifier in TikTok's encoding."""
    code = await tiktok.code(code_challenge=challenge, code_challenge_method="S256")
    extra = {} if verifier is None else {"code_verifier": verifier}

    assert (200, "invalid_request") == error_of(await tiktok.exchange(code=code, **BY_CODE, **extra))


async def test_a_code_is_valid_once(tiktok: World) -> None:
    """The second exchange of a code is refused, and the first pair stays valid."""
    code = await tiktok.code()
    pair = (await tiktok.exchange(code=code, **BY_CODE)).json()

    again = await tiktok.exchange(code=code, **BY_CODE)

    assert (200, "invalid_grant") == error_of(again)
    assert (200, "ok") == code_of(await tiktok.get("/v2/user/info/?fields=open_id", token=pair["access_token"]))


async def test_a_code_expires(tiktok: World) -> None:
    """A code expires after 600 seconds."""
    code = await tiktok.code()
    tiktok.clock.advance(600)

    assert (200, "invalid_grant") == error_of(await tiktok.exchange(code=code, **BY_CODE))


async def test_a_code_that_was_not_decoded_is_refused(tiktok: World) -> None:
    """A code with `%2A` and `%21` is refused."""
    code = (await tiktok.code()).replace("*", "%2A").replace("!", "%21")

    assert (200, "invalid_grant") == error_of(await tiktok.exchange(code=code, **BY_CODE))


async def test_another_redirect_uri_is_refused_with_tiktoks_message(tiktok: World) -> None:
    """The exchange must repeat the redirect URI of the consent page."""
    fields = {**BY_CODE, "redirect_uri": "https://gateway.example/other"}
    answer = await tiktok.exchange(code=await tiktok.code(), **fields)

    assert (200, "invalid_request") == error_of(answer)
    assert "Redirect_uri is not matched with the uri when requesting code." == answer.json()["error_description"]


async def test_refreshing_rotates_both_tokens(tiktok: World) -> None:
    """A refresh returns a new pair; the old access token stays valid until it expires."""
    old = await _pair(tiktok)

    new = (await tiktok.exchange(grant_type="refresh_token", refresh_token=old["refresh_token"])).json()

    assert old["refresh_token"] != new["refresh_token"]
    assert old["access_token"] != new["access_token"]
    assert old["open_id"] == new["open_id"]
    assert (200, "ok") == code_of(await tiktok.get("/v2/user/info/?fields=open_id", token=old["access_token"]))


async def test_the_old_refresh_token_is_invalid(tiktok: World) -> None:
    """The second use of a refresh token is invalid_grant, and the new one still works."""
    old = (await _pair(tiktok))["refresh_token"]
    new = (await tiktok.exchange(grant_type="refresh_token", refresh_token=old)).json()["refresh_token"]

    assert (200, "invalid_grant") == error_of(await tiktok.exchange(grant_type="refresh_token", refresh_token=old))
    assert "access_token" in (await tiktok.exchange(grant_type="refresh_token", refresh_token=new)).json()


async def test_the_old_refresh_token_can_stay_valid() -> None:
    """The milder reading of TikTok's documentation can be configured."""
    async with world(refresh_invalidates_old=False) as tiktok:
        old = (await _pair(tiktok))["refresh_token"]
        await tiktok.exchange(grant_type="refresh_token", refresh_token=old)
        again = await tiktok.exchange(grant_type="refresh_token", refresh_token=old)

    assert "access_token" in again.json()


async def test_refreshing_does_not_restart_the_year(tiktok: World) -> None:
    """refresh_expires_in counts down from the consent; after that the grant has ended."""
    pair = await _pair(tiktok)
    tiktok.clock.advance(31535999)
    pair = (await tiktok.exchange(grant_type="refresh_token", refresh_token=pair["refresh_token"])).json()
    tiktok.clock.advance(1)

    late = await tiktok.exchange(grant_type="refresh_token", refresh_token=pair["refresh_token"])

    assert 1 == pair["refresh_expires_in"]
    assert (200, "invalid_grant") == error_of(late)


async def test_access_tokens_expire_after_a_day(tiktok: World) -> None:
    """An access token expires after 86,400 seconds."""
    tiktok.clock.advance(86399)
    assert (200, "ok") == code_of(await tiktok.get("/v2/user/info/?fields=open_id"))
    tiktok.clock.advance(1)

    assert (401, "access_token_invalid") == code_of(await tiktok.get("/v2/user/info/?fields=open_id"))


async def test_a_client_token_is_not_valid_for_user_calls(tiktok: World) -> None:
    """client_credentials returns `clt.…` for two hours, which no user endpoint accepts."""
    body = (await tiktok.exchange(grant_type="client_credentials")).json()

    assert {"access_token", "expires_in", "token_type"} == body.keys()
    assert 7200 == body["expires_in"]
    assert body["access_token"].startswith("clt.")
    answer = await tiktok.get("/v2/user/info/?fields=open_id", token=body["access_token"])
    assert (401, "access_token_invalid") == code_of(answer)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        pytest.param({"client_secret": "wrong"}, "invalid_client", id="wrong-secret"),
        pytest.param({"client_key": "wrong"}, "invalid_client", id="wrong-key"),
        pytest.param({"client_key": ""}, "invalid_request", id="no-key"),
        pytest.param({"grant_type": ""}, "invalid_request", id="no-grant-type"),
        pytest.param({"grant_type": "password"}, "unsupported_grant_type", id="unknown-grant-type"),
        pytest.param({"refresh_token": ""}, "invalid_request", id="no-refresh-token"),
        pytest.param({"refresh_token": "rft.unknown"}, "invalid_grant", id="unknown-refresh-token"),
    ],
)
async def test_errors_of_exchanges_are_flat_with_status_200(tiktok: World, fields: dict[str, str], error: str) -> None:
    """An error is `{error, error_description, log_id}` with HTTP 200, as it was recorded."""
    answer = await tiktok.exchange(**{"grant_type": "refresh_token", "refresh_token": "rft.x", **fields})

    assert (200, error) == error_of(answer)


async def test_a_field_sent_twice_is_refused(tiktok: World) -> None:
    """A repeated field is refused as ambiguous."""
    form = {**CLIENT, "grant_type": ["refresh_token", "client_credentials"], "refresh_token": "rft.x"}

    assert (200, "invalid_request") == error_of(await tiktok.http.post("/v2/oauth/token/", data=form))


async def test_a_json_body_is_refused(tiktok: World) -> None:
    """The token endpoint accepts only forms."""
    answer = await tiktok.http.post("/v2/oauth/token/", json={**CLIENT, "grant_type": "client_credentials"})

    assert (200, "invalid_request") == error_of(answer)


@pytest.mark.parametrize(
    "error",
    [
        "access_denied",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
        "server_error",
        "temporarily_unavailable",
    ],
)
async def test_every_documented_error_can_be_injected(tiktok: World, error: str) -> None:
    """A fault can send each documented error in the flat envelope, and the grant stays valid."""
    pair = await _pair(tiktok)
    tiktok.vendor.faults.add(Fault(match="oauth.token", kind="error", code=error))

    refused = await tiktok.exchange(grant_type="refresh_token", refresh_token=pair["refresh_token"])

    assert (200, error) == error_of(refused)
    assert (
        "access_token"
        in (await tiktok.exchange(grant_type="refresh_token", refresh_token=pair["refresh_token"])).json()
    )


async def test_errors_can_have_another_status() -> None:
    """The status of OAuth errors is configurable, as the documentation names none."""
    async with world(oauth_error_status=400) as tiktok:
        answer = await tiktok.exchange(grant_type="refresh_token", refresh_token="rft.unknown")

    assert (400, "invalid_grant") == error_of(answer)


async def test_revoking_ends_the_grant(tiktok: World) -> None:
    """After a revocation, which has an empty body, neither token is valid."""
    pair = await _pair(tiktok)

    answer = await tiktok.http.post("/v2/oauth/revoke/", data={**CLIENT, "token": pair["access_token"]})

    assert (200, b"") == (answer.status_code, answer.content)
    assert (401, "access_token_invalid") == code_of(
        await tiktok.get("/v2/user/info/?fields=open_id", token=pair["access_token"])
    )
    assert (200, "invalid_grant") == error_of(
        await tiktok.exchange(grant_type="refresh_token", refresh_token=pair["refresh_token"])
    )


async def test_an_expired_access_token_cannot_revoke(tiktok: World) -> None:
    """Revoking with an expired token leaves the grant valid; it works after a refresh."""
    pair = await _pair(tiktok)
    tiktok.vendor.expire_access_tokens()

    refused = await tiktok.http.post("/v2/oauth/revoke/", data={**CLIENT, "token": pair["access_token"]})
    new = (await tiktok.exchange(grant_type="refresh_token", refresh_token=pair["refresh_token"])).json()
    revoked = await tiktok.http.post("/v2/oauth/revoke/", data={**CLIENT, "token": new["access_token"]})

    assert (200, "invalid_grant") == error_of(refused)
    assert (200, b"") == (revoked.status_code, revoked.content)


async def test_revoking_needs_the_client(tiktok: World) -> None:
    """A wrong secret cannot revoke."""
    form = {**CLIENT, "client_secret": "wrong", "token": tiktok.token}

    assert (200, "invalid_client") == error_of(await tiktok.http.post("/v2/oauth/revoke/", data=form))


async def test_exchanges_are_in_the_ledger_without_secrets(tiktok: World) -> None:
    """The ledger has grant type, outcome and user of each exchange, and no token."""
    pair = await _pair(tiktok)
    await tiktok.exchange(grant_type="refresh_token", refresh_token="rft.unknown")

    rows = tiktok.vendor.exchanges

    assert [("authorization_code", "ok"), ("refresh_token", "invalid_grant")] == [
        (row.grant_type, row.outcome) for row in rows
    ]
    assert tiktok.open_id == rows[0].open_id
    assert pair["access_token"] not in repr(rows)
    assert "rft." not in repr(rows)


def test_the_repr_of_a_configuration_has_no_secret() -> None:
    """The repr of a configuration has no client secret."""
    assert "s3cret" not in repr(SimulatorConfig(client_secret="s3cret"))

"""The settings of the HighLevel provider: defaults, validation, and secrets.

Owns the examples. Which calls need which setting is covered by test_authorization.py.
"""

from typing import Any

import pytest

from providers.errors import Misconfigured
from providers.highlevel.config import Config, read
from providers.models.secret import Secret
from tests.providers.highlevel.support import SETTINGS, highlevel


def test_everything_has_a_default() -> None:
    """Without settings the URLs are HighLevel's, the version is 2021-07-28, and the user agent is ours."""
    config = read({})

    assert ("https://services.leadconnectorhq.com", "2021-07-28", False) == (
        config.api_url,
        config.api_version,
        config.v3,
    )
    assert "https://marketplace.gohighlevel.com/v2/oauth/chooselocation" == config.authorize_url
    assert config.user_agent.startswith("social-gateway")
    assert Config() == config


def test_empty_settings_take_the_default() -> None:
    """An empty setting counts as not set."""
    names = ("client_id", "client_secret", "api_url", "authorize_url", "api_version", "user_agent")

    assert Config() == read(dict.fromkeys(names, ""))


def test_settings_are_normalized() -> None:
    """URLs lose their trailing slash, and strings become secrets."""
    config = read(
        {"client_id": " a-b ", "client_secret": "s", "api_url": "https://x.example/", "api_version": "v3"}
        | {"user_agent": "agency/1", "popup_hosts": ("app.agency.example",)}
    )

    assert ("a-b", Secret("s"), "https://x.example", True, "agency/1", ("app.agency.example",)) == (
        config.client_id,
        config.client_secret,
        config.api_url,
        config.v3,
        config.user_agent,
        config.popup_hosts,
    )


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"api_url": "http://services.leadconnectorhq.com"}, "url_refused"),
        ({"api_url": "http://127.0.0.1:8098"}, "url_refused"),
        ({"api_url": "https://["}, "url_refused"),
        ({"authorize_url": "https://user:pw@marketplace.example/"}, "url_refused"),
        ({"api_version": "2023-02-21"}, "api_version_unknown"),
        ({"api_version": "V3"}, "api_version_unknown"),
        ({"user_agent": "python-httpx/0.28"}, "user_agent_refused"),
        ({"user_agent": "Python-urllib/3.11"}, "user_agent_refused"),
        ({"user_agent": "zwei\nZeilen"}, "user_agent_refused"),
        ({"popup_hosts": ("localhost",)}, "host_malformed"),
        ({"popup_hosts": ("*.agency.example",)}, "host_malformed"),
        ({"popup_hosts": ("agency.example", "https://agency.example")}, "host_malformed"),
        ({"popup_hosts": ("Agency.example",)}, "host_malformed"),
    ],
)
def test_invalid_settings_are_refused_at_startup(settings: dict[str, Any], code: str) -> None:
    """The error names the setting."""
    name = next(iter(settings))

    with pytest.raises(Misconfigured, match=f"GATEWAY_HIGHLEVEL_{name.upper()}") as raised:
        highlevel(**settings)
    assert (code, {"setting": name}) == (raised.value.code, raised.value.metadata)


def test_a_simulator_on_this_machine_may_be_allowed() -> None:
    """With `allow_loopback`, http URLs with a port on a loopback address are accepted."""
    highlevel(api_url="http://127.0.0.1:8098", authorize_url="http://localhost:8098/v2/oauth/x", allow_loopback=True)


@pytest.mark.parametrize("secret", [b"bytes", 1, ["s"]])
def test_a_secret_is_a_secret_or_a_string(secret: Any) -> None:
    """Anything else is a TypeError, as its `str` would be sent."""
    with pytest.raises(TypeError):
        read({"client_secret": secret})


@pytest.mark.parametrize("name", ["client_id", "client_secret"])
def test_a_missing_client_id_or_secret_is_named(name: str) -> None:
    """`application` raises an error that names the missing setting."""
    with pytest.raises(Misconfigured, match=f"GATEWAY_HIGHLEVEL_{name.upper()}") as raised:
        read({**SETTINGS, name: ""}).application()
    assert f"{name}_missing" == raised.value.code


def test_the_application_id_is_part_of_the_client_id() -> None:
    """It is the part of the client id before the first dash."""
    assert "65f0c0de0000000000000a99" == read(SETTINGS).app_id


def test_no_repr_shows_the_secret() -> None:
    """Neither the repr of the configuration nor that of the provider contains it."""
    provider, _ = highlevel()

    assert "canary" not in repr(provider) + repr(provider.client.config)

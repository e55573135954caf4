"""Settings: what is read, what is refused at start, what is only warned about.

Owns the proofs of `gateway/settings.py`.
"""

import base64
from pathlib import Path
from typing import Any

import pytest

from gateway import settings
from gateway.cli import reference
from gateway.settings import SettingsError

RING = "k1:" + base64.b64encode(b"k" * 32).decode()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Return an environment with nothing but a key ring."""
    for name in list(__import__("os").environ):
        if name.startswith("GATEWAY_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GATEWAY_ENCRYPTION_KEYS", RING)


def test_the_defaults_are_those_of_the_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing but a key ring the gateway listens on loopback, keeps its data at home and calls TikTok itself."""
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    found = settings.load()
    assert ("127.0.0.1:50051", "127.0.0.1:8080") == (found.grpc_address, found.http_address)
    assert "http://localhost:8080/oauth/{provider}/callback" == found.callback_url
    assert Path("/home/someone/.local/share/social-gateway") == found.data_dir
    assert "file:///home/someone/.local/share/social-gateway/blobs" == found.blobs
    assert None is found.database_url
    assert {
        "allow_loopback": False,
        "client_key": "",
        "client_secret": "",
        "api_url": "https://open.tiktokapis.com",
        "authorize_url": "https://www.tiktok.com/v2/auth/authorize/",
        "scopes": (),
        "upload_hosts": ("tiktokapis.com",),
        "webhook_window_seconds": 300,
        "business_app_id": "",
        "business_secret": "",
        "business_api_url": "https://business-api.tiktok.com",
        "business_authorize_url": "https://www.tiktok.com/v2/auth/authorize/",
        "business_scopes": (),
        "business_webhooks": False,
        "advertiser_authorize_url": "https://business-api.tiktok.com/portal/auth",
    } == found.provider("tiktok")


def test_webhook_keys_keep_the_lines_of_a_pem(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable may have several lines, and further keys after a comma."""
    pem = "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----"
    monkeypatch.setenv("GATEWAY_HIGHLEVEL_WEBHOOK_KEYS", f"{pem}\n, {'0' * 64}")

    assert (pem, "0" * 64) == settings.load().highlevel_webhook_keys


def test_every_setting_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names that operators rely on set what they say."""
    values = {
        "DATABASE_URL": "postgresql://u:p@db/gateway",
        "DATA_DIR": "/data",
        "GRPC_ADDRESS": "0.0.0.0:1",
        "HTTP_ADDRESS": "0.0.0.0:2",
        "PUBLIC_URL": "https://gateway.example",
        "BOOTSTRAP_API_KEY": "b" * 32,
        "BLOB_URL": "file:///blobs",
        "TIKTOK_CLIENT_KEY": "ck",
        "TIKTOK_CLIENT_SECRET": "cs",
        "TIKTOK_API_URL": "https://open.example",
        "TIKTOK_AUTHORIZE_URL": "https://www.example/authorize/",
        "TIKTOK_SCOPES": "user.info.basic, video.list",
        "TIKTOK_UPLOAD_HOSTS": "a.example, b.example,",
        "ALLOWED_REDIRECT_URIS": "https://app.example/done",
        "LOG_LEVEL": "DEBUG",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"GATEWAY_{name}", value)
    found = settings.load()
    assert "postgresql://u:p@db/gateway" == (found.database_url and found.database_url.get_secret_value())
    assert ("/data", "0.0.0.0:1", "0.0.0.0:2") == (str(found.data_dir), found.grpc_address, found.http_address)
    assert "https://gateway.example/oauth/{provider}/callback" == found.callback_url
    assert "b" * 32 == (found.bootstrap_api_key and found.bootstrap_api_key.get_secret_value())
    assert ("file:///blobs", "debug") == (found.blobs, found.log_level)
    assert ("https://app.example/done",) == found.allowed_redirect_uris
    tiktok = found.provider("tiktok")
    assert ("ck", "cs", "https://open.example") == (tiktok["client_key"], tiktok["client_secret"], tiktok["api_url"])
    assert ("a.example", "b.example") == tiktok["upload_hosts"]
    assert ("user.info.basic", "video.list") == tiktok["scopes"]


@pytest.mark.parametrize("ring", ["", "  "])
def test_without_an_encryption_key_there_is_no_start(monkeypatch: pytest.MonkeyPatch, ring: str) -> None:
    """The refusal names the variable and a command that makes a key."""
    monkeypatch.setenv("GATEWAY_ENCRYPTION_KEYS", ring)
    with pytest.raises(SettingsError, match=r"GATEWAY_ENCRYPTION_KEYS.*python3 -c"):
        settings.load()


BAD: list[tuple[str, dict[str, str]]] = [
    ("GATEWAY_BOOTSTRAP_API_KEY", {"BOOTSTRAP_API_KEY": "canary-" + "x" * 24}),
    ("GATEWAY_PUBLIC_URL", {"PUBLIC_URL": "http://canary.example"}),
    ("GATEWAY_PUBLIC_URL", {"PUBLIC_URL": "http://127.0.0.1:8080"}),
    ("GATEWAY_PUBLIC_URL", {"PUBLIC_URL": "http://canary.example", "ALLOW_LOOPBACK_VENDORS": "true"}),
    ("GATEWAY_PUBLIC_URL", {"PUBLIC_URL": "http://127.canary.example", "ALLOW_LOOPBACK_VENDORS": "true"}),
    ("GATEWAY_TIKTOK_API_URL", {"TIKTOK_API_URL": "http://open.tiktokapis.com"}),
    ("GATEWAY_TIKTOK_API_URL", {"TIKTOK_API_URL": "https://canary:x@open.tiktokapis.com"}),
    ("GATEWAY_TIKTOK_API_URL", {"TIKTOK_API_URL": "https://open.tiktokapis.com:8443"}),
    ("GATEWAY_TIKTOK_API_URL", {"TIKTOK_API_URL": "https://open.tiktokapis.com:port"}),
    ("GATEWAY_TIKTOK_AUTHORIZE_URL", {"TIKTOK_AUTHORIZE_URL": "javascript:canary"}),
    ("GATEWAY_TLS_CERT", {"TLS_CERT": "/cert.pem"}),
    ("GATEWAY_TLS_KEY", {"TLS_KEY": "/key.pem"}),
    ("GATEWAY_LOG_LEVEL", {"LOG_LEVEL": "canary"}),
    ("GATEWAY_DRAIN_SECONDS", {"DRAIN_SECONDS": "-1"}),
    ("GATEWAY_WORKER_STALE_SECONDS", {"WORKER_HEARTBEAT_SECONDS": "4"}),
    ("GATEWAY_WORKER_STALE_SECONDS", {"WORKER_STALE_SECONDS": "8"}),
    ("GATEWAY_MAX_MESSAGE_BYTES", {"MAX_MESSAGE_BYTES": "canary"}),
]


@pytest.mark.parametrize("key", [" " + "canary" * 6, "canary" * 6 + "\t", "canary" * 6 + "é", "canary" * 6 + "\x7f"])
def test_a_bootstrap_key_that_no_caller_could_send_stops_the_start(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Spaces around it, control characters and letters beyond ASCII do not travel in a header: a sentence says so."""
    monkeypatch.setenv("GATEWAY_BOOTSTRAP_API_KEY", key)
    with pytest.raises(SettingsError, match=r"GATEWAY_BOOTSTRAP_API_KEY.* visible ASCII, without spaces") as caught:
        settings.load()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(("name", "values"), BAD)
def test_what_is_refused_is_named_but_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, values: dict[str, str]
) -> None:
    """A bad value stops the start with its variable's name; the value itself may be a secret and is not shown."""
    for variable, value in values.items():
        monkeypatch.setenv(f"GATEWAY_{variable}", value)
    with pytest.raises(SettingsError, match=name) as caught:
        settings.load()
    assert "canary" not in str(caught.value)


def test_every_trouble_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two bad values are reported in two lines."""
    monkeypatch.setenv("GATEWAY_LOG_LEVEL", "loud")
    monkeypatch.setenv("GATEWAY_DRAIN_SECONDS", "soon")
    with pytest.raises(SettingsError) as caught:
        settings.load()
    assert 2 == len(str(caught.value).splitlines())


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000", "https://s.example:9000"]
)
def test_simulators_may_be_on_this_machine(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """With the switch, vendors and the public URL may be plain http on loopback, and have ports."""
    monkeypatch.setenv("GATEWAY_ALLOW_LOOPBACK_VENDORS", "true")
    for name in ("PUBLIC_URL", "TIKTOK_API_URL", "TIKTOK_AUTHORIZE_URL"):
        monkeypatch.setenv(f"GATEWAY_{name}", url)
    found = settings.load()
    assert (url, url, url, True) == (
        found.public_url,
        found.tiktok_api_url,
        found.tiktok_authorize_url,
        found.provider("tiktok")["allow_loopback"],
    )


def test_secrets_are_not_shown() -> None:
    """Neither repr nor a dump of the settings shows a secret."""
    found = settings.load(
        database_url="postgresql://u:canary-1@db/x",
        bootstrap_api_key="canary-" + "2" * 32,
        tiktok_client_secret="canary-3",
        encryption_keys="k1:canary-4",
    )
    shown: Any = f"{found!r} {found} {found.model_dump()} {found.model_dump_json()}"
    assert "canary" not in shown


def test_every_secret_is_known_in_clear() -> None:
    """What must never be logged: each secret as it is, each key of the ring and the database's password alone."""
    found = settings.load(
        database_url="postgresql://u:p%40ss@db/x",
        bootstrap_api_key="b" * 32,
        tiktok_client_secret="client",
        encryption_keys="k1:one, k2:two",
    ).secrets()
    assert {"postgresql://u:p%40ss@db/x", "p@ss", "b" * 32, "client", "one", "two"} <= set(found)


def test_an_empty_variable_is_an_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files write `NAME=` for what is not set."""
    for name in ("DATABASE_URL", "BOOTSTRAP_API_KEY", "TLS_CERT", "TLS_KEY", "BLOB_URL"):
        monkeypatch.setenv(f"GATEWAY_{name}", "")
    found = settings.load()
    assert (None, None, None, None) == (
        found.database_url,
        found.bootstrap_api_key,
        found.tls_cert,
        found.tls_key,
    )


def test_unknown_names_are_only_told() -> None:
    """A misspelt variable does not stop the start; it is found by name."""
    environment = {"GATEWAY_TIKTOK_CLIENT_KEI": "x", "GATEWAY_DATA_DIR": "/d", "gateway_http_adress": "x", "PATH": "/"}
    assert ["GATEWAY_TIKTOK_CLIENT_KEI", "gateway_http_adress"] == settings.unknown_names(environment)


def test_a_process_without_a_home_has_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_DATA_HOME moves the default; a user without a home gets a system folder."""
    monkeypatch.setenv("XDG_DATA_HOME", "/x")
    assert Path("/x/social-gateway") == settings.default_data_dir()
    monkeypatch.delenv("XDG_DATA_HOME")

    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", no_home)
    assert Path("/var/lib/social-gateway") == settings.default_data_dir()


def test_every_setting_is_described() -> None:
    """The printed list has a sentence for each setting, and no secret's default."""
    lines = list(reference.describe())
    assert {f"GATEWAY_{name.upper()}" for name in settings.Settings.model_fields} == {line[0] for line in lines}
    assert [] == [name for name, _, sentence in lines if not sentence.endswith(".")]
    assert ("GATEWAY_TIKTOK_UPLOAD_HOSTS", "tiktokapis.com") in [(name, default) for name, default, _ in lines]


def test_a_new_encryption_key_can_be_used() -> None:
    """What the command prints is an entry that the gateway starts with."""
    entry = settings.new_encryption_key(b"r" * 32, key_id="k7")
    assert "k7:" + base64.b64encode(b"r" * 32).decode() == entry

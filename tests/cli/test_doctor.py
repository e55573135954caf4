"""`doctor`: what is wrong is one line with what to do, and nothing is wrong with a good configuration."""

import base64
import os
from pathlib import Path

import psycopg
import pytest

from tests.cli.command import Ran, bare, execute, run
from tests.fixtures import disks
from tests.fixtures.settings import RING
from tests.rpc.certificates import make_certificate

GOOD = {
    "public_url": "https://social.example",
    "tiktok_client_key": "aw1234567890",
    "tiktok_client_secret": "canary-secret",
    "bootstrap_api_key": "canary-bootstrap-" + "0" * 32,
    "grpc_address": "127.0.0.1:0",
    "http_address": "127.0.0.1:0",
}

PAGE = "https://marketplace.gohighlevel.com/v2/oauth/chooselocation"
HIGHLEVEL = {"highlevel_client_id": "65f0c0de0000-app", "highlevel_client_secret": "canary-secret"}
LOOPBACK = {"allow_loopback_vendors": "true"}


def examine(database_url: str, folder: Path, **settings: str) -> Ran:
    """Run it over a good configuration with these changes."""
    return run("doctor", database_url=database_url, data_dir=str(folder / "data"), **{**GOOD, **settings})


def wrong(ran: Ran) -> list[str]:
    """Return the lines that say what is wrong."""
    return [line for line in ran.out.splitlines() if line.startswith("WRONG")]


def test_nothing_is_wrong_with_a_good_configuration(database_url: str, tmp_path: Path) -> None:
    """Exit 0, a line per thing that was looked at, and no secret in any of them."""
    ran = examine(database_url, tmp_path)
    assert (0, []) == (ran.code, wrong(ran)), ran.out
    assert "Nothing is wrong." in ran.out
    assert "canary" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"encryption_keys": ""}, "GATEWAY_ENCRYPTION_KEYS"),
        ({"encryption_keys": "k1:canary"}, "entry 1"),
        ({"bootstrap_api_key": "canary-short"}, "32 characters"),
        ({"public_url": "http://social.example"}, "GATEWAY_PUBLIC_URL"),
        ({"tiktok_client_secret": ""}, "GATEWAY_TIKTOK_CLIENT_SECRET not set"),
        ({"tiktok_api_url": "https://tiktok.example"}, "GATEWAY_TIKTOK_UPLOAD_HOSTS"),
        ({"tiktok_business_app_id": "7000"}, "GATEWAY_TIKTOK_BUSINESS_SECRET not set"),
        ({"tiktok_business_scopes": "business.creator.insights"}, "GATEWAY_TIKTOK_BUSINESS_SCOPES"),
        ({"highlevel_client_id": "65f0-app"}, "GATEWAY_HIGHLEVEL_CLIENT_SECRET not set"),
        ({"highlevel_client_secret": "canary-secret"}, "GATEWAY_HIGHLEVEL_CLIENT_ID not set"),
        ({"highlevel_api_version": "v1"}, "GATEWAY_HIGHLEVEL_API_VERSION"),
        ({"highlevel_authorize_url": "http://marketplace.example/v2/oauth/chooselocation"}, "HIGHLEVEL_AUTHORIZE_URL"),
        ({**HIGHLEVEL, "highlevel_api_url": "https://services.example/x?canary=1"}, "GATEWAY_HIGHLEVEL_API_URL"),
        ({"public_url": "https://social.example/?canary=1"}, "GATEWAY_PUBLIC_URL"),
        ({**HIGHLEVEL, **LOOPBACK, "highlevel_api_url": "http://127.0.0.1:9"}, "HighLevel addresses"),
        ({"tiktok_scopes": "user.info.basic,video.post"}, "GATEWAY_TIKTOK_SCOPES: 'video.post'"),
        ({"highlevel_scopes": "users.write"}, "GATEWAY_HIGHLEVEL_SCOPES: 'users.write'"),
        ({"highlevel_version_id": "a b"}, "GATEWAY_HIGHLEVEL_VERSION_ID"),
        ({"highlevel_popup_hosts": "Agency.example"}, "GATEWAY_HIGHLEVEL_POPUP_HOSTS"),
        ({"grpc_address": "nowhere"}, "GATEWAY_GRPC_ADDRESS"),
        ({"http_address": "203.0.113.1:80"}, "GATEWAY_HTTP_ADDRESS"),
        ({"blob_url": "ftp://x/y"}, "blob"),
        ({"data_dir": "/proc/nowhere"}, "data"),
        ({"log_level": "loud"}, "GATEWAY_LOG_LEVEL"),
        ({"database_url": "postgresql://me:canary@127.0.0.1:1/none"}, "127.0.0.1:1"),
        ({"tls_cert": "/nowhere.pem"}, "GATEWAY_TLS_KEY"),
        ({"tls_cert": "/nowhere.pem", "tls_key": "/nowhere.key"}, "GATEWAY_TLS_CERT"),
        ({"tls_client_ca": "/nowhere.pem"}, "GATEWAY_TLS_CLIENT_CA"),
        ({"callers_file": "/nowhere.toml"}, "GATEWAY_CALLERS_FILE"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_is_wrong_is_named(change: dict[str, str], says: str, database_url: str, tmp_path: Path) -> None:
    """Each mistake is a line that names the setting, and the exit code is 1."""
    ran = run("doctor", **{"database_url": database_url, "data_dir": str(tmp_path / "data"), **GOOD, **change})
    assert 1 == ran.code, ran.out
    assert any(says in line for line in wrong(ran)), ran.out
    assert "canary" not in ran.out + ran.err
    assert "Traceback" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tiktok_client_secret": ""}, "GATEWAY_TIKTOK_CLIENT_SECRET not set"),
        ({"tiktok_api_url": "https://tiktok.example"}, "GATEWAY_TIKTOK_UPLOAD_HOSTS"),
        ({"tiktok_scopes": "video.post"}, "GATEWAY_TIKTOK_SCOPES"),
        ({"highlevel_client_id": "65f0-app"}, "GATEWAY_HIGHLEVEL_CLIENT_SECRET not set"),
        ({"highlevel_version_id": "a b"}, "GATEWAY_HIGHLEVEL_VERSION_ID"),
        ({**HIGHLEVEL, **LOOPBACK, "highlevel_api_url": "http://127.0.0.1:9"}, "HighLevel addresses"),
        ({"highlevel_api_url": "https://services.example/x?canary=1"}, "GATEWAY_HIGHLEVEL_API_URL"),
        ({"public_url": "https://social.example/?canary=1"}, "GATEWAY_PUBLIC_URL"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_what_doctor_calls_wrong_does_not_start(
    change: dict[str, str], says: str, command: str, database_url: str, tmp_path: Path
) -> None:
    """A configuration that `doctor` calls wrong is refused by `serve` and `worker`, in the same words."""
    settings = {"database_url": database_url, "data_dir": str(tmp_path / "data"), **GOOD, **change}
    ran = run(command, **settings)
    assert (1, True) == (ran.code, says in ran.err), ran.err
    assert any(says in line for line in wrong(run("doctor", **settings)))
    assert "canary" not in ran.out + ran.err
    assert "Traceback" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ({"tiktok_client_key": "", "tiktok_client_secret": ""}, "TikTok application"),
        ({"public_url": None}, "public URL"),
    ],
    ids=["no application", "no public URL"],
)
def test_what_starts_is_not_wrong(
    change: dict[str, str | None], subject: str, database_url: str, tmp_path: Path
) -> None:
    """A gateway starts without an application and without a public URL: both are notes that say what does not work."""
    settings = {"database_url": database_url, "data_dir": str(tmp_path / "data"), **GOOD, **change}
    ran = run("doctor", **{name: value for name, value in settings.items() if value is not None})
    assert (0, True) == (ran.code, line_of(ran, subject).startswith("note")), ran.out


def test_a_query_of_a_consent_page_is_not_wrong(database_url: str, tmp_path: Path) -> None:
    """The gateway's own parameters are merged into it."""
    ran = examine(database_url, tmp_path, **HIGHLEVEL, highlevel_authorize_url=f"{PAGE}?version_id=65f0")
    assert (0, []) == (ran.code, wrong(ran)), ran.out


@pytest.mark.parametrize("way", disks.WAYS)
def test_a_data_folder_that_cannot_be_written_is_wrong(way: str, database_url: str, tmp_path: Path) -> None:
    """A full disk is noticed as well as a read-only one: an empty file could be created there."""
    with disks.broken(tmp_path / "data" / "spills", way):
        ran = examine(database_url, tmp_path)
    assert (1, True) == (ran.code, any("GATEWAY_DATA_DIR" in line for line in wrong(ran))), ran.out


def test_no_room_for_uploads_is_wrong(database_url: str, tmp_path: Path) -> None:
    """A disk whose free space is within the reserve takes no uploads, which the check says before a caller does."""
    ran = examine(database_url, tmp_path, upload_reserve_bytes=str(1 << 60))
    assert (1, True) == (ran.code, any("uploads" in line for line in wrong(ran))), ran.out


def test_a_misspelt_setting_is_a_note(database_url: str, tmp_path: Path) -> None:
    """An unknown setting is a note, since it is most often a typo."""
    ran = examine(database_url, tmp_path, grpc_adress="127.0.0.1:1")
    assert (0, True) == (ran.code, "GATEWAY_GRPC_ADRESS" in ran.out)


def test_a_wrong_key_is_noticed(database_url: str, tmp_path: Path) -> None:
    """The ring is held against the database, without writing anything that would shut the right key out."""
    run("api-keys", "list", database_url=database_url)
    other = f"k1:{base64.b64encode(os.urandom(32)).decode()}"
    ran = examine(database_url, tmp_path, encryption_keys=other)
    assert (1, True) == (ran.code, any("'k1'" in line for line in wrong(ran)))
    assert 0 == examine(database_url, tmp_path).code


def test_a_look_leaves_nothing_behind(database_url: str, tmp_path: Path) -> None:
    """No check value of a key is written: the right key may still be put in where a wrong one was looked at."""
    other = f"k1:{base64.b64encode(os.urandom(32)).decode()}"
    assert [0, 0] == [examine(database_url, tmp_path, encryption_keys=ring).code for ring in (other, RING)]

    with psycopg.connect(database_url) as connection:
        assert [] == connection.execute("SELECT key_id FROM key_checks").fetchall()


def line_of(ran: Ran, subject: str) -> str:
    """Return the one line about a subject."""
    [line] = [line for line in ran.out.splitlines() if line[5:].strip().startswith(f"{subject}:")]
    return line


def test_highlevel_alone_is_a_whole_configuration(database_url: str, tmp_path: Path) -> None:
    """With HighLevel's application alone TikTok's is not missing, and the API version is reported."""
    ran = examine(
        database_url, tmp_path, tiktok_client_key="", tiktok_client_secret="", highlevel_api_version="v3", **HIGHLEVEL
    )
    assert (0, []) == (ran.code, wrong(ran)), ran.out
    assert line_of(ran, "TikTok application").startswith("note")
    assert "API version v3" in line_of(ran, "HighLevel application")
    assert "canary" not in ran.out


def test_without_an_application_of_highlevel_its_addresses_are_not_looked_at(database_url: str, tmp_path: Path) -> None:
    """HighLevel is optional: without an application there is one note, which says what still works."""
    ran = examine(database_url, tmp_path)
    assert "Private Integration Token" in line_of(ran, "HighLevel application")
    assert 1 == ran.out.count("HighLevel application")
    assert "HighLevel addresses" not in ran.out


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ({"highlevel_authorize_url": "https://crm.example/somewhere"}, "HighLevel consent page"),
        (
            {
                **LOOPBACK,
                "highlevel_api_url": "http://127.0.0.1:9",
                "highlevel_authorize_url": "http://[::1]:9/oauth/chooselocation",
            },
            "HighLevel addresses",
        ),
    ],
    ids=["an unusual page", "a simulator"],
)
def test_what_may_surprise_at_highlevel_is_a_note(
    change: dict[str, str], subject: str, database_url: str, tmp_path: Path
) -> None:
    """A consent page on another host, and a simulator, are notes: both may be intended."""
    ran = examine(database_url, tmp_path, **HIGHLEVEL, **change)
    assert (0, True) == (ran.code, line_of(ran, subject).startswith("note")), ran.out


SIMULATOR = {"tiktok_api_url": "http://127.0.0.1:9", "tiktok_authorize_url": "http://127.0.0.1:9/authorize/"}


@pytest.mark.parametrize(
    "addresses",
    [
        {"tiktok_api_url": "https://open.tiktok.example", "tiktok_upload_hosts": "tiktok.example"},
        {**SIMULATOR, "allow_loopback_vendors": "true", "tiktok_upload_hosts": "127.0.0.1"},
        {**SIMULATOR, "allow_loopback_vendors": "true"},
    ],
    ids=["a domain above", "a simulator", "a simulator alone"],
)
def test_where_bytes_can_be_sent_is_not_wrong(addresses: dict[str, str], database_url: str, tmp_path: Path) -> None:
    """A listed domain covers its subdomains, and a simulator on this machine needs no list."""
    ran = examine(database_url, tmp_path, **addresses)
    assert (0, []) == (ran.code, wrong(ran)), ran.out


@pytest.mark.parametrize("setting", ["allow_loopback_vendors", "pull_allow_loopback"])
def test_loopback_beside_the_real_vendor_is_a_note(setting: str, database_url: str, tmp_path: Path) -> None:
    """What is meant for simulators opens this machine to addresses of strangers: doctor says how to shut it."""
    ran = examine(database_url, tmp_path, **{setting: "true"})
    [line] = [line for line in ran.out.splitlines() if "beside the real TikTok" in line]
    assert (0, True) == (ran.code, line.startswith("note")), ran.out
    assert f"GATEWAY_{setting.upper()}" in ran.out


def test_an_empty_database_is_a_note_when_a_start_would_fill_it(empty_database_url: str, tmp_path: Path) -> None:
    """A missing schema is a note if a start migrates it, and an error otherwise."""
    assert 0 == examine(empty_database_url, tmp_path).code
    by_hand = examine(empty_database_url, tmp_path, auto_migrate="false")
    assert (1, True) == (by_hand.code, "social-gateway migrate" in wrong(by_hand)[0])


def test_a_certificate_is_read(database_url: str, tmp_path: Path) -> None:
    """A matching certificate and key are fine, and the expiry is reported."""
    files = make_certificate(tmp_path, "server")
    ran = examine(database_url, tmp_path, tls_cert=str(files.cert), tls_key=str(files.key))
    assert (0, True) == (ran.code, "good for" in ran.out)


def test_a_running_gateway_is_no_fault(database_url: str, tmp_path: Path) -> None:
    """An address at which a gateway answers is reported as a running gateway."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = examine(database_url, tmp_path, http_address=address)
    assert (0, True) == (ran.code, f"{address} is in use" in ran.out)


def test_a_bare_environment_says_what_to_do_first() -> None:
    """Without any setting the first line leads on."""
    ran = execute(("doctor",), bare())
    assert (1, True) == (ran.code, "GATEWAY_ENCRYPTION_KEYS" in ran.out)


def test_a_missing_partition_is_wrong(database_url: str, tmp_path: Path) -> None:
    """Without the partitions of the coming week nothing could be stored: it says so, and what creates them."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        found = connection.execute("SELECT relname FROM pg_class WHERE relispartition AND relname LIKE 'events\\_2%'")
        for (name,) in found.fetchall():
            if not name.endswith("key") and "_by_" not in name and "location" not in name:
                connection.execute(f"DROP TABLE {name}")
    (line,) = wrong(examine(database_url, tmp_path))
    assert "events_2" in line
    assert "a process creates them when it starts" in line

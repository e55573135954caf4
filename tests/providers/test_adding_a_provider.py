"""The instructions of docs/adding-a-provider.md, carried out: its files, its one line, and a gateway with them.

Owns the parsing of the page. All code of the provider is in the page.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import httpx
import pytest

import providers
from gateway.cli.reference import describe
from gateway.settings import SettingsError, load, unknown_names
from providers import registry, simulators
from socialgateway.v1 import (
    account_service_pb2,
    connection_pb2,
    connection_service_pb2,
    provider_pb2,
    provider_service_pb2,
    video_service_pb2,
)
from tests.fixtures.app import CALLS, running, target_of
from tests.fixtures.client import Client
from tests.fixtures.settings import RING

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/adding-a-provider.md").read_text()
FILES = dict(re.findall(r"^`([\w/]+\.py)`\n\n```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
[LINE] = re.findall(r'^"(\w+)": "([\w.]+)"$', PAGE, re.MULTILINE)
REDIRECT = "https://app.example/oauth/postcards"
RUN = """
import sys
import pytest, providers, providers.simulators, tests.providers
from providers import registry
folder, name, where = sys.argv[1:4]
for package in (providers, providers.simulators, tests.providers):
    package.__path__.append(f"{folder}/{package.__name__.replace('.', '/')}")
registry.PROVIDERS[name] = where
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", ".", "-c", "pyproject.toml", *sys.argv[4:]]))
"""


def written(folder: Path) -> None:
    """Write the page's files into a folder."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the page's files importable and register the provider."""
    written(tmp_path)
    before = set(sys.modules)
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(tmp_path / "providers")])
    monkeypatch.setattr(simulators, "__path__", [*simulators.__path__, str(tmp_path / "providers/simulators")])
    monkeypatch.setitem(registry.PROVIDERS, *LINE)
    yield
    for name in set(sys.modules) - before:
        if "postcards" in name:
            del sys.modules[name]
    for package in (providers, simulators):
        vars(package).pop("postcards", None)


def test_nothing_outside_its_folder_changes() -> None:
    """All files of the page belong to the provider, its simulator or its tests."""
    own = ("providers/postcards/", "providers/simulators/postcards.py", "tests/providers/postcards/")

    assert 8 == len(FILES)
    assert [] == [name for name in FILES if not name.startswith(own)]
    assert not (ROOT / "providers/postcards").exists()


@pytest.mark.usefixtures("registered")
async def test_a_gateway_knows_the_new_provider(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is listed with its table; a user connects, and the cards are listed with their likes."""
    simulator = import_module("providers.simulators.postcards")
    monkeypatch.setenv("GATEWAY_POSTCARDS_CLIENT_ID", "id")
    monkeypatch.setenv("GATEWAY_POSTCARDS_CLIENT_SECRET", "canary-secret-of-postcards")
    vendor = simulator.Vendor()
    vendor.cards += [{"id": f"c{number}", "text": f"Card {number}", "likes": number} for number in range(3)]
    transport = httpx.ASGITransport(simulator.create_app(vendor))
    overrides = {"postcards": {"transport": transport}}
    folder = tmp_path / "gateway"
    async with (
        running(database_url, folder, roles=CALLS, overrides=overrides, allowed_redirect_uris=(REDIRECT,)) as gateway,
        httpx.AsyncClient(transport=transport) as browser,
    ):
        client = Client(target_of(gateway))
        shown = await client.providers.GetProvider(provider_service_pb2.GetProviderRequest(name="providers/postcards"))
        wanted = connection_pb2.Connection(provider="providers/postcards")
        request = connection_service_pb2.CreateConnectionRequest(
            parent="locations/l1", connection=wanted, redirect_uri=REDIRECT
        )
        made = await client.connections.CreateConnection(request)
        back = httpx.URL((await browser.get(made.authorization.uri)).headers["location"])
        done = await client.connections.CompleteConnection(
            connection_service_pb2.CompleteConnectionRequest(state=back.params["state"], code=back.params["code"])
        )
        listed = await client.accounts.ListAccounts(account_service_pb2.ListAccountsRequest(parent="locations/l1"))
        [account] = listed.accounts
        videos = await client.videos.ListVideos(video_service_pb2.ListVideosRequest(parent=account.name))
        hidden, shown_settings = gateway.settings.secrets(), f"{gateway.settings!r} {gateway.settings}"
        await client.channel.close()

    support = {each.capability: each.support for each in shown.capabilities}
    assert ("Postcards", provider_pb2.SUPPORT_FULL) == (shown.display_name, support[provider_pb2.CAPABILITY_OAUTH])
    assert (connection_pb2.Connection.VALID, "u1") == (done.status, done.provider_subject)
    assert ("postcards", "Ada") == (account.platform, account.display_name)
    assert [("Card 2", 2), ("Card 1", 1), ("Card 0", 0)] == [
        (each.title, each.metrics.like_count) for each in videos.videos
    ]
    assert "canary-secret-of-postcards" in hidden
    assert "canary" not in shown_settings


@pytest.mark.usefixtures("registered")
def test_its_settings_are_documented() -> None:
    """The provider's settings are listed like the gateway's own; a secret has no default."""
    listed = {name: (default, text) for name, default, text in describe() if "POSTCARDS" in name}

    assert ["GATEWAY_POSTCARDS_CLIENT_ID", "GATEWAY_POSTCARDS_CLIENT_SECRET", "GATEWAY_POSTCARDS_API_URL"] == list(
        listed
    )
    assert ("https://api.postcards.example", "Where the API of Postcards is.") == listed["GATEWAY_POSTCARDS_API_URL"]


@pytest.mark.usefixtures("registered")
def test_its_addresses_must_be_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its settings are refused like the gateway's own, by name and without the value; misspelt ones are reported."""
    monkeypatch.setenv("GATEWAY_ENCRYPTION_KEYS", RING)
    monkeypatch.setenv("GATEWAY_POSTCARDS_API_URL", "http://canary.example")

    with pytest.raises(SettingsError, match="GATEWAY_POSTCARDS_API_URL") as caught:
        load()
    assert "canary" not in str(caught.value)
    assert ["GATEWAY_POSTCARDS_KLIENT_ID"] == unknown_names(
        dict.fromkeys(("GATEWAY_POSTCARDS_KLIENT_ID", *known()), "")
    )


def known() -> list[str]:
    """Return the names of the provider's environment variables."""
    return [name for name, _, _ in describe() if "POSTCARDS" in name]


@pytest.mark.chaos
def test_the_contracts_run_over_it(tmp_path: Path) -> None:
    """The page's tests pass; only those of capabilities that its table does not promise are skipped."""
    written(tmp_path)
    command = [sys.executable, "-c", RUN, str(tmp_path), *LINE, "tests/providers/conformance", "-k", LINE[0], "-rs"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)

    assert 0 == done.returncode, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed, (\d+) skipped", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 30
    skipped = set(re.findall(r"test_\w+\.py:\d+: (\w+):", done.stdout))
    assert {"agency_grants", "revoke", "static_token", "creator_info", "video_query", "post_text"} <= skipped
    assert set() == skipped & {"oauth", "video_list", "metrics"}

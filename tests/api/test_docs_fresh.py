"""The pages that are printed from the code are what the code says now; what people wrote beside it names what is there.

Owns the comparison. The vendor's reference, where it is kept beside the checkout, says what must not be left out.
"""

import re
from pathlib import Path

import pytest

from gateway.cli import metrics_page, providers
from gateway.http.connections import STATUSES
from gateway.interceptors.scopes import METHOD_SCOPES
from gateway.status import REASONS
from providers.capabilities import Capability
from providers.tiktok.authorization import SCOPES
from providers.tiktok.webhooks import KINDS
from tests.api import print_errors
from tests.fixtures import reference

ROOT = Path(__file__).resolve().parents[2]
ERRORS = ROOT / "docs" / "errors.md"
METRICS = ROOT / "docs" / "metrics.md"
PROVIDERS = ROOT / "docs" / "providers.md"

SECTIONS = {
    "1.1": "Consent page",
    "1.2": "Code exchange",
    "1.3": "refresh,",
    "1.4": "`/v2/oauth/revoke/`",
    "1.5": "Client token",
    "1.6": "OAuth errors",
    "1.7": "QR login",
    "1.8": "Scopes",
    "1.9": "Sandbox",
    "2.1": "`/v2/user/info/`",
    "2.2": "`/v2/video/list/`",
    "2.3": "`/v2/video/query/`",
    "2.4": "covers that die after six hours",
    "3.1": "`/v2/post/publish/creator_info/query/`",
    "3.2": "`/v2/post/publish/video/init/`",
    "3.3": "`/v2/post/publish/inbox/video/init/`",
    "3.4": "`/v2/post/publish/content/init/`",
    "3.5": "Sending the file",
    "3.6": "`PULL_FROM_URL`",
    "3.7": "`/v2/post/publish/status/fetch/`",
    "3.8": "Duplicate safety",
    "3.9": "Limits of media",
    "3.10": "Rates and caps",
    "4": "standard errors",
    "5": "Webhooks:",
}
"""By the reference's own numbers: the words under which the page says what covers a section."""


def test_the_page_of_errors_is_fresh() -> None:
    """docs/errors.md equals what the printer prints now."""
    assert print_errors.page() == ERRORS.read_text(), "run: make docs"


def test_the_tables_of_providers_are_fresh() -> None:
    """The tables in docs/providers.md equal what the printer prints now."""
    page = PROVIDERS.read_text()
    assert providers.refreshed(page) == page, "run: make docs"


def test_the_table_of_metrics_is_fresh() -> None:
    """The table in docs/metrics.md equals what the printer prints now."""
    page = METRICS.read_text()
    assert metrics_page.refreshed(page) == page, "run: make docs"


def test_a_page_without_marks_is_not_printed_into() -> None:
    """What somebody wrote is never overwritten because a mark is missing."""
    with pytest.raises(ValueError):
        providers.refreshed("# Providers\n" + providers.BEGIN)


def test_every_reason_is_explained() -> None:
    """Each reason has its row, with a meaning, and none is cut short by a table's own sign."""
    rows = [
        line
        for line in ERRORS.read_text().splitlines()
        if re.match(r"\| `[A-Z_]+` \| `[A-Z_]+` \| (no|after|when)", line)
    ]
    assert list(print_errors.comments()) == [line.split("`")[1] for line in rows]
    assert set(REASONS) == set(print_errors.comments())
    assert {7} == {line.count("|") for line in rows}
    assert [] == [line for line in rows if not line.split("|")[5].strip().endswith(".")]


def test_every_capability_is_in_the_matrix() -> None:
    """A capability that the gateway knows is answered for each provider, with a note unless it is offered whole."""
    page = PROVIDERS.read_text()
    for table in providers.tables():
        for capability in Capability:
            assert f"| `{capability.name}` | " in page
            assert providers.WORDS[table.cell(capability).support] == "yes" or table.cell(capability).note


def test_what_is_named_is_there() -> None:
    """Every method, module and reason code that the page of providers names exists."""
    page = PROVIDERS.read_text()
    methods = set(re.findall(r"`(\w+Service\.\w+)`", page))
    modules = set(re.findall(r"`((?:gateway|providers|storage)/[\w/]+\.py)`", page))
    assert methods
    assert modules
    assert set() == methods - {name.replace("/", ".").rpartition(".v1.")[2] for name in METHOD_SCOPES}
    assert [] == sorted(name for name in modules if not (ROOT / name).is_file())
    assert set(STATUSES) - {"PENDING", "VALID", "LIMITED"} <= set(re.findall(r"`([A-Z]+)`", page))


def test_what_the_provider_knows_is_named() -> None:
    """Every scope and every event of a webhook that the code knows stands in the page."""
    page = PROVIDERS.read_text()
    known = {*SCOPES, *KINDS} - {"post.publish.no_longer_publicly_available"}
    assert [] == sorted(name for name in known if f"`{name}`" not in page)


def test_nothing_of_the_reference_is_left_out() -> None:
    """Every path, scope and event of the vendor's reference is covered, or named as not offered."""
    text, page = reference.text("tiktok-v2.md").partition("\n## 6.")[0], PROVIDERS.read_text()
    paths = set(re.findall(r"/v2/[a-z_/]+/", text))
    names = set(re.findall(r"`((?:user|video|post|authorization|portability)\.[a-z_.]+)`", text))
    assert len(paths) > 12
    assert len(names) > 12
    assert [] == sorted(name for name in paths | names - {"video.static.example.com"} if f"`{name}`" not in page)
    assert list(SECTIONS) == re.findall(r"^##+ ((?:[1-4]\.\d+|[45]))\.? ", text, re.MULTILINE)
    assert [] == [number for number, words in SECTIONS.items() if words not in page]

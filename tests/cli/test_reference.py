"""The page of settings is what the settings are now."""

import json
import re
from pathlib import Path

import pytest

from gateway import log, settings
from gateway.cli import reference
from gateway.settings import Settings
from tests.fixtures import logs
from tests.fixtures.settings import RING

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_fresh() -> None:
    """docs/settings.md equals what the printer prints now."""
    assert reference.page() == PAGE.read_text(), "run: .venv/bin/python -m gateway.cli.reference > docs/settings.md"


def test_every_setting_is_explained() -> None:
    """No setting without a sentence."""
    silent = [name for name, field in Settings.model_fields.items() if not (field.description or "").endswith(".")]
    assert [] == silent


def listed() -> list[tuple[str, str]]:
    """Return (variable, value) for every value that the page lists as one of a few."""
    found = re.findall(r"^\| `(\w+)` .* One of (.*)\. \|$", PAGE.read_text(), re.MULTILINE)
    return [(name, value) for name, values in found for value in re.findall("`([^`]+)`", values)]


@pytest.mark.parametrize(("name", "value"), listed())
def test_every_listed_value_is_taken(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting takes each value that its documentation lists, in any case."""
    monkeypatch.setenv("GATEWAY_ENCRYPTION_KEYS", RING)
    monkeypatch.setenv(name, value)
    assert value == getattr(settings.load(), name.removeprefix(settings.PREFIX).lower())


def test_the_formats_of_the_log_are_listed_and_mean_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """`json` is one object per line and `text` is plain text; `console`, its former name, still means `text`."""
    assert {("GATEWAY_LOG_FORMAT", "json"), ("GATEWAY_LOG_FORMAT", "text")} <= set(listed())
    monkeypatch.setenv("GATEWAY_ENCRYPTION_KEYS", RING)
    lines = {}
    for form in ("json", "text", "console"):
        monkeypatch.setenv("GATEWAY_LOG_FORMAT", form.upper())
        with logs.capture(form=settings.load().log_format) as stream:
            log.get("gateway.test").warning("loud", value=1)
        lines[form] = stream.getvalue()

    assert "loud" == json.loads(lines["json"])["event"]
    for form in ("text", "console"):
        assert ("{" in lines[form], "value=1" in lines[form]) == (False, True)

"""The page of settings is what the settings are now."""

from pathlib import Path

from gateway.cli import reference
from gateway.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_fresh() -> None:
    """docs/settings.md equals what the printer prints now."""
    assert reference.page() == PAGE.read_text(), "run: .venv/bin/python -m gateway.cli.reference > docs/settings.md"


def test_every_setting_is_explained() -> None:
    """No setting without a sentence."""
    silent = [name for name, field in Settings.model_fields.items() if not (field.description or "").endswith(".")]
    assert [] == silent

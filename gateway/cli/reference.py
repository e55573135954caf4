"""docs/settings.md, generated from the settings: `python -m gateway.cli.reference > docs/settings.md`.

Owns the page's layout. The names, defaults and descriptions come from `gateway/settings.py`; a test compares the page
with them.
"""

from collections.abc import Iterator

from pydantic import SecretStr

from gateway import provider_settings
from gateway.settings import PREFIX, Settings

HEAD = """# Settings

Every setting is an environment variable. This page is generated from the code
(`python -m gateway.cli.reference > docs/settings.md`); a test fails when it is out of date. A variable set to nothing
counts as unset where that makes sense; an unknown `GATEWAY_…` name is logged as a warning at start;
`social-gateway doctor` checks all of them and what they refer to.

Only `GATEWAY_ENCRYPTION_KEYS` is required: `social-gateway keys new` creates one.

| variable | default | meaning |
|---|---|---|
"""


def page() -> str:
    """Return the whole page."""
    return HEAD + "".join(f"| `{name}` | {_code(default)} | {text} |\n" for name, default, text in describe())


def describe() -> Iterator[tuple[str, str, str]]:
    """Yield (variable, default as text, description) for each setting, in order."""
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=False)
        if isinstance(default, SecretStr) or default is None:
            default = ""
        text = ",".join(default) if isinstance(default, tuple) else str(default)
        yield (
            PREFIX + name.upper(),
            "~/.local/share/social-gateway" if name == "data_dir" else text,
            field.description or "",
        )
    for provider, setting in provider_settings.declared(Settings.model_fields):
        yield PREFIX + provider_settings.variable(provider, setting), setting.default, setting.description


def _code(default: str) -> str:
    return f"`{default}`" if default else ""


if __name__ == "__main__":
    print(page(), end="")

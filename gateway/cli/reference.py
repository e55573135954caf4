"""docs/settings.md, printed from the settings themselves: `python -m gateway.cli.reference > docs/settings.md`.

Owns the page's layout. The names, defaults and sentences are `gateway/settings.py`'s; a test compares.
"""

from gateway.settings import describe

HEAD = """# Settings

Every setting is an environment variable. This page is printed from the code
(`python -m gateway.cli.reference > docs/settings.md`); a test fails when it is out of date. A variable set to nothing
counts as unset where that makes sense; an unknown `GATEWAY_…` name is warned about at start;
`social-gateway doctor` looks at all of them and at what they lead to.

Only `GATEWAY_ENCRYPTION_KEYS` is required: `social-gateway keys new` makes one.

| variable | default | meaning |
|---|---|---|
"""


def page() -> str:
    """Return the whole page."""
    return HEAD + "".join(f"| `{name}` | {_code(default)} | {text} |\n" for name, default, text in describe())


def _code(default: str) -> str:
    return f"`{default}`" if default else ""


if __name__ == "__main__":
    print(page(), end="")

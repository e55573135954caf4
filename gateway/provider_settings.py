"""The settings that providers declare themselves, so that adding a provider changes nothing here.

Owns their variable names and how they are read. Those of TikTok and HighLevel are fields of `settings.Settings`.
"""

from collections.abc import Collection, Iterator, Mapping

from providers import registry
from providers.settings import Setting

Declared = Mapping[str, Mapping[str, str]]
"""Values by provider and setting name, secrets in plain text."""


def declared(fields: Collection[str]) -> Iterator[tuple[str, Setting]]:
    """Yield (provider, setting) for every provider that has no fields of its own in `fields`."""
    for provider in registry.PROVIDERS:
        if not any(field.startswith(f"{provider}_") for field in fields):
            yield from ((provider, setting) for setting in registry.settings(provider))


def variable(provider: str, setting: Setting) -> str:
    """Return the name of a setting's environment variable, without the common prefix."""
    return f"{provider}_{setting.name}".upper()


def read(fields: Collection[str], environment: Mapping[str, str], prefix: str) -> dict[str, dict[str, str]]:
    """Read all declared settings from the environment; an empty variable means the default."""
    found: dict[str, dict[str, str]] = {}
    for provider, setting in declared(fields):
        value = environment.get(prefix + variable(provider, setting), "").strip()
        found.setdefault(provider, {})[setting.name] = value or setting.default
    return found

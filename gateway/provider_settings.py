"""The settings that registered providers declare by themselves, so that a new provider changes nothing here.

Owns their variables and how they are read. Those of TikTok and HighLevel are fields of `settings.Settings`.
"""

from collections.abc import Collection, Iterator, Mapping

from providers import registry
from providers.settings import Setting

Declared = Mapping[str, Mapping[str, str]]
"""By provider and name, in clear."""


def declared(fields: Collection[str]) -> Iterator[tuple[str, Setting]]:
    """Yield provider and setting of each that has no field of its own among `fields`."""
    for provider in registry.PROVIDERS:
        if not any(field.startswith(f"{provider}_") for field in fields):
            yield from ((provider, setting) for setting in registry.settings(provider))


def variable(provider: str, setting: Setting) -> str:
    """Return the name of a setting's variable, without the prefix of all."""
    return f"{provider}_{setting.name}".upper()


def read(fields: Collection[str], environment: Mapping[str, str], prefix: str) -> dict[str, dict[str, str]]:
    """Read all of them; what is set to nothing has its default."""
    found: dict[str, dict[str, str]] = {}
    for provider, setting in declared(fields):
        value = environment.get(prefix + variable(provider, setting), "").strip()
        found.setdefault(provider, {})[setting.name] = value or setting.default
    return found

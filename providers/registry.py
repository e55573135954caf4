"""The registry of providers: a new provider adds one line, its name and its package.

Owns the list of providers. Imports a provider only when it is built.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from typing import Any, cast

from providers.capabilities import Capability
from providers.interface.provider import Provider
from providers.settings import Setting

PROVIDERS: dict[str, str] = {
    "tiktok": "providers.tiktok",
    "highlevel": "providers.highlevel",
}


def settings(name: str) -> tuple[Setting, ...]:
    """Return the settings that a provider declares; raises KeyError for a name that is not registered."""
    declared: tuple[Setting, ...] = getattr(import_module(f"{PROVIDERS[name]}.config"), "SETTINGS", ())
    return declared


def build(name: str, settings: Mapping[str, Any], *, clock: Callable[[], datetime], **seams: Any) -> Provider:
    """Build the provider called `name` from its settings, with the keys that `providers/<name>/config.py` reads.

    Raises KeyError for a name that is not registered. `seams` are passed on to the provider's `build` (tests replace
    the transport).
    """
    module = import_module(PROVIDERS[name])
    return cast(Provider, module.build(settings, clock=clock, **seams))


def providers_with(providers: Mapping[str, Provider], capability: Capability) -> frozenset[str]:
    """Return the names of the providers whose table has the capability."""
    return frozenset(name for name, provider in providers.items() if provider.table.can(capability))

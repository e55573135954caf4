"""The settings that a provider declares by itself: `SETTINGS` in its config.py.

Owns their shape. Where an operator sets them, and how they are read, is the gateway's business.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, set as GATEWAY_PROVIDER_NAME in capitals; what `secret` holds is never shown.

    One whose name ends with `_url` must be an https address, as every address that carries secrets.
    """

    name: str
    description: str
    default: str = ""
    secret: bool = False

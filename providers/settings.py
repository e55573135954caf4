"""The settings that a provider declares as `SETTINGS` in its config.py.

Owns their shape. The gateway reads them from the operator's environment.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, read from GATEWAY_PROVIDER_NAME in capitals; the value of a `secret` one is never shown.

    A setting whose name ends with `_url` must be an https URL, like every URL that secrets are sent to.
    """

    name: str
    description: str
    default: str = ""
    secret: bool = False

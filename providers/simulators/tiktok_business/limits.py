"""The rate limits of an app: per second, per minute and per day (UTC), for each endpoint.

Owns: the windows, and the message that tells which of them is full: there is no header and no other sign of it.
"""

from collections import Counter
from datetime import datetime

from providers.simulators.tiktok_business.config import SimulatorConfig
from providers.simulators.tiktok_business.errors import VendorError


class Windows:
    """The calls of an app in the present second, minute and day."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def admit(self, operation: str, now: datetime) -> None:
        """Count one call, also one that is refused. Raise VendorError 40100 when a window is full."""
        config = self._config
        windows = (
            ("QPS", f"{now:%Y%m%d%H%M%S}", config.per_second),
            ("QPM", f"{now:%Y%m%d%H%M}", config.per_minute),
            ("QPD", f"{now:%Y%m%d}", config.per_day),
        )
        for name, window, limit in windows:
            self._counts[name, window, operation] += 1
            count = self._counts[name, window, operation]
            if count > limit:
                raise VendorError(
                    40100, f"App {config.client_key} reaches the {name} limit {limit}, current {name} is {count}"
                )

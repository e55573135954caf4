"""One gRPC service, as the server registers it.

Owns the triple of descriptor, registration function and servicer. Knows no particular service.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its descriptor, the generated function that adds a servicer to a server, and its servicer."""

    descriptor: Any
    add: Callable[[Any, Any], None]
    servicer: Any

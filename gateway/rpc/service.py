"""One gRPC service, as the server registers it.

Owns the triple of descriptor, registration function and servicer. Knows no particular service.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its descriptor, the generated function that registers it, and its servicer."""

    descriptor: Any
    add: Callable[[Any, grpc.aio.Server], None]
    servicer: Any

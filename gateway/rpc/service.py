"""One gRPC service as the server needs it.

Owns the triple of descriptor, registration function and servicer. Knows no service in particular.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its descriptor, the generated function that adds it, and the object that serves it."""

    descriptor: Any
    add: Callable[[Any, grpc.aio.Server], None]
    servicer: Any

"""TikTok's API for Business as a stateful ASGI app that checks what TikTok checks and can be made to fail.

Owns: the public names of the simulator. Knows nothing of the provider.
"""

from providers.simulators.faults import ConnectionDropped, Fault
from providers.simulators.tiktok_business.accounts import SimAccount, SimComment, SimVideo
from providers.simulators.tiktok_business.app import create_app
from providers.simulators.tiktok_business.config import SCOPES, SimulatorConfig
from providers.simulators.tiktok_business.state import Vendor

__all__ = [
    "SCOPES",
    "ConnectionDropped",
    "Fault",
    "SimAccount",
    "SimComment",
    "SimVideo",
    "SimulatorConfig",
    "Vendor",
    "create_app",
]

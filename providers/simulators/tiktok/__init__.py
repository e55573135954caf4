"""TikTok's v2 API as a stateful ASGI app that checks what TikTok checks and can be made to fail.

Owns: the public names of the simulator. Knows nothing of the provider.
"""

from providers.simulators.faults import ConnectionDropped, Fault
from providers.simulators.tiktok.app import create_app
from providers.simulators.tiktok.config import SCOPES, SimulatorConfig
from providers.simulators.tiktok.publications import Post
from providers.simulators.tiktok.state import Vendor
from providers.simulators.tiktok.users import SimUser

__all__ = ["SCOPES", "ConnectionDropped", "Fault", "Post", "SimUser", "SimulatorConfig", "Vendor", "create_app"]

"""HighLevel's API (the Social Planner and what it needs) as a stateful ASGI app that refuses what live users report.

Owns: the public names of the simulator. Knows nothing of the provider.
"""

from providers.simulators.faults import ConnectionDropped, Fault
from providers.simulators.highlevel.app import create_app
from providers.simulators.highlevel.config import SCOPES, SimulatorConfig
from providers.simulators.highlevel.ledger import Published
from providers.simulators.highlevel.state import Vendor
from providers.simulators.highlevel.tenants import SimUser

__all__ = ["SCOPES", "ConnectionDropped", "Fault", "Published", "SimUser", "SimulatorConfig", "Vendor", "create_app"]

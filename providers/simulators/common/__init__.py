"""What every simulator is built from: time and tasks, fault injection, control endpoints, pages, webhook deliveries.

Owns: the parts that do not depend on a vendor. Knows nothing of a vendor's API; each simulator passes in what differs.
"""

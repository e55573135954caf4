"""The seeded simulation: several gateways in one process, in virtual time, over a real PostgreSQL (`make simulate`)."""

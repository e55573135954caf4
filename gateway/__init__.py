"""The service: its entry points (gRPC, HTTP, jobs) and the domain logic behind them.

Owns the direction of calls: entry points call the domain, and the domain calls providers and storage.
Does not know a vendor's wire format or a table's columns: those live in `providers` and `storage`.
"""

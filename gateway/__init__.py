"""The service itself: what callers may ask, the rules, and the entrances (gRPC, HTTP, jobs).

Owns the direction of every call: entrances above rules above providers and storage.
Does not know a vendor's wire format nor a row's columns: those live in `providers` and `storage`.
"""

"""The rules: what may happen, in which order, and what is refused.

Owns every decision of the gateway as plain functions over storage and providers.
Does not know gRPC, HTTP, jobs, SQL or a vendor's wire format.
"""

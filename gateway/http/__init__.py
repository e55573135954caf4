"""The HTTP edge: what browsers and probes reach.

Owns the one entrance that speaks HTTP. Knows the rules, no gRPC and no vendor.
"""

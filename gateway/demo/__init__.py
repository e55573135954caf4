"""The demo: everything a caller does, on this machine, against a simulated vendor.

Owns an ordinary client of the gateway, and the processes that it starts. Knows neither the domain nor storage: it only
uses gRPC and HTTP, like any other caller.
"""

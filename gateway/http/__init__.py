"""The HTTP edge: pages for browsers, webhooks and media for vendors, health for probes.

Owns everything that speaks HTTP. Calls the domain; knows neither gRPC nor any vendor.
"""

"""The gRPC entry point: one servicer per noun, which parses the request, calls the domain, and builds the response.

Owns the conversions between the contract's messages and the domain's types. Makes no decisions.
"""

"""The vendors as stateful ASGI apps: for the tests, the demo, and a user's own CI.

Owns: what a vendor checks, remembers and answers. Knows nothing of the gateway or of its providers.
"""

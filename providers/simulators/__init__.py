"""The vendors as stateful ASGI apps: for the tests, for the demo, and for a user's own CI.

Owns: what a vendor checks, remembers and answers. Knows nothing of the gateway, nor of the providers that call it.
"""

"""Clients of other languages: their stubs, and the examples as real programs against a real gateway.

`make test-clients` runs them. Each needs its language's tools, and is skipped without, loudly.
"""

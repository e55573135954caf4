"""The tests: real servers, a real PostgreSQL, and the vendors as simulators.

Owns the proof of every promise in the contract and the documentation.
Does not mock our own functions and never waits for wall-clock time to pass.
"""

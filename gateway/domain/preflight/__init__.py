"""The preflight check: everything that would refuse a post, found before anything is sent.

Owns the rules and the order in which they are reported. Writes nothing and publishes nothing.
"""

"""The preflight check: everything for which a post would be refused is found before anything is sent.

Owns the rules and the order in which they are reported. Writes nothing and publishes nothing.
"""

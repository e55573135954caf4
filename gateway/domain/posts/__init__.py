"""Posts as callers see them: one file per RPC, named after its verb.

Owns which operations a post allows, and in which state. Delivering a post to its vendor is `publishing`.
"""

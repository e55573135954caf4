"""Posts as callers see them: the verb of the RPC is the file.

Owns what may be done with a post, and in which state. Carrying a post to its vendor is `publishing`.
"""

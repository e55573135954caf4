"""Credentials: the token pairs behind a connection, and the status that follows from them.

Owns refreshing, storing and lending tokens. Does not know connections as callers see them.
"""

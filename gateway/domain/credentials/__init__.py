"""Credentials: the tokens behind a connection, and the connection status that follows from them.

Owns lending, refreshing and storing tokens. Does not know connections as callers see them.
"""

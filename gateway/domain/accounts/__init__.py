"""Accounts: the vendor profiles, creators and network accounts that a connection reaches.

Owns the copies of profiles and account lists, and attaching a network account to a grant. Does not know posts.
"""

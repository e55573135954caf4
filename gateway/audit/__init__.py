"""The audit log: an entry for each call that changes something and for each use of a token, in a chain of hashes.

Owns who an entry is about, when it is written, the chain, and its verification. Does not know the tables
(`storage/audit.py`), nor what a call does.
"""

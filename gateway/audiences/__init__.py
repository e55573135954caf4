"""Identifiers of people as audiences take them: normalised, hashed, and nothing else of them kept.

Owns the rules of normalising and hashing, and the files of digests. Knows no vendor's API, nor a database or transport.
"""

"""Callers beside those with API keys: JSON Web Tokens of their own issuers, and client certificates.

Owns the file that maps claims and names to callers, the issuers' keys, and the verification. Does not know transports.
"""

"""Rows, encrypted values and blobs: what the gateway stores, and how it protects it.

Owns PostgreSQL, the encryption of secrets at rest, and the bytes of uploads.
Does not know business rules or vendors, and never imports `gateway` or `providers`.
"""

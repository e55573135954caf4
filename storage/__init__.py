"""Rows, seals and blobs: what is kept, and how it is kept safe.

Owns PostgreSQL, the encryption of secrets at rest, and the bytes of uploads.
Does not know rules or vendors, and never imports `gateway` or `providers`.
"""

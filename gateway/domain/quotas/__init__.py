"""Quotas: how many calls and posts a vendor allows, and how many were used.

Owns the rate limiter, the daily caps and the ledger behind both. Does not know why a call is made.
"""

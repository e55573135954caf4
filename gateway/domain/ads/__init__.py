"""Paid campaigns: ad accounts, what is below them, launching it with guarded money, and what it brought.

Owns the journal of writes to a vendor of ads, and which of them need a person's word. Knows no transport.
"""

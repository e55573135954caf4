"""Everything that knows a social network: its calls, its limits, its errors, its simulator.

Owns the translation between a vendor's words and ours.
Does not know callers, rows or jobs, and never imports `gateway` or `storage`.
"""

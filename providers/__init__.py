"""Everything vendor-specific: the calls, limits, errors and simulator of each social network.

Owns the translation between a vendor's vocabulary and ours.
Does not know callers, rows or jobs, and never imports `gateway` or `storage`.
"""

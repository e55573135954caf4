"""The planner: labels and bulk imports at a vendor that keeps posts until they are due.

Owns both nouns; the verb of the RPC is the file. Does not know single posts.
"""

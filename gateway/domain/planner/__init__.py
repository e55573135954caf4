"""The planner: labels and bulk imports at a vendor that keeps posts until their time.

Owns both nouns. Does not know single posts.
"""

"""Engagement: metrics and comments of an account.

Owns reading them and writing comments exactly once. Does not know how posts get published.
"""

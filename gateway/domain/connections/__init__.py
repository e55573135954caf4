"""Connections: from the first consent to the end of a grant.

Owns what may be done with a connection and when. Does not know how tokens are stored, nor what gets published.
"""

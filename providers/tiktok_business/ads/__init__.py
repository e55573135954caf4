"""TikTok's Marketing API: ad accounts, the tree below them, media, identities and reports of an advertiser's grant.

Owns everything specific to that API. Knows neither callers nor rows.
"""

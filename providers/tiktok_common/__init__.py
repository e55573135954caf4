"""What TikTok's two APIs have in common: single values in their JSON, pairs of tokens, the signature of webhooks.

Owns these parts. Knows neither of the two APIs, nor what a call is for.
"""

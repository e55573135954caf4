"""Webhooks: from a vendor's delivery to what it changes here.

Owns verifying, storing and applying deliveries. Does not know HTTP.
"""

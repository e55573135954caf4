"""Frozen dataclasses in our vocabulary that cross the provider interface, one file per noun.

They have no vendor field names; the vendor's own JSON is in `raw` where it is kept.
They know neither storage, nor protos, nor any provider.
"""

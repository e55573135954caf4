"""Frozen values in our vocabulary that cross the provider interface, one file per noun.

They carry no vendor field names; what the vendor said verbatim stands in `raw` where it is kept.
They know neither storage, nor protos, nor any provider.
"""

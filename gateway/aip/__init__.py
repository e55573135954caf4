"""The habits of a resource-oriented API: names, pages, masks, required fields, request ids.

Owns what every method checks in the same way, from descriptors. Does not know a resource's rules, storage or gRPC.
"""

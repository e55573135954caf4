"""Google's API Improvement Proposals (AIP): resource names, paging, field masks, required fields, request ids.

Owns the checks that are the same for every method. Does not know any resource's rules, storage or gRPC.
"""

"""The Marketing API of the simulated API for Business: advertisers, the tree below them, files, identities, reports.

Owns: everything that an advertiser's token opens. Knows nothing of account holders.
"""

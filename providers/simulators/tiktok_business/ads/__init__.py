"""The calls of the Marketing API: advertisers' grants, the tree below an ad account, files, identities, reports.

Owns: everything that an advertiser's token opens. Knows nothing of account holders; the state is in `marketing/`.
"""

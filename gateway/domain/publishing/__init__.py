"""Publishing: what runs because it is due, from the first step of a post to its outcome.

Owns the journal, its steps and the reconciliation of lost responses. Does not know how posts are created or edited.
"""

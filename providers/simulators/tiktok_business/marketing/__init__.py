"""What the Marketing API knows: ad accounts and their grants, trees of nodes, files, and how money is spent.

Owns: the state. Knows nothing of HTTP requests; the calls are in `ads/`.
"""

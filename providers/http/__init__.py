"""How vendors are called over HTTP: one client factory, one transport, bounded answers, honest failures.

Owns what is the same for every vendor: what was surely not sent, what may have happened, how much is read, what is
hidden. Knows no vendor and no path.
"""

"""How vendors are called over HTTP: one client factory, one transport, bounded answers, precise errors.

Owns what is the same for every vendor: whether a failed request was sent, how much is read, what is redacted. Knows no
vendor and no path.
"""

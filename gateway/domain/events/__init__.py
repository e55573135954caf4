"""Events: reading and streaming what happened, of one location or of all that a caller may read.

Owns cursors and the order of delivery. Does not know what the types mean: who changes something writes its event.
"""

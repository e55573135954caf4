"""What every call passes through, in this order: errors, request id, log, authentication, limits, deadline, fields.

Owns the frame around the servicers (`frame.py` wraps, the other files are its steps). Does not know any method's work.
"""

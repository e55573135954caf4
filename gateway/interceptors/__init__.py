"""The pipeline of every call: errors, request id, log, authentication, limits, deadline, required fields.

Owns the handler around the servicers: `pipeline.py` runs the steps, one file each. Does not know what methods do.
"""

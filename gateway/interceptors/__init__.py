"""What every call passes through, in order: errors, request id, log, authentication, limits, deadline, required fields.

Owns the pipeline around the servicers: `pipeline.py` runs the steps, one file each. Knows no method's work.
"""

"""Media probing: container, codec, dimensions, frame rate and duration of an untrusted file.

Owns the probe, which runs in a separate process (`worker.py`) driven by `probe.py`. Does not know what may be posted,
nor a database or transport.
"""

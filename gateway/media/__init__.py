"""What is inside a file that a stranger gave us: container, codec, size, rate, duration.

Owns the looking, in a process of its own (`worker.py`) that is driven from here (`probe.py`). Knows no rule about what
may be posted, no database and no transport.
"""

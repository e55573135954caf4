"""Key management services that wrap data keys, each through its own official client, which blocks.

Owns the calls and what their refusals mean. Does not know what is wrapped, nor when a service is asked again.
"""

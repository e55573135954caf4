"""The rules' own door to the errors they raise.

Owns nothing: `gateway/errors.py` holds the classes, below both the rules and the names of `gateway/aip`.
Does not know transports.
"""

from gateway.errors import *  # noqa: F403

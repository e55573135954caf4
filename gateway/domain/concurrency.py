"""Several workers at one thing: who may go on, for how long, and what to do when another was faster.

Owns the lease, the retry until the database answers, and the second look after a lost compare-and-swap. Knows no noun.
"""

from datetime import datetime, timedelta

from gateway.domain.context import Domain


class Superseded(Exception):
    """Another worker moved this attempt on: stop, and leave the rest to it."""


def lease_end(domain: Domain) -> datetime:
    """Return when the sweeper should look for a post that its worker does not speak of again."""
    return domain.clock() + timedelta(seconds=30)

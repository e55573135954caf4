"""`social-gateway restored`: make a database safe to serve that was restored from a backup.

Owns the command. What is held, and why, is `gateway/domain/publishing/restored.py`.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections import Counter


def restored(
    ran_until: Annotated[
        datetime,
        typer.Option(
            "--ran-until",
            formats=["%Y-%m-%dT%H:%M:%SZ"],
            help="When the last process stopped that ran on the lost database, in UTC: 2026-01-31T12:00:00Z. If you do "
            "not know, the time at which you noticed.",
        ),
    ],
    hold: Annotated[
        bool, typer.Option("--hold", help="Hold the posts. Without this they are only counted, and nothing is changed.")
    ] = False,
) -> None:
    """Hold the posts that may have gone out after a backup was made, before a gateway serves the restored database.

    A backup does not know what happened after it: a post that was on its way then may be published by now, and would be
    published once more. Each such post becomes INDETERMINATE, with the reason OUTCOME_UNKNOWN and an event; look at the
    network, then RetryPost sends it again. Posts whose time comes after --ran-until stay as they are. About audiences
    whose members were about to be sent the vendor is asked first.

    Not needed if every process had stopped before the backup was made.

    Examples:

        social-gateway restored --ran-until 2026-01-31T12:00:00Z

        social-gateway restored --ran-until 2026-01-31T12:00:00Z --hold
    """
    from gateway.cli.running import run_async

    counted = run_async(_restored(ran_until.replace(tzinfo=UTC), hold))
    total = sum(counted.values())
    states = ", ".join(f"{number} {state}" for state, number in sorted(counted.items()))
    shown = f"{total} post{'s' if total > 1 else ''} ({states})" if total else "No post"
    was = "were" if total > 1 else "was"
    typer.echo(f"{shown} {was} held." if hold else f"{shown} would be held. Nothing was changed: --hold does it.")


async def _restored(ran_until: datetime, hold: bool) -> "Counter[str]":
    from collections import Counter

    from gateway import clock
    from gateway.audit import acts
    from gateway.cli.acting import act_as_operator
    from gateway.cli.database import opened, require_schema
    from gateway.command_error import CommandError
    from gateway.domain.publishing import restored

    now = clock.now()
    if ran_until > now:
        raise CommandError(f"--ran-until {ran_until:%Y-%m-%dT%H:%M:%SZ} is in the future")
    async with opened() as resources:
        await require_schema(resources)
        if not hold:
            return Counter(await restored.count(resources.db, ran_until))
        act_as_operator("restored")
        async with resources.db.transaction() as tx:
            await acts.record(tx, now)
        await restored.doubt_audiences(resources.db, now)
        return Counter(await restored.hold(resources.db, ran_until, now))

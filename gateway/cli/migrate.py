"""`social-gateway migrate`.

Owns the command. The migrations are `storage/migrations`.
"""


def migrate() -> None:
    """Migrate the database to this version's schema.

    Running several at the same time is safe, and a newer schema is left unchanged. `serve` and `worker` migrate by
    themselves, unless GATEWAY_AUTO_MIGRATE=false: then they wait for this command.
    """
    import typer

    from gateway.cli.running import run_async

    typer.echo(run_async(_migrate()))


async def _migrate() -> str:
    from gateway.cli.database import LOCKED, MIGRATION_SECONDS, opened
    from gateway.command_error import CommandError
    from storage import migrate, schema
    from storage.database import DatabaseBusy

    async with opened() as resources:
        before = await schema.current(resources.db)
        try:
            await migrate.upgrade(resources.db, lock_seconds=MIGRATION_SECONDS)
        except DatabaseBusy:
            raise CommandError(LOCKED) from None
        after = await schema.current(resources.db)
    if before == after:
        return f"The schema is already at {after}. ({resources.place})"
    return f"Migrated the schema from {before or 'nothing'} to {after}. ({resources.place})"
